"""File names of images and videos. No imaging library here: the supervisor and `digitcam read` list files first."""

from pathlib import Path

IMAGE_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
VIDEO_SUFFIXES = {".avi", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"}


def find_media_files(folder: Path) -> list[Path]:
    """Return the images and videos in a folder and its subfolders, sorted by path."""
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
