"""Every accuracy figure: `python -m training.evaluate` prints them and writes docs/accuracy.md.

Figures whose data is missing are left out; the page is then written only with --out. Photographs and digits of
other writers are used for evaluation only, never for training.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from digitcam.multi_scale import AVERAGED, read_at_scales
from digitcam.recognition import FindDigits, read_by
from shared.demo.camera import RATE_HZ
from shared.networks.runtimes import load_network
from shared.settings import load_settings
from shared.vision.digit import Digit
from shared.vision.image_files import Photo
from shared.vision.recognizer import FrameRecognizer, SupportsRead, load_recognizer
from training.baseline import ClassicalRecognizer
from training.data import is_complete, load_mnist
from training.evaluate.calibration import MIN_EVIDENCE_LOG_P, collect_evidence, measure_calibration
from training.evaluate.drawing import measure_drawing
from training.evaluate.drawn_pictures import measure_drawn_pictures
from training.evaluate.figures import Figure
from training.evaluate.frame_time import measure_frame_times
from training.evaluate.frames import measure_clip, measure_demo, measure_shown_demo, read_once
from training.evaluate.goals import RECOGNIZER
from training.evaluate.negatives import make_digits, make_negatives
from training.evaluate.ocr import find_text_readers
from training.evaluate.photographs import (
    MANIFEST,
    measure_false,
    measure_labels,
    measure_photographs,
    measure_sources,
    read_photographs,
)
from training.evaluate.records import (
    CLASSIFIER_SEEDS,
    SPEED_RECORD,
    format_speed_record,
    load_speed_record,
    measure_seeds,
    measure_speed_record,
)
from training.evaluate.report import format_report, format_sources
from training.evaluate.single_digits import measure_accuracy, measure_rejection, measure_writers
from training.scenes.fonts import find_hand_fonts

REPORT = Path("docs/accuracy.md")
CLIP = "handheld.mp4"
FRAME = "one frame of 640 px"  # a photograph read as a camera's frame, at one size


def main(words: list[str] | None = None) -> None:
    options = parse_options(words)
    missing = find_missing(options)
    figures = []
    for figure in chain(measure_networks(options), measure_recognizers(options), measure_records()):
        if options.json:
            print(json.dumps(asdict(figure)), flush=True)
        elif not figure.source:
            print(f"{figure.data:42s} {figure.method:22s} {figure.metric:38s} {figure.format_value()}", flush=True)
        figures.append(figure)
    if not options.json:
        print("\n".join(format_sources(figures)))
    if missing:
        print("\n".join(["Missing data:", *(f"- {sentence}" for sentence in missing)]), file=sys.stderr)
    if missing and options.out is None:
        print(f"{REPORT} is not written, since figures are missing (--out {REPORT} writes it).", file=sys.stderr)
        return
    record = format_speed_record(load_speed_record(SPEED_RECORD)) if SPEED_RECORD.is_file() else ()
    report = options.out or REPORT
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(format_report(figures, record))


def parse_options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of MNIST, fetched where needed")
    parser.add_argument(
        "--photographs",
        type=Path,
        nargs="+",
        default=[Path("../shared/photos"), Path("../shared/photos_second")],
        metavar="FOLDER",
        help=f"folders with {MANIFEST} and {CLIP}, in the format that docs/accuracy.md describes",
    )
    parser.add_argument("--writers", type=Path, default=Path("../shared/crops"), help="folder of .npz: images, labels")
    parser.add_argument("--out", type=Path, help=f"the page to write (default: {REPORT}, if no data is missing)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a figure")
    return parser.parse_args(words)


def find_missing(options: argparse.Namespace) -> list[str]:
    """Return a sentence for each kind of data that is missing."""
    clips = [folder / CLIP for folder in options.photographs]
    expected = {
        **{folder / MANIFEST: "labelled photographs (--photographs FOLDER)" for folder in options.photographs},
        next((clip for clip in clips if clip.is_file()), clips[0]): "the hand-held clip (--photographs FOLDER)",
        options.writers: "digits of other writers (--writers FOLDER)",
        SPEED_RECORD: "the speed record (python -m training.train --preset fast --seeds 10 --blog-seeds 3 --out docs)",
        CLASSIFIER_SEEDS: "the classifier's trainings (python -m training.evaluate.records CHECKPOINT...)",
    }
    missing = [f"{name}: expected at {path}" for path, name in expected.items() if not path.exists()]
    try:
        load_mnist("test", options.data)
    except SystemExit as error:
        missing.append(str(error))
    if not find_hand_fonts(options.data):
        missing.append(f"handwriting fonts: expected at {options.data / 'fonts'} (a training fetches them)")
    return missing


def measure_networks(options: argparse.Namespace) -> Iterator[Figure]:
    """Yield the figures of the networks that classify one digit."""
    networks = {name: load_network(options.models / f"{name}.onnx", "onnx") for name in ("blog", "classifier")}
    has_mnist = is_complete(options.data / "MNIST" / "raw")
    if has_mnist:
        images, labels = load_mnist("test", options.data)
        yield from measure_accuracy("MNIST test", networks, images.astype(np.float32) / np.float32(255), labels)
    yield from measure_writers(networks, options.writers)
    if has_mnist:
        digits, negatives = make_digits(options.data), make_negatives(options.data)
        yield from measure_rejection(networks["classifier"], "classifier", digits, negatives)


def measure_recognizers(options: argparse.Namespace) -> Iterator[Figure]:
    """Yield the figures of whole frames and photographs, for the pipeline's recognizer and what it is compared with."""
    cv2.setNumThreads(1)
    blog, recognizer = load_network(options.models / "blog.onnx", "onnx"), load_recognizer(options.models, "onnx")
    recognizers: dict[str, SupportsRead] = {RECOGNIZER: recognizer, "classical": ClassicalRecognizer(blog)}
    for name, each in recognizers.items():
        yield from measure_demo(each, name)
        for folder in options.photographs:
            if (clip := folder / CLIP).is_file():
                yield from measure_clip(each, name, clip)
    yield from measure_all_photographs(
        options.photographs,
        {
            RECOGNIZER: partial(read_at_scales, recognizer),
            f"{RECOGNIZER}, {FRAME}": partial(read_once, recognizer),
            "classical": partial(read_once, recognizers["classical"]),
        },
    )
    yield from measure_confidence(options.photographs, recognizer)
    long_side_px = load_settings(env_file=Path(os.devnull)).long_side_px
    yield from measure_shown_demo(recognizer, RECOGNIZER, long_side_px)
    yield from measure_following(recognizer, options.photographs, long_side_px)
    yield from measure_drawing(recognizer, RECOGNIZER, long_side_px)
    yield from measure_drawn_pictures(recognizer, RECOGNIZER)
    yield from measure_frame_times(recognizer, RECOGNIZER)


def measure_following(recognizer: SupportsRead, folders: Sequence[Path], long_side_px: int) -> Iterator[Figure]:
    """Yield what a live camera shows if every frame is read, and if settled digits are followed between readings."""
    for follow in (False, True):
        yield from measure_shown_demo(recognizer, RECOGNIZER, long_side_px, hz=RATE_HZ, follow=follow)
        for folder in folders:
            if (clip := folder / CLIP).is_file():
                yield from measure_clip(recognizer, RECOGNIZER, clip, long_side_px, follow=follow)


def measure_all_photographs(folders: Sequence[Path], methods: Mapping[str, FindDigits]) -> Iterator[Figure]:
    """Yield the figures of each folder of photographs by each method."""
    present = find_folders(folders)
    for name, find in methods.items():
        read = [read_photographs(partial(find_all_digits, find), folder) for folder in present]
        for folder, photographs in zip(present, read, strict=True):
            yield from measure_photographs(folder.name, name, photographs)
            yield from measure_labels(folder.name, name, photographs)
        if name == RECOGNIZER:
            for folder, photographs in zip(present, read, strict=True):
                yield from measure_sources(folder.name, name, photographs)
    for name, find_texts in find_text_readers() if present else ():
        for folder in present:
            photographs = read_photographs(find_texts, folder)
            yield from measure_labels(folder.name, name, photographs)
            yield from measure_false(folder.name, name, photographs)


def measure_confidence(folders: Sequence[Path], recognizer: FrameRecognizer) -> Iterator[Figure]:
    """Yield how far confidences over all photographs are right: those of `digitcam read`, and those of a frame."""
    if present := find_folders(folders):
        names, lenient = (
            " and ".join(folder.name for folder in present),
            replace(recognizer, min_log_p=MIN_EVIDENCE_LOG_P),
        )
        evidence = collect_evidence(partial(read_at_scales, lenient), AVERAGED, present)
        yield from measure_calibration(names, RECOGNIZER, evidence, AVERAGED)
        calibration = recognizer.fusion.calibration
        evidence = collect_evidence(partial(read_once, lenient), calibration, present)
        yield from measure_calibration(names, f"{RECOGNIZER}, {FRAME}", evidence, calibration)


def find_folders(folders: Sequence[Path]) -> list[Path]:
    """Return the folders that hold labelled photographs."""
    return [folder for folder in folders if (folder / MANIFEST).is_file()]


def find_all_digits(find: FindDigits, photo: Photo) -> Sequence[Digit]:
    """Return what `digitcam read` finds, if it reads a picture by this function."""
    return read_by(find, photo).digits


def measure_records() -> Iterator[Figure]:
    """Yield the means of trainings that differ in their seed alone."""
    if SPEED_RECORD.is_file():
        yield from measure_speed_record(load_speed_record(SPEED_RECORD))
    if CLASSIFIER_SEEDS.is_file():
        yield from measure_seeds(CLASSIFIER_SEEDS)


if __name__ == "__main__":
    main()
