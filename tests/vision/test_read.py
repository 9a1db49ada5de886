"""A page is read: each digit where it stands, all of them through the network at once, honest about what is none."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.demo.paper import load_digits
from shared.vision.digit import NOT_A_DIGIT, Box
from shared.vision.page import as_uint8
from shared.vision.read import Reader, crop_around, load_reader

MODELS = Path(__file__).parents[2] / "models"
SIZE_PX = 70  # of an MNIST cell on the page: its digit is 50 px tall


class Fake:
    """A network that answers each image alike and counts how often it was asked."""

    name, version, device = "fake", "0", "cpu"

    def __init__(self, logits: list[float]) -> None:
        self.logits = logits
        self.batches: list[tuple[int, ...]] = []

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(inputs.shape)
        return np.array([self.logits] * len(inputs), np.float32)


def write_page(indices: list[int]) -> NDArray[np.uint8]:
    """A page with one MNIST digit of each class in two rows of five, the nth that ships of each."""
    page = np.full((300, 640), 215, np.float32)
    for digit, index in enumerate(indices):
        ink = cv2.resize(load_digits()[digit, index], (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
        x, y = 60 + 110 * (digit % 5), 40 + 130 * (digit // 5)
        page[y : y + SIZE_PX, x : x + SIZE_PX] -= 0.65 * ink
    return as_uint8(np.clip(page, 0, 255))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_reader(MODELS, backend="onnx")


def test_digits_on_a_page_are_read_where_they_stand(reader: Reader) -> None:
    right = 0
    for index in range(10):
        (digits,) = reader.read([write_page([index] * 10)])
        for digit in digits:
            x, y, w, h = digit.box
            column, row = (x + w / 2 - 60) // 110, (y + h / 2 - 40) // 130
            right += digit.digit == row * 5 + column
        assert len(digits) <= 10
    assert right >= 95


def test_pages_together_say_what_each_says_alone(reader: Reader) -> None:
    pages = [write_page([index] * 10) for index in range(3)] + [np.full((40, 50), 200, np.uint8)]
    together = reader.read(pages)
    for page, digits in zip(pages, together, strict=True):
        (alone,) = reader.read([page])
        assert [digit.box for digit in digits] == [digit.box for digit in alone]
        for one, other in zip(digits, alone, strict=True):
            assert one.log_p == pytest.approx(other.log_p, abs=1e-4)


def test_all_crops_of_all_pages_go_through_the_network_in_one_batch() -> None:
    network = Fake([20.0] + [0.0] * 9)
    result = Reader(network).read([write_page([0] * 10), write_page([1] * 10)])
    assert network.batches == [(20, 1, 28, 28)]
    assert [len(digits) for digits in result] == [10, 10]


@pytest.mark.parametrize("pages", [[], [np.full((480, 640), 220, np.uint8)] * 2, [np.zeros((1, 1), np.uint8)]])
def test_blank_pages_say_nothing_and_ask_nothing(pages: list[NDArray[np.uint8]]) -> None:
    network = Fake([0.0] * 10)
    assert Reader(network).read(pages) == [()] * len(pages)
    assert network.batches == []


def test_weak_logits_are_no_digit() -> None:
    assert Reader(Fake([3.0] + [0.0] * 9)).read([write_page([0] * 10)]) == [()]


def test_evidence_is_eleven_probabilities_that_sum_to_one() -> None:
    (digits,) = Reader(Fake([9.0, 8.0] + [0.0] * 8)).read([write_page([0] * 10)])
    for digit in digits:
        assert len(digit.log_p) == NOT_A_DIGIT + 1
        assert math.fsum(map(math.exp, digit.log_p)) == pytest.approx(1)
        assert digit.confidence < 0.73  # the second best is only one logit behind: 0.731 without "not a digit"


def test_finding_can_be_exchanged() -> None:
    box: Box = (60.0, 40.0, 70.0, 70.0)
    (digits,) = Reader(Fake([20.0] + [0.0] * 9), find=lambda page: [box]).read([write_page([0] * 10)])
    assert [digit.box for digit in digits] == [box]


@pytest.mark.parametrize("box", [(0.0, 0.0, 10.0, 10.0), (45.0, 35.0, 5.0, 5.0), (-3.0, 10.0, 60.0, 8.0)])
def test_crop_ends_where_the_page_ends(box: Box) -> None:
    crop = crop_around(np.zeros((40, 50), np.uint8), box)
    assert crop.size > 0
    assert crop.shape[0] <= 40
    assert crop.shape[1] <= 50


def test_missing_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"seed\.onnx can't be read"):
        load_reader(tmp_path, backend="onnx")
