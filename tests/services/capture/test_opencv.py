"""Frames out of OpenCV become JPEG: a camera's own passes through, pixels are encoded, truncated ones are skipped."""

from typing import cast

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from services.capture.frames import FrameStream, encode_jpeg
from services.capture.opencv import MAX_FAILURES, grab_frames, retrieve_jpeg
from shared.cameras.pace import Pace

GRAY = np.full((8, 8, 3), 10, np.uint8)
WHITE = np.full((8, 8, 3), 200, np.uint8)
GRAB_FAILS = "grab() returns False"
RETRIEVE_FAILS = "retrieve() returns False"


class FakeCapture:
    """A cv2.VideoCapture that gives the listed frames and failures, and then ends."""

    def __init__(self, *frames: NDArray[np.uint8] | str) -> None:
        self.frames, self.released = list(frames), False

    def grab(self) -> bool:
        if self.frames and self.frames[0] is GRAB_FAILS:
            self.frames.pop(0)
            return False
        return bool(self.frames)

    def retrieve(self) -> tuple[bool, NDArray[np.uint8] | None]:
        frame = self.frames.pop(0)
        return (False, None) if isinstance(frame, str) else (True, frame)

    def release(self) -> None:
        self.released = True


def retrieve(frame: NDArray[np.uint8]) -> bytes:
    return retrieve_jpeg(cast("cv2.VideoCapture", FakeCapture(frame)))


def grab(capture: FakeCapture, pace: Pace | None = None) -> FrameStream:
    return grab_frames(cast("cv2.VideoCapture", capture), pace)


def brightness(frames: FrameStream) -> list[int]:
    return [round(float(simplejpeg.decode_jpeg(frame.jpeg, "GRAY").mean())) for frame in frames]


def test_the_cameras_own_jpeg_passes_through() -> None:
    jpeg = encode_jpeg(np.full((48, 64, 3), 90, np.uint8))
    assert retrieve(np.frombuffer(jpeg, np.uint8)[None]) == jpeg


def test_truncated_jpeg_is_skipped() -> None:
    assert retrieve(np.frombuffer(b"\x00\x01\x02\x03", np.uint8)[None]) == b""
    assert retrieve(np.zeros((1, 0), np.uint8)) == b""


def test_pixels_are_encoded_in_the_right_colors() -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:] = (200, 100, 30)
    decoded = simplejpeg.decode_jpeg(retrieve(frame), "BGR")
    assert np.abs(decoded.astype(int) - frame).max() <= 4


def test_undecodable_frame_is_skipped_and_the_capture_is_released_at_its_end() -> None:
    capture = FakeCapture(GRAY, RETRIEVE_FAILS, WHITE)
    assert brightness(grab(capture)) == [10, 200]
    assert capture.released


def test_failed_grabs_are_tolerated_as_long_as_the_pace_allows() -> None:
    assert brightness(grab(FakeCapture(GRAB_FAILS, GRAB_FAILS, GRAY, GRAB_FAILS, WHITE), Pace())) == [10, 200]
    assert brightness(grab(FakeCapture(GRAY, GRAB_FAILS, WHITE))) == [10]


def test_stream_that_fails_many_times_at_once_has_ended() -> None:
    assert brightness(grab(FakeCapture(GRAY, *[GRAB_FAILS] * MAX_FAILURES, WHITE), Pace())) == [10]


def test_closing_the_stream_releases_the_capture() -> None:
    capture = FakeCapture(GRAY, WHITE)
    frames = grab(capture)
    next(frames)
    frames.close()
    assert capture.released
