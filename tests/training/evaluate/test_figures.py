"""The accuracy table's figures: intervals, rejection, other writers, and rows that a page of documentation can hold."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT, Box, Digit
from training.evaluate import figures
from training.evaluate.__main__ import to_page
from training.evaluate.figures import Row, is_at, rejection, share, writers


class Brightest:
    """A network that calls an image by the row of its brightest pixel, and none of them a digit from row 10 on."""

    name, version, device = "brightest", "0", "cpu"

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = inputs[:, 0].max(axis=2).argmax(axis=1)
        return np.asarray(10 * np.eye(11)[np.minimum(rows, NOT_A_DIGIT)], np.float32)


def spots(*rows: int) -> NDArray[np.float32]:
    images = np.zeros((len(rows), 28, 28), np.float32)
    images[np.arange(len(rows)), list(rows), 14] = 1
    return images


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(50, 100, 0.4038, 0.5962), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_intervals_are_wilsons(hits: int, n: int, low: float, high: float) -> None:
    row = share("data", "who", "what", hits, n)
    assert row.low == pytest.approx(low, abs=1e-3)
    assert row.high == pytest.approx(high, abs=1e-3)


def test_accuracy_counts_not_a_digit_as_wrong() -> None:
    row, alone = figures.mnist({"net": Brightest()}, spots(3, 4, 12, 5), np.array([3, 4, 0, 6], np.uint8))
    assert (row.value, row.n) == (0.5, 4)
    assert (alone.value, alone.what) == (0.75, "accuracy, digits alone")


def test_rejection_of_what_is_clearly_no_digit_is_perfect() -> None:
    rows = {
        (row.data, row.what): row.value for row in rejection(Brightest(), "net", spots(1, 2, 9), {"x": spots(20, 15)})
    }
    assert rows["rejection: digits of scenes", "accepted"] == 1
    assert rows["rejection: x", "AUROC"] == 1
    assert rows["rejection: x", "accepted"] == 0


@pytest.mark.parametrize("is_dark_ink", [False, True])
def test_other_writers_are_read_in_either_polarity(tmp_path: Path, *, is_dark_ink: bool) -> None:
    pictures = np.zeros((2, 16, 16), np.uint8)
    pictures[:, 3:13, 6:10] = 255
    np.savez(
        tmp_path / "some.npz", images=255 - pictures if is_dark_ink else pictures, labels=np.array([4, 4], np.uint8)
    )
    row, _ = writers({"net": Brightest()}, tmp_path)
    assert row.data == "other writers: some"
    assert row.value == 1  # the ink's box begins in row 4


@pytest.mark.parametrize(("box", "is_there"), [((10, 10, 20, 20), True), ((40, 10, 20, 20), False)])
def test_a_digit_is_where_its_middle_is(box: Box, *, is_there: bool) -> None:
    assert is_at(box, Digit((12, 8, 10, 20), (0.0,) * 11)) == is_there


def test_the_page_has_a_line_for_each_row() -> None:
    page = to_page([share("a", "b", "c", 1, 2), Row("d", "e", "f", 7, 3)])
    assert "| a | b | c | 0.5 (" in page
    assert "| d | e | f | 7, n = 3 |" in page
