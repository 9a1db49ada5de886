"""The figures as a page of documentation."""

import platform
from collections.abc import Sequence
from importlib.metadata import version

from training.evaluate.figures import Figure
from training.evaluate.goals import format_goals
from training.evaluate.photographs import FORMAT


def format_report(figures: Sequence[Figure], speed_record: Sequence[str] = ()) -> str:
    """Return the Markdown page; speed_record are the lines of its last section, if there is one."""
    lines = [
        "# Accuracy",
        "",
        "Written by `python -m training.evaluate`. Shares are 0 to 1, with 95 % intervals (Wilson) or their n.",
        "The networks were never trained on the photos, the clip, or the other writers' digits.",
        "The time for a frame is the quickest of three repetitions.",
        "",
        "Pictures: [digits read in scenes](scenes-read.jpg), [errors on MNIST](classifier-mnist-wrong.png),",
        "and crops: [right](classifier-right.png), [wrong](classifier-wrong.png), [refused](classifier-refused.png),",
        "[taken for digits](classifier-taken-for-digits.png).",
        "What was tuned on: [decision 7](decisions/0007-a-detector-and-a-classifier.md).",
        "",
        f"{platform.machine()}, Python {platform.python_version()}, onnxruntime {version('onnxruntime')}.",
        "",
        "| data | method | metric | value |",
        "|---|---|---|---|",
        *(f"| {each.data} | {each.method} | {each.metric} | {each.format_value()} |" for each in figures),
        "",
        "## Goals",
        "",
        "Figures are of one training each, unless they say that they are a mean.",
        "",
        *format_goals(figures),
        "",
    ]
    if speed_record:
        lines += ["## Speed record", "", *speed_record, ""]
    return "\n".join([*lines, "## Photographs of your own", "", FORMAT, ""])
