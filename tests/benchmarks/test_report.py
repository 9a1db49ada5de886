"""What is measured becomes a table of targets, met or not, and a document that hides nothing."""

from pathlib import Path

import cv2
import pytest

from benchmarks import everything
from benchmarks.report import table, write
from benchmarks.results import values
from benchmarks.scale import find_most
from benchmarks.targets import TARGETS, Target, to_row
from tests.benchmarks.results import make_results, make_row


@pytest.mark.parametrize(
    ("value", "higher", "verdict"),
    [
        (12, True, "met"),
        (11.9, True, "**not met**"),
        (32, True, "met, and the stretch"),
        (12, False, "met"),
        (12.1, False, "**not met**"),
        (1, False, "met, and the stretch"),
    ],
)
def test_a_target_is_met_at_its_bound_and_not_beyond(value: float, higher: bool, verdict: str) -> None:
    assert Target("cameras", 12, 32 if higher else 2, higher).verdict(value) == verdict


def test_the_median_counts_and_the_spread_is_shown() -> None:
    row = to_row(Target("start", 3, 1.5, higher=False, unit="s"), [2.0, 4.0, 2.5])
    assert row == ("start", "3 s", "1.5 s", "2.5 s", "2 to 4", "3", "met")


def test_what_could_not_be_measured_is_neither_met_nor_left_out() -> None:
    assert to_row(TARGETS["start"], [])[-2:] == ("0", "**not measured**")


def test_every_target_has_its_values() -> None:
    measured = values(make_results())
    assert measured.keys() == TARGETS.keys()
    assert measured == {
        "cameras": [12],
        "cameras_60": [8],
        "efficiency": [0.7, 0.8],
        "still": [32],
        "overload_age": [90.0, 110.0],
        "best_peer": [3.0],
        "pubsub_age": [0.05],
        "share_of_bare": [0.9],
        "memory": [420.0, 430.0, 420.0],
        "fairness": [0.995, 0.995],
        "start": [2.0, 2.5, 4.0],
        "page": [0.2],
    }


def test_nothing_measured_leaves_every_target_without_a_value() -> None:
    empty = {name: [] if isinstance(value, list) else value for name, value in make_results().items()}
    assert not any(values(empty).values())
    assert write(empty).count("**not measured**") == len(TARGETS)


def test_most_cameras_are_those_that_are_read_completely_and_young() -> None:
    rows = [make_row(8, 50), make_row(12, 90, read_share=0.99), make_row(16, 101), make_row(10, 99, inference=2)]
    assert find_most(rows, 100) == (10, 2)
    assert find_most([make_row(4, 300)], 100) == (0, 1)


def test_the_document_has_every_target_and_every_row_also_of_a_peer_that_failed() -> None:
    document = write(make_results())
    assert all(target.name in document for target in TARGETS.values())
    assert "| mosec |  |  | mosec does not read all cameras: no word why |" in document
    assert "not measured" not in document
    assert "| 16 cameras, 120 frames/s read | inference | 5.0 | 140.0 |" in document


def test_what_was_disturbed_is_in_the_document() -> None:
    results = make_results() | {"disturbed": {"overload": "other processes had 30% of the cores."}, "overload": []}
    assert "- **not measured**, overload: other processes had 30% of the cores." in write(results)


def test_rows_with_other_columns_share_a_table() -> None:
    assert table([{"a": 1}, {"a": None, "b": 2}]) == "| a | b |\n| --- | --- |\n| 1 |  |\n|  | 2 |\n"


@pytest.mark.parametrize("is_empty", [False, True])
def test_everything_is_written_as_figures_document_and_picture(tmp_path: Path, is_empty: bool) -> None:
    results = make_results()
    if is_empty:
        results = {name: [] if isinstance(value, list) else value for name, value in results.items()}
    everything.write(results, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["benchmarks.json", "benchmarks.md", "benchmarks.png"]
    assert cv2.imread(str(tmp_path / "benchmarks.png")) is not None
