"""A page shows missed goals, and goals without data."""

import pytest

from training.evaluate.figures import Figure
from training.evaluate.goals import GOALS, Goal, format_goals

RECALL = Goal("photos", "us", "recall", 0.96)
FALSE = Goal("photos", "us", "false", 0.05, less_is_better=True)


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [(RECALL, 0.96, "met"), (RECALL, 0.9599, "**missed**"), (FALSE, 0.05, "met"), (FALSE, 0.06, "**missed**")],
)
def test_a_figure_meets_its_goal_or_misses_it(goal: Goal, value: float, verdict: str) -> None:
    assert format_goals([Figure("photos", "us", goal.metric, value, 100)], [goal])[-1].endswith(f"| {verdict} |")


def test_a_goal_without_a_figure_is_shown() -> None:
    lines = format_goals([])
    assert len(lines) == 2 + len(GOALS)
    assert all("no data" in line for line in lines[2:])


def test_figure_of_one_source_does_not_stand_for_all() -> None:
    figures = [Figure("photos", "us", "recall", 0.9, 100), Figure("photos", "us", "recall", 1.0, 4, source="ann/book")]
    assert "0.9 | **missed**" in format_goals(figures, [RECALL])[-1]
