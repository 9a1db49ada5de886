"""The calibration error: how far confidences are from the share that is right, on sources that the fit did not see."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import Digit
from shared.vision.fusion import Calibration, Fusion
from shared.vision.recognizer import FrameRecognizer
from tests.shared.vision.drawings import FakeNetwork
from tests.shared.vision.reading import digit_of
from training.evaluate.calibration import (
    MIN_EVIDENCE_LOG_P,
    Evidence,
    bin_confidences,
    collect_evidence,
    expected_error,
    fit_calibration,
    leave_sources_out,
    measure_calibration,
)
from training.evaluate.frames import read_once


def make_evidence(count: int = 4000, slope: float = 2, offset: float = -1, sources: int = 4) -> Evidence:
    """Return candidates whose true log-odds are slope * their raw log-odds + offset."""
    rng = np.random.default_rng(0)
    odds = rng.uniform(-2, 3, count)
    is_right = rng.random(count) < 1 / (1 + np.exp(-(slope * odds + offset)))
    return Evidence(odds, np.ones(count), np.array([f"s{i % sources}" for i in range(count)]), is_right)


def test_error_is_the_mean_gap_of_all_digits() -> None:
    bins = bin_confidences(np.array([0.55, 0.55, 0.95, 1.0]), np.array([True, False, True, True]))
    assert [(one.count, one.right) for one in bins] == [(2, 1), (2, 2)]
    assert expected_error(bins) == pytest.approx((2 * 0.05 + 2 * 0.025) / 4)


def test_the_fit_finds_slope_and_offset() -> None:
    calibration = fit_calibration(make_evidence())
    assert calibration.slope == pytest.approx(2, abs=0.15)
    assert calibration.offset == pytest.approx(-1, abs=0.15)


def test_inverse_gives_back_the_raw_log_odds() -> None:
    odds = np.array([-3.0, 0, 5])
    assert Calibration(1.7, -0.4).invert(Calibration(1.7, -0.4).apply(odds)) == pytest.approx(odds)


def test_a_source_does_not_choose_its_own_confidences() -> None:
    evidence = make_evidence(sources=2)
    is_of_first = evidence.sources == "s0"
    lying = Evidence(evidence.odds, evidence.class_p, evidence.sources, evidence.is_right & ~is_of_first)
    of_others = fit_calibration(evidence.select(~is_of_first))
    assert leave_sources_out(lying)[is_of_first] == pytest.approx(evidence.select(is_of_first).confidences(of_others))


def test_calibrating_lowers_the_error() -> None:
    held_out, shipped, *shares = measure_calibration("photos", "us", make_evidence(), Calibration())
    assert held_out.metric == "calibration error"
    assert held_out.value < 0.03 < shipped.value
    assert next(share.metric for share in shares) == "right, of 0.5 to 0.6"


class Doubtful(FrameRecognizer):
    """Says a 7 with 0.3 in each frame, if it is asked for digits of so little confidence."""

    def read(self, grays: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        return [(digit_of(7, confidence=0.3),) if self.min_log_p < math.log(0.3) else () for _ in grays]


def test_evidence_is_of_candidates_that_are_not_said_and_before_calibration(tmp_path: Path) -> None:
    rows = [
        {"file": "a.png", "kind": "photo", "boxes": [(100, 100, 30, 50, "7")], "from": "ann/book 1"},
        {"file": "a.png", "kind": "nodigit", "from": "ben"},
    ]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((200, 200), 200, np.uint8))
    network = FakeNetwork([])
    recognizer = Doubtful(network, network, Fusion(calibration=Calibration(2, 1)))
    lenient = replace(recognizer, min_log_p=MIN_EVIDENCE_LOG_P)
    evidence = collect_evidence(partial(read_once, lenient), recognizer.fusion.calibration, [tmp_path])
    assert evidence.sources.tolist() == ["ann/book", "ben"]
    assert evidence.is_right.tolist() == [True, False]
    p_digit = 0.3 + 9 * 0.07  # the rest is shared by ten classes, one of which is "not a digit"
    assert evidence.odds == pytest.approx((math.log(p_digit / 0.07) - 1) / 2)
    assert evidence.class_p == pytest.approx(0.3 / p_digit)
