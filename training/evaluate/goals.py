"""The goals, compared with the measured figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluate import drawing, frame_time
from training.evaluate.figures import Figure

RECOGNIZER = "detector and classifier"


@dataclass(frozen=True, slots=True)
class Goal:
    """The least value for a figure, or the largest where less is better."""

    data: str
    method: str
    metric: str
    value: float
    less_is_better: bool = False

    def is_met(self, value: float) -> bool:
        return value <= self.value if self.less_is_better else value >= self.value


CONFIDENCES = "photos and photos_second"

GOALS = (
    Goal("photos", RECOGNIZER, "recall", 0.975),
    Goal("photos", RECOGNIZER, "precision", 0.975),
    Goal("photos", RECOGNIZER, "scene_false", 0.05, less_is_better=True),
    Goal("photos", RECOGNIZER, "lines", 0.90),
    Goal("photos", RECOGNIZER, "box IoU, p50", 0.88),
    Goal("photos", RECOGNIZER, "box IoU, p10", 0.75),
    Goal("photos_second", RECOGNIZER, "recall", 0.97),
    Goal("photos_second", RECOGNIZER, "precision", 0.97),
    Goal("photos_second", RECOGNIZER, "exact", 0.85),
    Goal("photos_second", RECOGNIZER, "writing_false", 1.0, less_is_better=True),
    Goal("photos_second", RECOGNIZER, "box IoU, p50", 0.88),
    Goal("photos_second", RECOGNIZER, "box IoU, p10", 0.75),
    Goal(CONFIDENCES, RECOGNIZER, "calibration error", 0.05, less_is_better=True),
    Goal("demo camera", RECOGNIZER, "recall", 0.97),
    Goal("demo camera", RECOGNIZER, "precision", 0.97),
    Goal("demo camera, shown", RECOGNIZER, "recall", 0.97),
    Goal("demo camera, shown", RECOGNIZER, "precision", 0.97),
    Goal(drawing.DATA, RECOGNIZER, drawing.STROKES, round(86 / 90, 3)),
    Goal(drawing.DATA, RECOGNIZER, drawing.BARE_ONES, len(drawing.NUMBERS)),
    Goal("hand-held clip", RECOGNIZER, "frames until right", 5, less_is_better=True),
    Goal("hand-held clip", RECOGNIZER, "changes afterwards", 0, less_is_better=True),
    Goal("MNIST test", "classifier", "accuracy", 0.9955),
    Goal("MNIST test", "classifier", "accuracy, mean of trainings", 0.9955),
    Goal("MNIST test", "classifier", "accuracy, digits alone, mean of trainings", 0.9955),
    Goal("MNIST test", "blog", "accuracy", 0.9885),
    Goal("MNIST test", "blog", "accuracy, mean of trainings", 0.9885),
    Goal("MNIST test", "fast", "accuracy, mean of trainings", 0.99),
    Goal("other writers: semeion", "classifier", "accuracy", 0.94),
    Goal("other writers: nsysu", "classifier", "accuracy", 0.965),
    Goal("other writers: semeion", "classifier", "accuracy, digits alone", 0.95),
    Goal("other writers: nsysu", "classifier", "accuracy, digits alone", 0.975),
    Goal(frame_time.DATA, RECOGNIZER, f"{frame_time.DIGITS} digits, p50, ms", 4, less_is_better=True),
    Goal(frame_time.DATA, RECOGNIZER, f"{frame_time.DIGITS} digits, p99, ms", 8, less_is_better=True),
    Goal(frame_time.DATA, RECOGNIZER, "clutter over empty paper", 1.5, less_is_better=True),
)


def format_goals(figures: Sequence[Figure], goals: Sequence[Goal] = GOALS) -> list[str]:
    """Return a Markdown table of the goals that says which of them are missed."""
    values = {(figure.data, figure.method, figure.metric): figure.value for figure in figures if not figure.source}
    lines = ["| data | method | metric | goal | measured | |", "|---|---|---|---|---|---|"]
    for goal in goals:
        value = values.get((goal.data, goal.method, goal.metric))
        measured = "no data" if value is None else f"{value:.4g}"
        verdict = "" if value is None else "met" if goal.is_met(value) else "**missed**"
        bound = f"{'at most' if goal.less_is_better else 'at least'} {goal.value:g}"
        lines.append(f"| {goal.data} | {goal.method} | {goal.metric} | {bound} | {measured} | {verdict} |")
    return lines
