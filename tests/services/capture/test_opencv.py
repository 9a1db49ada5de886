"""What comes out of OpenCV becomes JPEG: a camera's own as it is, pixels encoded, torn ones left out."""

from typing import cast

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from services.capture.opencv import REFUSALS, grab_shots, to_jpeg
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


GREY = np.full((8, 8, 3), 10, np.uint8)
WHITE = np.full((8, 8, 3), 200, np.uint8)
REFUSED = "grab() is False"
TORN = "retrieve() is False"


class FakeCapture:
    """Gives what is listed, and then nothing more, at once."""

    def __init__(self, *pictures: NDArray[np.uint8] | str) -> None:
        self.pictures, self.released = list(pictures), False

    def grab(self) -> bool:
        if self.pictures and self.pictures[0] is REFUSED:
            self.pictures.pop(0)
            return False
        return bool(self.pictures)

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        picture = self.pictures.pop(0)
        return (False, None) if isinstance(picture, str) else (True, picture)

    def release(self) -> None:
        self.released = True


def grab_fake(capture: FakeCapture, patience_s: float = 60) -> Shots:
    return grab_shots(cast("cv2.VideoCapture", capture), patience_s)


def brightness(shots: Shots) -> list[int]:
    return [round(float(simplejpeg.decode_jpeg(shot.jpeg, "GRAY").mean())) for shot in shots]


def test_a_picture_that_cannot_be_decoded_is_left_out_and_the_capture_is_released_at_its_end() -> None:
    capture = FakeCapture(GREY, TORN, WHITE)
    assert brightness(grab_fake(capture)) == [10, 200]
    assert capture.released


def test_refusals_are_forgiven_while_patience_lasts() -> None:
    assert brightness(grab_fake(FakeCapture(REFUSED, REFUSED, GREY, REFUSED, WHITE))) == [10, 200]
    assert brightness(grab_fake(FakeCapture(GREY, REFUSED, WHITE), patience_s=0)) == [10]


def test_a_stream_that_refuses_again_and_again_at_once_has_ended() -> None:
    assert brightness(grab_fake(FakeCapture(GREY, *[REFUSED] * REFUSALS, WHITE))) == [10]


def test_closing_the_shots_releases_the_capture() -> None:
    capture = FakeCapture(GREY, WHITE)
    shots = grab_fake(capture)
    next(shots)
    shots.close()
    assert capture.released
