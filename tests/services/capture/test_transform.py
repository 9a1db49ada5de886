"""Frames are turned, mirrored, cropped and thinned out as their camera's options and their EXIF say."""

import time
from itertools import pairwise

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from services.capture.frames import FrameStream, encode_jpeg
from services.capture.transform import complete_jpeg, read_orientation, transform_frames, transform_jpeg
from shared.cameras.options import CameraOptions
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from tests.shared.vision.hostile_jpegs import add_scans

PIXELS = np.zeros((32, 48, 3), np.uint8)
PIXELS[:16, :16] = 250  # the corner at the top left is white
PIXELS[16:, :16] = 120  # the one below it is gray
JPEG = encode_jpeg(PIXELS)
NONE = CameraOptions()

# EXIF orientation -> what a camera that writes it has done to the upright picture
STORED = {
    1: PIXELS,
    2: cv2.flip(PIXELS, 1),
    3: cv2.rotate(PIXELS, cv2.ROTATE_180),
    4: cv2.flip(PIXELS, 0),
    5: cv2.transpose(PIXELS),
    6: cv2.rotate(PIXELS, cv2.ROTATE_90_COUNTERCLOCKWISE),
    7: cv2.flip(cv2.transpose(PIXELS), -1),
    8: cv2.rotate(PIXELS, cv2.ROTATE_90_CLOCKWISE),
}


def add_exif(jpeg: bytes, orientation: int, order: str) -> bytes:
    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, order)  # type: ignore[arg-type]

    tiff = (b"II" if order == "little" else b"MM") + number(42, 2) + number(8, 4) + number(1, 2)
    tiff += number(0x0112, 2) + number(3, 2) + number(1, 4) + number(orientation, 2) + bytes(6)
    return jpeg[:2] + b"\xff\xe1" + (len(tiff) + 8).to_bytes(2) + b"Exif\0\0" + tiff + jpeg[2:]


def decode(jpeg: bytes) -> NDArray[np.uint8]:
    return np.asarray(simplejpeg.decode_jpeg(jpeg, "BGR"))


def is_close(jpeg: bytes, pixels: NDArray[np.generic]) -> bool:
    decoded = decode(jpeg)
    return decoded.shape == pixels.shape and float(np.abs(decoded.astype(int) - pixels).mean()) < 3


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("order", ["little", "big"])
def test_jpeg_is_made_upright_as_its_exif_says(orientation: int, order: str) -> None:
    jpeg = add_exif(encode_jpeg(np.ascontiguousarray(STORED[orientation], np.uint8)), orientation, order)
    upright = transform_jpeg(jpeg, NONE)
    assert is_close(upright, PIXELS)
    assert read_orientation(upright) == 1 or upright == jpeg


def test_jpeg_that_needs_no_change_passes_through() -> None:
    assert transform_jpeg(JPEG, CameraOptions(fps=5.0, weight=2.0)) is JPEG


@pytest.mark.parametrize("cut", range(2, 60, 3))
def test_broken_exif_is_ignored(cut: int) -> None:
    jpeg = add_exif(JPEG, 6, "big")[:cut]
    assert transform_jpeg(jpeg, NONE) == jpeg


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (CameraOptions(rotate=90), cv2.rotate(PIXELS, cv2.ROTATE_90_CLOCKWISE)),
        (CameraOptions(rotate=180), cv2.rotate(PIXELS, cv2.ROTATE_180)),
        (CameraOptions(rotate=270), cv2.rotate(PIXELS, cv2.ROTATE_90_COUNTERCLOCKWISE)),
        (CameraOptions(mirror=True), cv2.flip(PIXELS, 1)),
        (CameraOptions(crop=(0, 16, 16, 16)), PIXELS[16:, :16]),
        (CameraOptions(crop=(0, 16, 999, 999)), PIXELS[16:]),
        (CameraOptions(rotate=90, crop=(16, 0, 16, 16)), PIXELS[:16, :16]),
        (CameraOptions(rotate=90, mirror=True), cv2.flip(cv2.rotate(PIXELS, cv2.ROTATE_90_CLOCKWISE), 1)),
    ],
)
def test_options_change_the_picture(options: CameraOptions, expected: NDArray[np.uint8]) -> None:
    assert is_close(transform_jpeg(JPEG, options), expected)


def test_crop_outside_the_picture_is_named() -> None:
    with pytest.raises(CameraAbsentError, match="outside its picture of 48 x 32 pixels") as error:
        transform_jpeg(JPEG, CameraOptions(crop=(48, 0, 10, 10)))
    assert error.value.problem == CameraProblem.OUTSIDE


def test_jpeg_without_its_end_marker_is_completed_and_one_that_is_cut_off_stays_broken() -> None:
    assert complete_jpeg(JPEG[:-2]) == JPEG
    with pytest.raises(ValueError, match="premature end"):
        simplejpeg.decode_jpeg(complete_jpeg(JPEG[:-20]))


def test_broken_jpeg_passes_through_to_be_counted() -> None:
    assert transform_jpeg(JPEG[:100], CameraOptions(rotate=90)) == JPEG[:100]


def test_picture_that_is_too_large_once_it_is_turned_is_counted_as_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    monkeypatch.setattr("services.capture.frames.MAX_PAYLOAD_BYTES", 100)
    assert transform_jpeg(jpeg, CameraOptions(rotate=90)) == b""


@pytest.mark.parametrize(
    ("given", "wanted", "kept"), [(30, 10.0, 10.0), (30, 12.0, 12.0), (8, 10.0, 8.0), (30, 0.0, 30.0)]
)
def test_rate_is_limited(given: int, wanted: float, kept: float) -> None:
    def camera() -> FrameStream:
        yield from (CapturedFrame(JPEG, 100 + number / given) for number in range(10 * given))

    frames = list(transform_frames(camera(), CameraOptions(fps=wanted)))
    assert len(frames) / 10 == pytest.approx(kept, rel=0.02)
    assert all(later.captured_at > earlier.captured_at for earlier, later in pairwise(frames))


def test_costly_jpeg_is_not_decoded_to_turn_it() -> None:
    bomb = add_scans(3000)
    began_at = time.thread_time()
    assert transform_jpeg(bomb, CameraOptions(rotate=180)) == bomb
    assert time.thread_time() - began_at < 0.05
