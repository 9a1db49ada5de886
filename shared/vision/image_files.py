"""Loads photos and videos from files, or tells in one sentence why that fails."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.generic]


def load_photo(path: Path) -> Picture:
    """Return a photo as H x W x 3 (BGR), turned as its EXIF says; a PNG unchanged: gray, 16 bits or transparent.

    Raises ValueError in one sentence.
    """
    if not path.is_file():
        raise ValueError("there is no such file")
    flags = cv2.IMREAD_UNCHANGED if path.suffix.lower() == ".png" else cv2.IMREAD_COLOR
    try:
        picture = cv2.imread(str(path), flags)
    except cv2.error as error:
        raise ValueError(f"this picture is too large or broken ({error.err})") from error
    if picture is None:
        raise ValueError("this is not a picture that can be read")
    return np.asarray(picture)


def load_video(path: Path) -> Iterator[Picture]:
    """Yield the frames of a video, H x W x 3 (BGR), as far as it decodes. Raises ValueError if none does."""
    if not path.is_file():
        raise ValueError("there is no such file")
    video = cv2.VideoCapture(str(path))
    try:
        good, frame = video.read()
        if not good:
            raise ValueError("this is not a video that can be read")
        while good:
            yield np.asarray(frame)
            good, frame = video.read()
    finally:
        video.release()
