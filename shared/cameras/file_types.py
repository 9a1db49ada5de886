"""Which files are photos and which are videos, by their names; what they hold is seen when they are read."""

from pathlib import Path

PHOTOS = {".bmp", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
VIDEOS = {".avi", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"}


def find_files(folder: Path) -> list[Path]:
    """Photos and videos in a folder and the folders in it, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOS | VIDEOS and path.is_file())
