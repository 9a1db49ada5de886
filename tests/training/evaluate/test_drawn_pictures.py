"""The drawn pictures show what their names say, always the same, and are read one by one."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Digit
from shared.vision.recognizer import FrameRecognizer
from tests.shared.vision.drawings import FakeNetwork
from tests.shared.vision.reading import digit_of
from training.evaluate.drawn_pictures import draw_all, measure_drawn_pictures


class OneInDarkFrames(FrameRecognizer):
    def read(self, grays: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        return [(digit_of(1).scaled(gray.shape[1] / 640),) if gray.mean() < 160 else () for gray in grays]


def test_pictures_are_the_same_each_time_and_have_ink() -> None:
    first, second = draw_all(), draw_all()
    for name, picture in first.items():
        assert picture.shape == (480, 640, 3), name
        assert np.array_equal(picture, second[name]), name
        assert 0.01 < (picture < 128).mean() < 0.8, name


def test_twelve_numbers_are_all_that_the_clocks_differ_in() -> None:
    pictures = draw_all()
    differs = (pictures["clock face"] != pictures["clock face without numbers"]).any(axis=2).astype(np.uint8)
    joined = cv2.dilate(differs, np.ones((15, 15), np.uint8))  # the two digits of 10, 11 and 12
    assert cv2.connectedComponents(joined)[0] - 1 == 12


def test_a_qr_code_can_be_read() -> None:
    text, *_ = cv2.QRCodeDetector().detectAndDecode(draw_all()["QR code"])
    assert text == "https://example.org/a/long/address"


def test_digits_are_counted_for_each_picture() -> None:
    network = FakeNetwork([])
    recognizer = OneInDarkFrames(network, network)
    figures = {figure.metric: figure.value for figure in measure_drawn_pictures(recognizer, "dark")}
    assert len(figures) == len(draw_all())
    assert figures["digits in computer keyboard"] == 1
    assert figures["digits in music"] == 0
