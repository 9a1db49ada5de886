"""Figures on labelled photographs; FORMAT describes their folder."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.vision.digit import Box, Digit
from shared.vision.gray_frame import LONG_SIDE_PX, make_gray_frame
from shared.vision.image_files import load_photo
from shared.vision.numbers import join_numbers
from training.evaluate.boxes import centre_of, compute_iou, is_inside
from training.evaluate.figures import Figure, SupportsRead

FORMAT = """\
A folder of photographs has a file manifest.jsonl with one JSON object a line:

- `file`: name of the picture in the folder
- `kind`: "photo", or "nodigit" for a picture without digits
- `boxes`: the digits, as [x, y, width, height, "7"] in pixels of the picture (EXIF applied)
- `lines` (optional): the written lines; those of digits alone should be read as one number
- `ignore` (optional): boxes [x, y, width, height] in which digits count neither as right nor as wrong
- `tags` (optional): words about the picture; "operator" marks written signs, which `scene_false` leaves out

A file handheld.mp4 in the folder is read as the hand-held clip; its sheet shows 2021 and 2019."""

MIN_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Match:
    """The digits of one picture, compared with the truth."""

    correct: int
    wrong: int
    missed: int
    false: int


def measure_photographs(recognizer: SupportsRead, method: str, folder: Path) -> Iterator[Figure]:
    """Yield recall, precision and the share found of all digits; scenes, photos and lines by picture."""
    matches: list[Match] = []
    false_in_scenes: list[int] = []
    lines: list[bool] = []
    for row in map(json.loads, (folder / "manifest.jsonl").read_text().splitlines()):
        digits = read_photograph(recognizer, folder / row["file"])
        match = match_digits(row.get("boxes", []), drop_ignored(digits, row.get("ignore", [])))
        if row["kind"] == "photo":
            matches.append(match)
            texts = {number.text for number in join_numbers(digits)}
            lines += [line in texts for line in row.get("lines", []) if line.isdigit()]
        elif "operator" not in row.get("tags", []):
            false_in_scenes.append(match.false)
    correct, wrong, missed, false = (
        sum(getattr(match, name) for match in matches) for name in ("correct", "wrong", "missed", "false")
    )
    true = correct + wrong + missed
    exact = sum(not (match.wrong or match.missed or match.false) for match in matches)
    for metric, hits, of, n in (
        ("recall", correct, true, true),
        ("precision", correct, correct + wrong + false, true),
        ("found", correct + wrong, true, true),
        ("scene_false", sum(false_in_scenes), len(false_in_scenes), len(false_in_scenes)),
        ("exact", exact, len(matches), len(matches)),
        ("lines", sum(lines), len(lines), len(lines)),
    ):
        if n:
            yield Figure("photos", method, metric, round(hits / max(of, 1), 4), n)


def read_photograph(recognizer: SupportsRead, path: Path) -> list[Digit]:
    """Return the digits of a photograph, as `digitcam read` finds them: boxes in pixels of the photograph."""
    gray, scale = make_gray_frame(load_photo(path), LONG_SIDE_PX)
    return [digit.scaled(1 / scale) for digit in recognizer.read([gray])[0]]


def drop_ignored(digits: Sequence[Digit], ignored: Sequence[Box]) -> list[Digit]:
    """Return the digits whose centre lies in no ignored box."""
    return [digit for digit in digits if not any(is_inside(centre_of(digit.box), box) for box in ignored)]


def match_digits(truth: Sequence[Sequence[Any]], digits: Sequence[Digit]) -> Match:
    """Pair each true digit with at most one predicted digit, the best pairs first."""
    pairs = [(rate_pair(true, digit.box), i, j) for i, true in enumerate(truth) for j, digit in enumerate(digits)]
    pair_of: dict[int, int] = {}
    for rating, i, j in sorted(pairs, reverse=True):
        if rating and i not in pair_of and j not in pair_of.values():
            pair_of[i] = j
    correct = sum(str(truth[i][4]) == str(digits[j].digit) for i, j in pair_of.items())
    return Match(correct, len(pair_of) - correct, len(truth) - len(pair_of), len(digits) - len(pair_of))


def rate_pair(true: Sequence[Any], box: Box) -> float:
    """Return how well a box fits a true digit, 0 if it does not: by IoU, or by centre and height."""
    x, y, width, height, *_ = true
    around = (x - 0.2 * height, y, width + 0.4 * height, height)
    is_on_it = is_inside(centre_of(box), around) and 0.5 <= box[3] / max(height, 1) <= 1.8
    iou = compute_iou((x, y, width, height), box)
    return iou + 0.5 * is_on_it if is_on_it or iou >= MIN_IOU else 0
