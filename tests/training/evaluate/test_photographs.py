"""Digits of a photograph are matched with the true ones, each at most once."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import Box, Digit
from training.evaluate.photographs import Match, drop_ignored, match_digits, measure_photographs

BOX: Box = (10, 10, 20, 40)
SEVEN = (*BOX, "7")


def make_digit(digit: int, box: Box = BOX) -> Digit:
    return Digit(box, tuple(0.0 if k == digit else -9.0 for k in range(11)))


@pytest.mark.parametrize(
    ("digits", "match"),
    [
        pytest.param([make_digit(7)], Match(1, 0, 0, 0), id="right"),
        pytest.param([make_digit(1)], Match(0, 1, 0, 0), id="wrong class"),
        pytest.param([], Match(0, 0, 1, 0), id="missed"),
        pytest.param([make_digit(7, (60, 10, 20, 40))], Match(0, 0, 1, 1), id="elsewhere"),
        pytest.param([make_digit(7), make_digit(7, (11, 10, 20, 40))], Match(1, 0, 0, 1), id="found twice"),
        pytest.param([make_digit(1, (14, 16, 20, 40)), make_digit(7)], Match(1, 0, 0, 1), id="the better one counts"),
        pytest.param([make_digit(7, (18, 12, 4, 36))], Match(1, 0, 0, 0), id="slim box at the centre"),
        pytest.param([make_digit(7, (18, 28, 4, 4))], Match(0, 0, 1, 1), id="tiny box at the centre"),
    ],
)
def test_a_true_digit_is_matched_with_at_most_one(digits: list[Digit], match: Match) -> None:
    assert match_digits([SEVEN], digits) == match


def test_digits_in_ignored_boxes_do_not_count() -> None:
    assert drop_ignored([make_digit(7), make_digit(1, (60, 10, 20, 40))], [(0, 0, 40, 60)]) == [
        make_digit(1, (60, 10, 20, 40))
    ]


class AlwaysSeven:
    def read(self, grays: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        return [(make_digit(7),) for _ in grays]


def test_figures_are_those_of_the_manifest(tmp_path: Path) -> None:
    rows = [
        {"file": "a.png", "kind": "photo", "boxes": [SEVEN], "lines": ["7"], "tags": []},
        {"file": "a.png", "kind": "photo", "boxes": [SEVEN, (60, 10, 20, 40, "1")], "lines": ["71", "x"], "tags": []},
        {"file": "a.png", "kind": "nodigit", "boxes": [], "lines": [], "tags": ["scene"]},
        {"file": "a.png", "kind": "nodigit", "boxes": [], "lines": [], "tags": ["operator", "plus"]},
    ]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((100, 100), 200, np.uint8))
    figures = {figure.metric: figure.value for figure in measure_photographs(AlwaysSeven(), "sevens", tmp_path)}
    assert figures == {
        "recall": 0.6667, "precision": 1, "found": 0.6667, "scene_false": 1, "exact": 0.5, "lines": 0.5,
    }  # fmt: skip
