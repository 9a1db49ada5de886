"""digitcam bench cells: what is compared, and the arithmetic of docs/scale.md. The cells themselves run in its use."""

import os

import pytest

from benchmarks.cells import CellRun, GroupRun, bench_cells, compare_cells
from benchmarks.extrapolation import DARK_S, FPS, HEADROOM, estimate, write_document, write_sides
from benchmarks.trust import DisturbedError, Row
from tests.benchmarks.results import make_results

DISPLAY: Row = {"series_per_camera": 100, "series_per_cell": 400, "display_ms_per_view": 0.3}
DEMANDS = {"read_ms": 5.0, "followed_ms": 4.0, "queue_fps": 1500.0}


def group(*fps: float, others: float = 0.0) -> GroupRun:
    return GroupRun(tuple(CellRun(one, {"inference": 0.5, "queue": 0.1}, round(2 * one)) for one in fps), others)


def test_cells_together_are_compared_with_the_sum_of_each_alone() -> None:
    rounds = [
        [group(200), group(180), group(190, 180)],
        [group(210), group(190), group(205, 195)],
        [group(200), group(200), group(180, 180)],
    ]
    row = compare_cells(rounds)
    assert (row["first_fps"], row["second_fps"], row["both_fps"]) == (200, 190, 370)
    assert (row["share_of_sum"], row["lowest_share"], row["highest_share"]) == (0.974, 0.9, 1.0)
    assert row["spread_alone"] == pytest.approx(200 / 180 - 1, abs=1e-3)
    assert row["cost_ratio"] == pytest.approx(2 * (1.2 / 370) / (0.6 / 200 + 0.6 / 180), abs=0.02)
    assert row["cpu_ms_per_frame"]["inference"] == pytest.approx(500 / 195, abs=0.1)


def test_time_that_others_used_is_that_of_the_middle_run() -> None:
    rounds = [[group(1, others=0.5), group(1, others=0.01), group(1, 1, others=0.02)]]
    assert compare_cells(rounds)["others"] == 0.02


def test_table_is_the_product_of_its_factors() -> None:
    row = estimate(1_000_000, DEMANDS, DISPLAY, jpeg_bytes=40_000)
    of_cell = 1500 * HEADROOM / FPS
    assert row["cells"] == 1_000_000 / of_cell
    assert row["cores, every frame read"] == 1_000_000 * 30 * 0.005 / HEADROOM
    assert row["Prometheus series"] == 1_000_000 * 100 + row["cells"] * 400
    assert row["cells that go dark a day"] == pytest.approx(row["cells"] / 365, rel=0.05)
    assert row["cells dark at a time, mean"] == pytest.approx(row["cells"] * DARK_S / (365 * 86_400), rel=0.05)


def test_few_cameras_fill_one_cell() -> None:
    row = estimate(3, DEMANDS, DISPLAY, jpeg_bytes=40_000)
    assert (row["cells"], row["cameras of a cell"], row["cores, every frame read"]) == (1, 3, 1)


def test_document_says_what_was_assumed_and_what_was_untrusted() -> None:
    measured = {
        "seconds": 4.0,
        "rounds": 2,
        "side_by_side": compare_cells([[group(200), group(180), group(190, 180)]]),
        "display": DISPLAY,
        "untrusted": "other processes used 30% of the cores",
    }
    text = write_document(make_results(), measured, 40_000, {"date": "today"})
    assert "**Untrusted**: other processes used 30% of the cores." in text
    assert "**Assumed, not measured**: 4 Mbit/s" in text
    assert "| GPU workers instead of inference | 2 | 192 | 19,123 |" in text


def test_cells_that_read_too_little_are_not_compared() -> None:
    text = write_sides(compare_cells([[group(200), group(3), group(190, 180)]]))
    assert text == "**Not shown**: a cell read 6 frames, and 100 are needed to compare it.\n"
    text = write_sides(compare_cells([[group(200, others=0.9), group(180, others=0.9), group(190, 180)]]))
    assert text == "**Not shown**: other programs used 90% of the machine meanwhile.\n"
    assert "share_of_sum" in write_sides(compare_cells([[group(200), group(180), group(190, 180)]]))


def test_one_core_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    with pytest.raises(DisturbedError, match="need two cores"):
        bench_cells(1.0, 1)
