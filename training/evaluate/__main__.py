"""Every accuracy figure: `python -m training.evaluate` prints one table and writes it to docs/accuracy.md.

Rows whose data is not at hand are left out, and said to be. ../shared is real writing by other people: for evaluation
only, never for training.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import numpy as np

from shared.networks.runtimes import Network, load_network
from shared.vision.recognizer import load_recognizer
from training import record, seeds
from training.baseline import ClassicalRecognizer
from training.data import load_mnist
from training.evaluate import figures, frame_time, goals
from training.evaluate.figures import Row
from training.evaluate.negatives import digits_of_scenes, kinds_of_others

CLIP = {"2021", "2019"}  # what the sheet in the hand-held clip says


def main(words: list[str] | None = None) -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder with photos/ and crops/")
    parser.add_argument("--record", type=Path, default=Path("docs/speed-record.json"), help="of the fast trainings")
    parser.add_argument(
        "--seeds", type=Path, default=Path("docs/classifier-seeds.json"), help="of the classifier's trainings"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/accuracy.md"))
    parser.add_argument("--json", action="store_true", help="print one JSON object a row")
    arguments = parser.parse_args(words)
    kept = record.load_record(arguments.record) if arguments.record.is_file() else None
    means = [record.to_rows(kept)] if kept else []
    means += [seeds.to_rows(seeds.load(arguments.seeds))] if arguments.seeds.is_file() else []
    rows = []
    for row in chain(measure(arguments.models, arguments.data, arguments.shared), *means):
        print(json.dumps(asdict(row)) if arguments.json else to_line(row), flush=True)
        rows.append(row)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(to_page(rows, record.to_lines(kept) if kept else ()))


def measure(models: Path, data: Path, shared: Path) -> Iterator[Row]:
    """Yield every row whose data is there."""
    seed, classifier = (load_network(models / f"{name}.onnx", "onnx") for name in ("blog", "classifier"))
    networks: dict[str, Network] = {"blog": seed, "classifier": classifier}
    images, labels = load_mnist("test", data)
    scaled = (images / np.float32(255)).astype(np.float32)
    yield from figures.mnist(networks, scaled, labels)
    yield from figures.writers(networks, shared / "crops")
    yield from figures.rejection(classifier, "classifier", digits_of_scenes(data), kinds_of_others(data))
    both: dict[str, figures.ReadsPages] = {
        "detector and classifier": load_recognizer(models, "onnx"),
        "classical": ClassicalRecognizer(seed),
    }
    for name, reads in both.items():
        yield from figures.demo(reads, name)
        if (shared / "photos").is_dir():
            yield from figures.photos(reads, name, shared / "photos")
            yield from figures.clip(reads, name, shared / "photos" / "handheld.mp4", CLIP)
    if (shared / "photos").is_dir():
        yield from figures.peers(seed, shared / "photos")
    yield from frame_time.frames(load_recognizer(models, "onnx"), "detector and classifier")


def to_line(row: Row) -> str:
    """Return a row for a person."""
    return f"{row.data:42s} {row.who:42s} {row.what:20s} {to_value(row)}"


def to_value(row: Row) -> str:
    """Return a figure with its interval or n."""
    value = f"{row.value:.4f}".rstrip("0").rstrip(".") if row.value < 100 else f"{row.value:.0f}"
    interval = "" if row.low is None else f" ({row.low:.4f} to {row.high:.4f})"
    return f"{value}{interval}, n = {row.n}"


def to_page(rows: Sequence[Row], speed: Sequence[str] = ()) -> str:
    """Return the table as a page of documentation, with what is said about speed."""
    lines = [
        "# Accuracy",
        "",
        "Written by `python -m training.evaluate`. Shares are 0 to 1, with 95 % intervals (Wilson) or their n.",
        "The photos, the clip and the other writers' digits were never trained on.",
        "What a frame takes is the quickest of three repetitions.",
        "What was read right, wrong or refused, to look at: [scenes](scenes-read.jpg),",
        "[MNIST's errors](classifier-mnist-wrong.png),",
        "crops [right](classifier-right.png), [wrong](classifier-wrong.png), [refused](classifier-refused.png),",
        "[taken for digits](classifier-taken-for-digits.png).",
        "What was tuned on: decisions/0007-a-detector-and-a-classifier.md.",
        f"{platform.machine()}, Python {platform.python_version()}, onnxruntime {version('onnxruntime')}.",
        "",
        "| data | who | what | figure |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.data} | {row.who} | {row.what} | {to_value(row)} |" for row in rows]
    lines += ["", "## Targets", "", "Of one training each, where no mean is said.", "", *goals.to_lines(rows), ""]
    return "\n".join([*lines, *(["## Speed record", "", *speed, ""] if speed else [])])


if __name__ == "__main__":
    main()
