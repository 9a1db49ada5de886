"""File names of images and videos. No imaging library here: the supervisor and `digitcam read` list files first."""

from pathlib import Path

IMAGES = """avif bmp dds dib exr hdr heic heif hif ico jfif jp2 jpe jpeg jpg pam pbm pcx pdf pfm pgm png pnm ppm psd qoi
    ras tga tif tiff webp"""
VIDEOS = """3g2 3gp apng asf avi dv f4v flv gif h264 h265 hevc m2ts m2v m4v mjpeg mjpg mkv mov mp4 mpeg mpg mts mxf nut
    ogg ogv qt rm ts vob webm wmv y4m"""
IMAGE_SUFFIXES, VIDEO_SUFFIXES = ({f".{name}" for name in names.split()} for names in (IMAGES, VIDEOS))


def find_media_files(folder: Path) -> list[Path]:
    """Return the images and videos in a folder and its subfolders, sorted by path."""
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())


def find_images(folder: Path) -> list[Path]:
    """Return the images in a folder and its subfolders, sorted by path."""
    return [path for path in find_media_files(folder) if path.suffix.lower() in IMAGE_SUFFIXES]
