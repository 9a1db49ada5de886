"""Turns, mirrors, crops and thins out a camera's frames as its options and the EXIF of its JPEGs say."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from services.capture.frames import JPEG_END, FrameStream, encode_jpeg
from shared.cameras.options import CameraOptions
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.vision.jpeg import decode_checked

EXIF = b"Exif\0\0"
ORIENTATION = 0x0112
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
# EXIF orientation -> (degrees clockwise, then mirrored) that make the picture upright
UPRIGHT = {
    2: (0, True),
    3: (180, False),
    4: (180, True),
    5: (90, True),
    6: (90, False),
    7: (270, True),
    8: (270, False),
}
EARLY = 0.1  # of the interval between two frames: how much a frame may be early for #fps

Pixels = NDArray[np.uint8]


def transform_frames(frames: FrameStream, options: CameraOptions) -> FrameStream:
    """Yield the frames as they are to be read; those that need no change pass through undecoded."""
    due_at = 0.0
    try:
        for frame in frames:
            if options.fps:
                if frame.captured_at < due_at - EARLY / options.fps:
                    continue
                due_at = max(due_at + 1 / options.fps, frame.captured_at)
            yield replace(frame, jpeg=transform_jpeg(complete_jpeg(frame.jpeg), options))
    finally:
        frames.close()


def complete_jpeg(jpeg: bytes) -> bytes:
    """Return the JPEG with an end marker. Some cameras leave it out; a picture that is cut off stays broken."""
    return jpeg if jpeg.endswith(JPEG_END) else jpeg + JPEG_END


def transform_jpeg(jpeg: bytes, options: CameraOptions) -> bytes:
    """Return the JPEG upright and changed as the options say. A broken one is returned as it is, to be counted.

    So is nothing if the changed picture would be too large.
    """
    upright = UPRIGHT.get(read_orientation(jpeg))
    if not upright and not options.changes_pixels:
        return jpeg
    try:
        pixels = decode_checked(jpeg, "BGR")
    except ValueError:
        return jpeg
    if upright:
        pixels = turn(pixels, *upright)
    pixels = turn(pixels, options.rotate, options.mirror)
    if options.crop:
        height, width = pixels.shape[:2]
        x, y, crop_width, crop_height = options.crop
        pixels = pixels[y : y + crop_height, x : x + crop_width]
        if not pixels.size:
            raise CameraAbsentError(CameraProblem.OUTSIDE, f"{width} x {height} pixels")
    try:
        return encode_jpeg(pixels)
    except ValueError:
        return b""


def turn(pixels: Pixels, degrees: int, mirror: bool) -> Pixels:
    """Return an image turned clockwise and then mirrored."""
    turned = cv2.rotate(pixels, TURNS[degrees]) if degrees else pixels
    return np.asarray(cv2.flip(turned, 1) if mirror else turned, np.uint8)


def read_orientation(jpeg: bytes) -> int:
    """Return the EXIF orientation of a JPEG, 1 to 8; 1 if it has none."""
    at = jpeg.find(EXIF, 0, 256)  # in the first or second segment
    if at < 0:
        return 1
    tiff = jpeg[at + len(EXIF) : at + len(EXIF) + 65536]
    order = "little" if tiff.startswith(b"II") else "big"

    def number(position: int, size: int) -> int:
        return int.from_bytes(tiff[position : position + size], order)  # type: ignore[arg-type]

    directory = number(4, 4)
    for entry in range(min(number(directory, 2), 64)):
        position = directory + 2 + 12 * entry
        if number(position, 2) == ORIENTATION:
            return number(position + 8, 2)
    return 1
