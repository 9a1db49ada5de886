"""What comes out of OpenCV becomes JPEG: a camera's own as it is, pixels encoded, torn ones left out."""

from typing import cast

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.cameras.grab import grab_shots, to_jpeg
from shared.cameras.shot import Shots, encode


def test_a_cameras_own_jpeg_passes_as_it_is() -> None:
    jpeg = encode(np.full((48, 64, 3), 90, np.uint8))
    assert to_jpeg(np.frombuffer(jpeg, np.uint8)[None]) == jpeg


def test_a_torn_jpeg_is_left_out() -> None:
    assert to_jpeg(np.frombuffer(b"\x00\x01\x02\x03", np.uint8)[None]) == b""
    assert to_jpeg(np.zeros((1, 0), np.uint8)) == b""


def test_pixels_are_encoded_in_the_right_colours() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:] = (200, 100, 30)
    decoded = simplejpeg.decode_jpeg(to_jpeg(picture), "BGR")
    assert np.abs(decoded.astype(int) - picture).max() <= 4


class FakeCapture:
    """Gives pictures from a list; None is one that cannot be decoded."""

    def __init__(self, *pictures: NDArray[np.uint8] | None) -> None:
        self.pictures, self.released = list(pictures), False

    def grab(self) -> bool:
        return bool(self.pictures)

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        picture = self.pictures.pop(0)
        return picture is not None, picture

    def release(self) -> None:
        self.released = True


def grab_fake(capture: FakeCapture) -> Shots:
    return grab_shots(cast("cv2.VideoCapture", capture))


def test_a_picture_that_cannot_be_decoded_is_left_out_and_the_capture_is_released_at_its_end() -> None:
    capture = FakeCapture(np.full((8, 8, 3), 10, np.uint8), None, np.full((8, 8, 3), 200, np.uint8))
    brightness = [simplejpeg.decode_jpeg(shot.jpeg, "GRAY").mean() for shot in grab_fake(capture)]
    assert [round(value) for value in brightness] == [10, 200]
    assert capture.released


def test_closing_the_shots_releases_the_capture() -> None:
    capture = FakeCapture(*[np.full((8, 8, 3), 10, np.uint8)] * 2)
    shots = grab_fake(capture)
    next(shots)
    shots.close()
    assert capture.released
