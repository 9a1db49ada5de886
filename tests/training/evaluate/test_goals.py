"""Goals: what was missed is said, and so is what could not be measured."""

import pytest

from training.evaluate.figures import Row
from training.evaluate.goals import GOALS, Goal, to_lines

RECALL = Goal("photos", "us", "recall", 0.96)
FALSE = Goal("photos", "us", "false", 0.05, less_is_better=True)


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [(RECALL, 0.96, "met"), (RECALL, 0.9599, "**missed**"), (FALSE, 0.05, "met"), (FALSE, 0.06, "**missed**")],
)
def test_a_figure_meets_its_goal_or_misses_it(goal: Goal, value: float, verdict: str) -> None:
    assert to_lines([Row("photos", "us", goal.what, value, 100)], [goal])[-1].endswith(f"| {verdict} |")


def test_a_goal_without_a_figure_is_not_left_out() -> None:
    lines = to_lines([])
    assert len(lines) == 2 + len(GOALS)
    assert all("not at hand" in line for line in lines[2:])
