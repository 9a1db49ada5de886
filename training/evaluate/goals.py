"""What the figures should be, beside what they are: a page that only shows what went well is an advertisement."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluate import frame_time
from training.evaluate.figures import Row

CLASSIFIERS = "detector and classifier"


@dataclass(frozen=True, slots=True)
class Goal:
    """The figure of a row of the table, and what it should at least be (at most, where less is better)."""

    data: str
    who: str
    what: str
    wanted: float
    less_is_better: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a figure is good enough."""
        return value <= self.wanted if self.less_is_better else value >= self.wanted


GOALS = (
    Goal("photos", CLASSIFIERS, "recall", 0.96),
    Goal("photos", CLASSIFIERS, "precision", 0.96),
    Goal("photos", CLASSIFIERS, "exact", 0.85),
    Goal("photos", CLASSIFIERS, "scene_false", 0.05, less_is_better=True),
    Goal("photos", CLASSIFIERS, "lines", 0.90),
    Goal("hand-held clip", CLASSIFIERS, "frames until right", 10, less_is_better=True),
    Goal("MNIST test", "classifier", "accuracy", 0.9960),
    Goal("MNIST test", "classifier", "accuracy, mean of trainings", 0.9960),
    Goal("MNIST test", "classifier", "accuracy, digits alone, mean of trainings", 0.9960),
    Goal("MNIST test", "blog", "accuracy", 0.9885),
    Goal("MNIST test", "blog", "accuracy, mean of trainings", 0.9885),
    Goal("MNIST test", "fast", "accuracy, mean of trainings", 0.99),
    Goal("other writers: semeion", "classifier", "accuracy", 0.95),
    Goal("other writers: nsysu", "classifier", "accuracy", 0.975),
    Goal("other writers: semeion", "classifier", "accuracy, digits alone", 0.95),
    Goal("other writers: nsysu", "classifier", "accuracy, digits alone", 0.975),
    Goal(frame_time.DATA, CLASSIFIERS, f"{frame_time.DIGITS} digits, p50, ms", 4, less_is_better=True),
    Goal(frame_time.DATA, CLASSIFIERS, f"{frame_time.DIGITS} digits, p99, ms", 8, less_is_better=True),
    Goal(frame_time.DATA, CLASSIFIERS, "clutter over empty paper", 1.5, less_is_better=True),
)


def to_lines(rows: Sequence[Row], goals: Sequence[Goal] = GOALS) -> list[str]:
    """Return a table of the goals, in Markdown, and which of them are missed."""
    found = {(row.data, row.who, row.what): row.value for row in rows}
    lines = ["| data | who | what | wanted | measured | |", "|---|---|---|---|---|---|"]
    for goal in goals:
        value = found.get((goal.data, goal.who, goal.what))
        measured = "not at hand" if value is None else f"{value:.4g}"
        verdict = "" if value is None else "met" if goal.is_met(value) else "**missed**"
        bound = "at most" if goal.less_is_better else "at least"
        lines.append(f"| {goal.data} | {goal.who} | {goal.what} | {bound} {goal.wanted:g} | {measured} | {verdict} |")
    return lines
