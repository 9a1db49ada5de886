"""Digits of a photograph are matched with the true ones, each at most once."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.vision.digit import Box, Digit
from training.evaluate.photographs import (
    ReadPhotograph,
    compare,
    drop_ignored,
    measure_labels,
    measure_photographs,
    measure_sources,
    read_photographs,
)

BOX: Box = (10, 10, 20, 40)
SEVEN = (*BOX, "7")


def make_digit(digit: int, box: Box = BOX) -> Digit:
    return Digit(box, tuple(0.0 if k == digit else -9.0 for k in range(11)))


def compare_with(*digits: Digit, boxes: Sequence[Sequence[object]] = (SEVEN,)) -> ReadPhotograph:
    return compare({"file": "a.png", "kind": "photo", "boxes": boxes}, digits)


@pytest.mark.parametrize(
    ("digits", "found", "right"),
    [
        pytest.param([make_digit(7)], 1, [True], id="right"),
        pytest.param([make_digit(1)], 1, [False], id="wrong class"),
        pytest.param([], 0, [], id="missed"),
        pytest.param([make_digit(7, (60, 10, 20, 40))], 0, [False], id="elsewhere"),
        pytest.param([make_digit(7), make_digit(7, (11, 10, 20, 40))], 1, [True, False], id="found twice"),
        pytest.param([make_digit(1, (14, 16, 20, 40)), make_digit(7)], 1, [False, True], id="the better one counts"),
        pytest.param([make_digit(7, (18, 12, 4, 36))], 1, [True], id="slim box at the centre"),
        pytest.param([make_digit(7, (18, 28, 4, 4))], 0, [False], id="tiny box at the centre"),
    ],
)
def test_a_true_digit_is_matched_with_at_most_one(digits: list[Digit], found: int, right: list[bool]) -> None:
    photograph = compare_with(*digits)
    assert len(photograph.pairs) == found
    assert [photograph.is_right(index) for index in range(len(digits))] == right
    assert photograph.is_exact == (right == [True])


def test_labels_count_wherever_they_stand() -> None:
    elsewhere = (make_digit(7, (80, 80, 20, 40)), make_digit(7, (80, 10, 20, 40)), make_digit(1))
    assert compare_with(*elsewhere).count_labels_found() == 1


def test_digits_in_ignored_boxes_do_not_count() -> None:
    assert drop_ignored([make_digit(7), make_digit(1, (60, 10, 20, 40))], [(0, 0, 40, 60)]) == [
        make_digit(1, (60, 10, 20, 40))
    ]


ROWS = [
    {"file": "a.png", "kind": "photo", "boxes": [SEVEN], "lines": ["7"], "tags": [], "from": "ann/book page 1"},
    {"file": "a.png", "kind": "photo", "boxes": [SEVEN, (60, 10, 20, 40, "1")], "lines": ["71", "x"], "from": "ben"},
    {"file": "a.png", "kind": "nodigit", "tags": ["scene"], "from": "ben"},
    {"file": "a.png", "kind": "nodigit", "tags": ["letters"], "from": "ben"},
    {"file": "a.png", "kind": "nodigit", "tags": ["operator", "plus"], "from": "ben"},
]


@pytest.fixture
def photographs(tmp_path: Path) -> list[ReadPhotograph]:
    """A folder whose photographs all look the same; a 7 is found in each."""
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((100, 100), 200, np.uint8))
    return read_photographs(lambda _: [make_digit(7, (11, 10, 20, 40))], tmp_path)


def test_figures_are_those_of_the_manifest(photographs: list[ReadPhotograph]) -> None:
    figures = {figure.metric: figure.value for figure in measure_photographs("photos", "sevens", photographs)}
    assert figures == {
        "recall": 0.6667, "precision": 1, "found": 0.6667, "scene_false": 1, "writing_false": 1, "exact": 0.5,
        "lines": 0.5, "box IoU, p50": 0.9048, "box IoU, p10": 0.9048,
    }  # fmt: skip


def test_a_source_has_its_own_figures(photographs: list[ReadPhotograph]) -> None:
    figures = {(each.source, each.metric): each.value for each in measure_sources("photos", "sevens", photographs)}
    assert figures["ann/book", "recall"] == figures["ann/book", "exact"] == 1
    assert figures["ben", "recall"] == 0.5
    assert figures["ben", "exact"] == 0


def test_readers_without_boxes_are_compared_by_labels(photographs: list[ReadPhotograph]) -> None:
    figures = {figure.metric: figure.value for figure in measure_labels("photos", "sevens", photographs)}
    assert figures == {"recall, any place": 0.6667, "precision, any place": 1}
