"""The baseline: classical finding and the seed's network, all crops of all pages at once, honest about what is none."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT, Box
from tests.shared.vision.drawings import FakeNetwork, draw_digits
from training.baseline import ClassicalRecognizer


def test_all_crops_of_all_pages_go_through_the_network_in_one_batch() -> None:
    network = FakeNetwork([20.0] + [0.0] * 9)
    result = ClassicalRecognizer(network).read([draw_digits([0] * 10), draw_digits([1] * 10)])
    assert network.batches == [(20, 1, 28, 28)]
    assert [len(digits) for digits in result] == [10, 10]


@pytest.mark.parametrize("pages", [[], [np.full((480, 640), 220, np.uint8)] * 2, [np.zeros((1, 1), np.uint8)]])
def test_blank_pages_say_nothing_and_ask_nothing(pages: list[NDArray[np.uint8]]) -> None:
    network = FakeNetwork([0.0] * 10)
    assert ClassicalRecognizer(network).read(pages) == [()] * len(pages)
    assert network.batches == []


def test_weak_logits_are_no_digit() -> None:
    assert ClassicalRecognizer(FakeNetwork([3.0] + [0.0] * 9)).read([draw_digits([0] * 10)]) == [()]


def test_evidence_is_eleven_probabilities_that_sum_to_one() -> None:
    (digits,) = ClassicalRecognizer(FakeNetwork([9.0, 8.0] + [0.0] * 8)).read([draw_digits([0] * 10)])
    for digit in digits:
        assert len(digit.log_p) == NOT_A_DIGIT + 1
        assert math.fsum(map(math.exp, digit.log_p)) == pytest.approx(1)
        assert digit.confidence < 0.73  # the second best is only one logit behind: 0.731 without "not a digit"


def test_finding_can_be_exchanged() -> None:
    box: Box = (60.0, 40.0, 70.0, 70.0)
    (digits,) = ClassicalRecognizer(FakeNetwork([20.0] + [0.0] * 9), find=lambda page: [box]).read(
        [draw_digits([0] * 10)]
    )
    assert [digit.box for digit in digits] == [box]
