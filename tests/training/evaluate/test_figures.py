"""Intervals of shares, and the page that shows the figures."""

import pytest

from training.evaluate.figures import Figure, make_share
from training.evaluate.report import format_report


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(50, 100, 0.4038, 0.5962), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_intervals_are_wilsons(hits: int, n: int, low: float, high: float) -> None:
    figure = make_share("data", "method", "metric", hits=hits, n=n)
    assert figure.low == pytest.approx(low, abs=1e-3)
    assert figure.high == pytest.approx(high, abs=1e-3)


def test_page_has_a_line_for_each_figure() -> None:
    page = format_report([make_share("a", "b", "c", hits=1, n=2), Figure("d", "e", "f", 7, 3)])
    assert "| a | b | c | 0.5 (" in page
    assert "| d | e | f | 7, n = 3 |" in page


def test_page_has_a_table_with_a_line_for_each_source() -> None:
    figures = [Figure("photos", "us", metric, 0.5, 8, source="ann") for metric in ("recall", "precision")]
    page = format_report(figures)
    assert "| photos | ann | 0.500 | 0.500 |  | 8 |" in page
    assert "| photos | us |" not in page
