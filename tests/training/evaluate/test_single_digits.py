"""Figures on images of one digit: accuracy, rejection, other writers."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from training.evaluate.single_digits import measure_accuracy, measure_rejection, measure_writers


class Brightest:
    """A network whose class is the row of the brightest pixel; from row 10 on, "not a digit"."""

    name, version, device = "brightest", "0", "cpu"

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = inputs[:, 0].max(axis=2).argmax(axis=1)
        return np.asarray(10 * np.eye(11)[np.minimum(rows, NOT_A_DIGIT)], np.float32)


def make_spots(*rows: int) -> NDArray[np.float32]:
    images = np.zeros((len(rows), 28, 28), np.float32)
    images[np.arange(len(rows)), list(rows), 14] = 1
    return images


def test_accuracy_counts_not_a_digit_as_wrong() -> None:
    images, labels = make_spots(3, 4, 12, 5), np.array([3, 4, 0, 6], np.uint8)
    figure, alone = measure_accuracy("MNIST", {"net": Brightest()}, images, labels)
    assert (figure.value, figure.n) == (0.5, 4)
    assert (alone.value, alone.metric) == (0.75, "accuracy, digits alone")


def test_rejection_of_clear_negatives_is_perfect() -> None:
    figures = measure_rejection(Brightest(), "net", make_spots(1, 2, 9), {"x": make_spots(20, 15)})
    values = {(figure.data, figure.metric): figure.value for figure in figures}
    assert values["rejection: digits of scenes", "accepted"] == 1
    assert values["rejection: x", "AUROC"] == 1
    assert values["rejection: x", "accepted"] == 0


@pytest.mark.parametrize("is_dark_ink", [False, True])
def test_other_writers_are_read_in_either_polarity(tmp_path: Path, *, is_dark_ink: bool) -> None:
    pictures = np.zeros((2, 16, 16), np.uint8)
    pictures[:, 3:13, 6:10] = 255
    images = 255 - pictures if is_dark_ink else pictures
    np.savez(tmp_path / "some.npz", images=images, labels=np.array([4, 4], np.uint8))
    figure, _ = measure_writers({"net": Brightest()}, tmp_path)
    assert figure.data == "other writers: some"
    assert figure.value == 1  # the ink's box begins in row 4
