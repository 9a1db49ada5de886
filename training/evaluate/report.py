"""The figures as a page of documentation."""

import platform
from collections.abc import Sequence
from importlib.metadata import version

from training.evaluate.figures import Figure
from training.evaluate.goals import format_goals
from training.evaluate.photographs import FORMAT

LOOKED_AT = (
    "How often the photographs were looked at: photos chose a dozen thresholds, and the scenes were revised after its",
    "errors eight times or more ([decision 7](decisions/0007-a-detector-and-a-classifier.md)). Photos and",
    "photos_second together chose which trainings are shipped",
    "([decision 48](decisions/0048-each-network-comes-from-one-command.md)), four weights and the calibration of the",
    "fusion, by sources left out",
    "([decision 37](decisions/0037-confidence-is-calibrated-on-sources-left-out.md)), where the box of ink ends, and",
    "the sizes at which a picture is read ([decision 41](decisions/0041-still-pictures-are-read-at-three-sizes.md)).",
    "Expect less on photographs of other people: the table by source shows how much sources differ.",
)
SOURCE_METRICS = ("recall", "precision", "exact")


def format_sources(figures: Sequence[Figure]) -> list[str]:
    """Return a Markdown table with a row for each source of photographs."""
    lines = [
        "| data | source | " + " | ".join(SOURCE_METRICS) + " | digits |",
        "|---" * (3 + len(SOURCE_METRICS)) + "|",
    ]
    values = {(each.data, each.source, each.metric): each for each in figures if each.source}
    for data, source in dict.fromkeys((data, source) for data, source, _ in values):
        row = [values.get((data, source, metric)) for metric in SOURCE_METRICS]
        cells = ["" if each is None else f"{each.value:.3f}" for each in row]
        lines.append(f"| {data} | {source} | {' | '.join(cells)} | {row[0].n if row[0] else 0} |")
    return lines


def format_report(figures: Sequence[Figure], speed_record: Sequence[str] = ()) -> str:
    """Return the Markdown page; speed_record are the lines of its last section, if there is one."""
    lines = [
        "# Accuracy",
        "",
        "Written by `python -m training.evaluate`. Shares are 0 to 1, with 95 % intervals (Wilson) or their n.",
        "The networks were never trained on the photos, the clip, or the other writers' digits.",
        '`digitcam read` reads the photos. Figures of "any place" compare the digits of each photo in any order, since',
        "text readers do not give a box for each digit.",
        "The time for a frame is the quickest of three repetitions.",
        "",
        "Pictures: [digits read in scenes](scenes-read.jpg), [errors on MNIST](classifier-mnist-wrong.png),",
        "and crops: [right](classifier-right.png), [wrong](classifier-wrong.png), [refused](classifier-refused.png),",
        "[taken for digits](classifier-taken-for-digits.png). [Drawn pictures](bad-input.jpg) without handwriting.",
        "",
        *LOOKED_AT,
        "",
        f"{platform.machine()}, Python {platform.python_version()}, onnxruntime {version('onnxruntime')}.",
        "",
        "| data | method | metric | value |",
        "|---|---|---|---|",
        *(
            f"| {each.data} | {each.method} | {each.metric} | {each.format_value()} |"
            for each in figures
            if not each.source
        ),
        "",
        "## By source",
        "",
        "A source is the repository that photographs come from: they share writer, pen and camera.",
        "",
        *format_sources(figures),
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
