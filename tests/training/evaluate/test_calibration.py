"""The calibration error is how far confidences are from the share that is right."""

import pytest

from tests.shared.vision.reading import digit_of
from training.evaluate.calibration import bin_confidences, expected_error, measure_calibration
from training.evaluate.photographs import compare


def test_error_is_the_mean_gap_of_all_digits() -> None:
    bins = bin_confidences([0.55, 0.55, 0.95, 1.0], [True, False, True, True])
    assert [(one.count, one.right) for one in bins] == [(2, 1), (2, 2)]
    assert expected_error(bins) == pytest.approx((2 * 0.05 + 2 * 0.025) / 4)


def test_no_digit_has_no_error() -> None:
    assert list(measure_calibration("photos", "us", [])) == []


def test_a_digit_in_a_picture_without_any_is_wrong() -> None:
    photo = {"file": "a.png", "kind": "photo", "boxes": [(100, 100, 30, 50, "7")]}
    scene = {"file": "b.png", "kind": "nodigit"}
    read = [compare(row, [digit_of(7, confidence=0.75)]) for row in (photo, scene)]
    error, share = measure_calibration("photos", "us", read)
    assert error.value == pytest.approx(0.25)
    assert share.metric == "right, of those said with 0.7 to 0.8"
    assert share.value == 0.5
