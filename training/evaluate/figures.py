"""The figures of the accuracy table: each function asks one question of networks or classifiers and yields rows."""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.demo import RATE_HZ, DemoCamera
from shared.networks.runtimes import Network
from shared.vision.digit import NOT_A_DIGIT, Digit
from shared.vision.gray_frame import LONG_SIDE_PX, make_gray_frame, to_gray
from shared.vision.image_files import load_photo, load_video
from shared.vision.normaliser import crop_around, normalise
from shared.vision.numbers import join_numbers
from shared.vision.tracks import DigitTracker
from training.evaluate.ablation import RECIPES

BATCH = 500
DEMO_S, DEMO_EVERY_S = 60.0, 0.5

Images = NDArray[np.float32]  # n x 28 x 28, 0 to 1
Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured of what, on n, and its 95 % interval where it is a share."""

    data: str
    who: str
    what: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None


class ReadsPages(Protocol):
    """What reads pages: the shipped classifier or the classical one."""

    def read(self, pages: Sequence[NDArray[np.uint8]]) -> list[tuple[Digit, ...]]:
        """Return the digits of each page."""


def share(data: str, who: str, what: str, hits: float, n: int) -> Row:
    """Return a share with its interval (Wilson, 1927)."""
    p, z = hits / max(n, 1), 1.96
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Row(data, who, what, p, n, middle - reach, middle + reach)


def answer(network: Network, images: Images) -> NDArray[np.float32]:
    """Return the logits of images."""
    parts = [network(images[start : start + BATCH, None]) for start in range(0, len(images), BATCH)]
    return np.concatenate(parts)


def count_right(network: Network, images: Images, labels: Labels) -> int:
    """Return how many images get their own label; "not a digit" is wrong here."""
    return int((answer(network, images).argmax(axis=1) == labels).sum())


def accuracy(data: str, name: str, network: Network, images: Images, labels: Labels) -> Iterator[Row]:
    """Yield the accuracy, and for a network that can say "not a digit" that of its ten digits alone."""
    logits = answer(network, images)
    yield share(data, name, "accuracy", int((logits.argmax(axis=1) == labels).sum()), len(labels))
    if logits.shape[1] > NOT_A_DIGIT:
        alone = logits[:, :NOT_A_DIGIT].argmax(axis=1) == labels
        yield share(data, name, "accuracy, digits alone", int(alone.sum()), len(labels))


def mnist(networks: Mapping[str, Network], images: Images, labels: Labels) -> Iterator[Row]:
    """How many of MNIST's test images are read right?"""
    for name, network in networks.items():
        yield from accuracy("MNIST test", name, network, images, labels)


def writers(networks: Mapping[str, Network], folder: Path) -> Iterator[Row]:
    """How are digits of other writers read, brought to MNIST's form?"""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as kept:
            pictures, labels = kept["images"], kept["labels"]
        ink = pictures if np.median(pictures) < 128 else 255 - pictures
        seen = [normalise(remove_paper(picture)) for picture in ink]
        images = np.stack([np.zeros((28, 28), np.float32) if image is None else image for image in seen])
        for name, network in networks.items():
            yield from accuracy(f"other writers: {path.stem}", name, network, images, labels)


def remove_paper(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ink on black: what is fainter than a sixth of the strongest is paper."""
    return np.where(ink > ink.max() / 6, ink, 0).astype(np.uint8)


def rejection(network: Network, name: str, digits: Images, others: Mapping[str, Images]) -> Iterator[Row]:
    """How well are digits told from what is none: AUROC, and how many of the others are taken for digits?"""
    certain = certainty(network, digits)
    yield share("rejection: digits of scenes", name, "accepted", int((certain > math.log(0.5)).sum()), len(certain))
    for kind, images in others.items():
        doubtful = certainty(network, images)
        below = np.searchsorted(np.sort(doubtful), certain) / len(doubtful)
        yield Row(f"rejection: {kind}", name, "AUROC", float(below.mean()), len(doubtful))
        yield share(f"rejection: {kind}", name, "accepted", int((doubtful > math.log(0.5)).sum()), len(doubtful))


def certainty(network: Network, images: Images) -> NDArray[np.float64]:
    """Return the logarithm of the probability of a digit, whichever."""
    logits = answer(network, images).astype(np.float64)
    return np.asarray(np.logaddexp.reduce(logits[:, :NOT_A_DIGIT], axis=1) - np.logaddexp.reduce(logits, axis=1))


def peers(network: Network, folder: Path) -> Iterator[Row]:
    """How many digits of the photos are read when their boxes are given, by each recipe for the crop?"""
    crops, labels = true_crops(folder)
    for name, recipe in RECIPES.items():
        right = 0
        for crop, label in zip(crops, labels, strict=True):
            image = recipe(crop)
            right += image is not None and int(network(image[None, None])[0, :10].argmax()) == label
        yield share("photos, boxes given", name, "accuracy", right, len(labels))


def true_crops(folder: Path) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Return the crops around the true boxes of all photos, and their digits."""
    crops, labels = [], []
    for row in manifest(folder):
        page, scale = make_gray_frame(load_photo(folder / row["file"]), LONG_SIDE_PX)
        for *box, label in row["boxes"]:
            x, y, width, height = (side * scale for side in box)
            crops.append(crop_around(page, (x, y, width, height)))
            labels.append(int(label))
    return crops, labels


def manifest(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of the photos' manifest."""
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def photos(classifier: ReadsPages, name: str, folder: Path) -> Iterator[Row]:
    """How are whole photos read? Scored by the photos' own score.py."""
    with tempfile.TemporaryDirectory() as scratch:
        predictions = Path(scratch) / "predictions.jsonl"
        with predictions.open("w") as out:
            for row in manifest(folder):
                print(json.dumps({"path": row["file"]} | read_photo(classifier, folder / row["file"])), file=out)
        command = [sys.executable, str(folder / "score.py"), str(folder / "manifest.jsonl"), str(predictions)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counts = count_photos(manifest(folder))
    for what, value in json.loads(said.splitlines()[-1]).items():
        if what in counts:
            yield Row("photos", name, what, float(value), counts[what])


def count_photos(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return on how many digits, pictures or lines each figure of score.py stands."""
    pictures = [row for row in rows if row["kind"] == "photo"]
    digits = sum(len(row["boxes"]) for row in rows)
    return {
        "recall": digits,
        "precision": digits,
        "found": digits,
        "exact": len(pictures),
        "lines": sum(line.isdigit() for row in pictures for line in row["lines"]),
        "scene_false": sum(row["kind"] == "nodigit" and "operator" not in row["tags"] for row in rows),
    }


def read_photo(classifier: ReadsPages, path: Path) -> dict[str, Any]:
    """Return what a photo says, as `digitcam read --json` gives it: boxes in pixels of the photo."""
    page, scale = make_gray_frame(load_photo(path), LONG_SIDE_PX)
    digits = [digit.scaled(1 / scale) for digit in classifier.read([page])[0]]
    return {
        "digits": [{"digit": d.digit, "confidence": d.confidence, "box": d.box} for d in digits],
        "numbers": [{"text": number.text} for number in join_numbers(digits)],
    }


def clip(classifier: ReadsPages, name: str, path: Path, truth: set[str], rate_hz: float = 30) -> Iterator[Row]:
    """After how many frames are the right numbers shown, and how often does what is shown change afterwards?"""
    steady, shown = DigitTracker(), []
    for number, picture in enumerate(load_video(path)):
        page, _ = make_gray_frame(picture, LONG_SIDE_PX)
        digits = steady.update(classifier.read([page])[0], number / rate_hz)
        shown.append(tuple(sorted(found.text for found in join_numbers(digits))))
    right = [set(texts) == truth for texts in shown]
    first = right.index(True) if any(right) else len(right)
    changes = sum(a != b for a, b in zip(shown[first:], shown[first + 1 :], strict=False))
    yield Row("hand-held clip", name, "frames until right", first + 1, len(shown))
    yield Row("hand-held clip", name, "changes afterwards", changes, len(shown) - first)
    yield share("hand-held clip", name, "frames shown right", sum(right), len(shown))


def demo(classifier: ReadsPages, name: str, seed: int = 7) -> Iterator[Row]:
    """How many digits of the demo camera's frames are read, each frame alone?"""
    camera = DemoCamera(seed)
    true = right = said = frames = 0
    for index in range(int(DEMO_S / DEMO_EVERY_S)):
        picture, truth = camera.render(index * DEMO_EVERY_S + 1 / RATE_HZ)
        digits = classifier.read([to_gray(picture)])[0]
        right += sum(any(is_at(box, d) and d.digit == label for d in digits) for label, box in truth)
        true, said, frames = true + len(truth), said + len(digits), frames + 1
    yield share("demo camera", name, "recall", right, true)
    yield share("demo camera", name, "precision", min(right, said), said)


def is_at(box: Sequence[float], digit: Digit) -> bool:
    """Whether a digit's middle lies in a box."""
    x, y = digit.box[0] + digit.box[2] / 2, digit.box[1] + digit.box[3] / 2
    return box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]
