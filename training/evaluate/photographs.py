"""Figures on labelled photographs; FORMAT describes their folder."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from shared.vision.digit import Box, Digit
from shared.vision.image_files import Photo, load_photo
from shared.vision.numbers import join_numbers
from training.evaluate.boxes import centre_of, compute_iou, is_inside
from training.evaluate.figures import Figure

FORMAT = """\
A folder of photographs has a file manifest.jsonl with one JSON object a line:

- `file`: name of the picture in the folder
- `kind`: "photo", or "nodigit" for a picture without digits
- `boxes`: the digits, as [x, y, width, height, "7"] in pixels of the picture (EXIF applied)
- `lines` (optional): the written lines; those of digits alone should be read as one number
- `ignore` (optional): boxes [x, y, width, height] in which digits count neither as right nor as wrong
- `tags` (optional): words about the picture; without digits, "letters" marks writing and "operator" written signs
- `from` (optional): the source, whose pictures share writer, pen and camera; its first word counts

A file handheld.mp4 in a folder is read as the hand-held clip; its sheet shows 2021 and 2019."""

MANIFEST = "manifest.jsonl"
MIN_IOU = 0.3

LabelledBox = Sequence[Any]  # x, y, width, height, label
FindDigits = Callable[[Photo], Sequence[Digit]]  # of a photograph, boxes in its pixels


class PictureKind(StrEnum):
    """What a photograph shows."""

    DIGITS = "digits"
    SCENE = "scene"  # none of these two
    WRITING = "writing"  # without digits
    SIGNS = "signs"  # written operators


@dataclass(frozen=True, slots=True)
class ReadPhotograph:
    """A photograph and what was read in it: the digits that count, and the index of the digit for each true one."""

    kind: PictureKind
    source: str
    truth: tuple[LabelledBox, ...]
    digits: tuple[Digit, ...]
    pairs: Mapping[int, int]
    lines: tuple[bool, ...]  # of those with digits alone: whether it was read as one number

    @property
    def right(self) -> int:
        return sum(self.is_right(index) for index in range(len(self.digits)))

    @property
    def is_exact(self) -> bool:
        return self.right == len(self.truth) == len(self.digits)

    def is_right(self, index: int) -> bool:
        """Return whether this digit stands at a true one with the same label."""
        true = next((i for i, j in self.pairs.items() if j == index), None)
        return true is not None and str(self.truth[true][4]) == str(self.digits[index].digit)

    def count_labels_found(self) -> int:
        """Return how many labels were read, wherever in the picture: for readers without a box for each digit."""
        labels = Counter(str(true[4]) for true in self.truth)
        return (labels & Counter(str(digit.digit) for digit in self.digits)).total()


def read_photographs(find_digits: FindDigits, folder: Path) -> list[ReadPhotograph]:
    """Read each photograph of a folder. Raises ValueError, in one sentence, for one that can't be read."""
    rows = map(json.loads, (folder / MANIFEST).read_text().splitlines())
    return [compare(row, find_digits(load_photo(folder / row["file"]))) for row in rows]


def compare(row: Mapping[str, Any], found: Sequence[Digit]) -> ReadPhotograph:
    """Return what was found in a photograph together with its row of the manifest."""
    texts = {number.text for number in join_numbers(found)}
    truth, digits = tuple(row.get("boxes", [])), drop_ignored(found, row.get("ignore", []))
    return ReadPhotograph(
        kind=find_kind(row),
        source=row.get("from", row["file"]).split()[0],
        truth=truth,
        digits=tuple(digits),
        pairs=pair_digits(truth, digits),
        lines=tuple(line in texts for line in row.get("lines", []) if line.isdigit()),
    )


def find_kind(row: Mapping[str, Any]) -> PictureKind:
    if row["kind"] == "photo":
        return PictureKind.DIGITS
    tags = row.get("tags", [])
    if "operator" in tags:
        return PictureKind.SIGNS
    return PictureKind.WRITING if "letters" in tags else PictureKind.SCENE


def measure_photographs(data: str, method: str, photographs: Sequence[ReadPhotograph]) -> Iterator[Figure]:
    """Yield recall, precision and the share found of all digits; photographs, lines and scenes; and how boxes fit."""
    yield from measure_digits(data, method, photographs)
    with_digits = [each for each in photographs if each.kind is PictureKind.DIGITS]
    if lines := [is_read for each in with_digits for is_read in each.lines]:
        yield Figure(data, method, "lines", round(sum(lines) / len(lines), 4), len(lines))
    yield from measure_false(data, method, photographs)
    yield from measure_boxes(data, method, with_digits)


def measure_sources(data: str, method: str, photographs: Sequence[ReadPhotograph]) -> Iterator[Figure]:
    """Yield the figures of each source: a threshold is right if it holds for sources that did not choose it."""
    parts: defaultdict[str, list[ReadPhotograph]] = defaultdict(list)
    for each in photographs:
        if each.kind is PictureKind.DIGITS:
            parts[each.source].append(each)
    for source in sorted(parts):
        yield from measure_digits(data, method, parts[source], source)


def measure_digits(data: str, method: str, photographs: Sequence[ReadPhotograph], source: str = "") -> Iterator[Figure]:
    """Yield recall, precision, the share found, and the share of photographs read exactly."""
    with_digits = [each for each in photographs if each.kind is PictureKind.DIGITS]
    counts = np.array([(each.right, len(each.truth), len(each.digits), len(each.pairs)) for each in with_digits])
    right, true, said, found = counts.reshape(-1, 4).sum(axis=0).tolist()
    exact = sum(each.is_exact for each in with_digits)
    for metric, hits, of, n in (
        ("recall", right, true, true),
        ("precision", right, said, true),
        ("found", found, true, true),
        ("exact", exact, len(with_digits), len(with_digits)),
    ):
        if n:
            yield Figure(data, method, metric, round(hits / max(of, 1), 4), n, source=source)


def measure_false(data: str, method: str, photographs: Sequence[ReadPhotograph]) -> Iterator[Figure]:
    """Yield the digits per picture of scenes, and of writing, that hold none."""
    for kind in (PictureKind.SCENE, PictureKind.WRITING):
        if false := [len(each.digits) for each in photographs if each.kind is kind]:
            yield Figure(data, method, f"{kind}_false", round(sum(false) / len(false), 4), len(false))


def measure_labels(data: str, method: str, photographs: Sequence[ReadPhotograph]) -> Iterator[Figure]:
    """Yield recall and precision of the digits of each photograph in any order, wherever they stand."""
    with_digits = [each for each in photographs if each.kind is PictureKind.DIGITS]
    right = sum(each.count_labels_found() for each in with_digits)
    for metric, of in (
        ("recall, any place", sum(len(each.truth) for each in with_digits)),
        ("precision, any place", sum(len(each.digits) for each in with_digits)),
    ):
        if of:
            yield Figure(data, method, metric, round(right / of, 4), of)


def measure_boxes(data: str, method: str, photographs: Sequence[ReadPhotograph]) -> Iterator[Figure]:
    """Yield how well the shown boxes fit the labelled ones."""
    fits = [
        compute_iou(tuple(each.truth[i][:4]), each.digits[j].box) for each in photographs for i, j in each.pairs.items()
    ]
    for percent in (50, 10) if fits else ():
        value = round(float(np.percentile(fits, percent)), 4)
        yield Figure(data, method, f"box IoU, p{percent}", value, len(fits))


def drop_ignored(digits: Sequence[Digit], ignored: Sequence[Box]) -> list[Digit]:
    """Return the digits whose centre lies in no ignored box."""
    return [digit for digit in digits if not any(is_inside(centre_of(digit.box), box) for box in ignored)]


def pair_digits(truth: Sequence[LabelledBox], digits: Sequence[Digit]) -> dict[int, int]:
    """Return the index of the predicted digit for each true one that has one, the best pairs first."""
    pairs = [(rate_pair(true, digit.box), i, j) for i, true in enumerate(truth) for j, digit in enumerate(digits)]
    pair_of: dict[int, int] = {}
    for rating, i, j in sorted(pairs, reverse=True):
        if rating and i not in pair_of and j not in pair_of.values():
            pair_of[i] = j
    return pair_of


def rate_pair(true: LabelledBox, box: Box) -> float:
    """Return how well a box fits a true digit, 0 if it does not: by IoU, or by centre and height."""
    x, y, width, height, *_ = true
    around = (x - 0.2 * height, y, width + 0.4 * height, height)
    is_on_it = is_inside(centre_of(box), around) and 0.5 <= box[3] / max(height, 1) <= 1.8
    iou = compute_iou((x, y, width, height), box)
    return iou + 0.5 * is_on_it if is_on_it or iou >= MIN_IOU else 0
