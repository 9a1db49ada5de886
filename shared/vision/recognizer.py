"""Reads gray frames: the detector finds candidates, the classifier reads each one, and their evidence is fused."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from shared.networks.detector_channels import ALIGN_PX, CHANNELS
from shared.networks.runtimes import NOT_A_MODEL, Network, load_network
from shared.vision.detection import (
    MAX_CANDIDATES,
    MIN_SCORE,
    Detections,
    LevelOutput,
    detect_batch,
    log_softmax,
    make_pyramid,
    run_levels,
    suppress_overlaps,
)
from shared.vision.digit import NOT_A_DIGIT, Box, Digit
from shared.vision.fusion import FITTED, ClassifierOutput, Fusion, fuse
from shared.vision.gap import is_gap_empty
from shared.vision.gray_frame import Gray
from shared.vision.normaliser import (
    SIDE_PX,
    check_range,
    crop_around,
    extract_inks,
    find_crop_corner,
    find_ink_box,
    measure_paper,
    measure_slant,
    normalise_inks,
)
from shared.vision.numbers import MIN_EVEN_DIGITS, find_neighbours, place_upright
from shared.vision.unread_ink import find_missing_character

CROP_PX = 56  # larger digits are cropped from a coarser level: the classifier sees them at 20 pixels
MIN_LOG_P = math.log(0.5)  # a digit is accepted if it is more probable than everything else together
MAX_IOU = 0.2  # boxes of neighbours share less of their union; a second box of the same digit, half a width away, 0.33
SAME_INK = 0.15  # boxes of the same ink differ by less, in their longer side
NO_INK_LOG_ODDS = -6.0  # log-odds of a digit for a crop without ink, which is not classified


def load_recognizer(models: Path, backend: str = "auto", device: str = "auto", threads: int = 1) -> "FrameRecognizer":
    """Return the recognizer with the shipped networks. Raises ValueError, in one sentence, if they can't be loaded."""
    detector = load_detector(models / "detector.onnx", backend, device, threads)
    return FrameRecognizer(detector, load_network(models / "classifier.onnx", backend, device, threads))


def load_detector(path: Path, backend: str = "auto", device: str = "auto", threads: int = 1) -> Network:
    """Return the detector, its output's shape checked. Raises ValueError, in one sentence."""
    network = load_network(path, backend, device, threads)
    try:
        maps = network(np.zeros((1, 1, ALIGN_PX, ALIGN_PX), np.float32))
    except (*NOT_A_MODEL, RuntimeError) as error:
        raise ValueError(f"{path} takes other images than a detector does") from error
    if maps.shape[:2] != (1, CHANNELS):
        raise ValueError(
            f"{path} is of another version: it gives {maps.shape[1]} maps, and this program reads {CHANNELS}"
        )
    return network


class SupportsRead(Protocol):
    """The recognizer of the pipeline, or another one that it is compared with."""

    def read(self, grays: Sequence[Gray]) -> list[tuple[Digit, ...]]:
        """Return the digits of each gray frame (h x w uint8, any size), their boxes in its pixels."""


@dataclass(frozen=True, slots=True)
class FrameRecognizer:
    """Reads the digits of gray frames with a detector and a classifier of eleven classes."""

    detector: Network
    classifier: Network
    fusion: Fusion = FITTED
    min_score: float = MIN_SCORE
    min_log_p: float = MIN_LOG_P

    def read(self, grays: Sequence[Gray]) -> list[tuple[Digit, ...]]:
        """Return the digits of each gray frame (h x w uint8, any size), their boxes in its pixels."""
        return [digits for digits, _ in self.read_and_count(grays)]

    def read_and_count(
        self, grays: Sequence[Gray], bare_ones: Sequence[bool] = ()
    ) -> list[tuple[tuple[Digit, ...], int]]:
        """Return the digits of each gray frame, and how many of its candidates were rejected as no digit.

        The crops of all frames go through the classifier in one batch. bare_ones says for each frame whether a bare
        stroke in it is a 1; without it, none is known to be.
        """
        if not grays:
            return []
        pyramids = [make_pyramid(gray) for gray in grays]
        detections = self.detect(pyramids)
        if not any(len(one.boxes) for one in detections):  # empty paper
            return [((), 0) for _ in grays]
        merged = Detections(
            *(np.concatenate([getattr(one, field.name) for one in detections]) for field in fields(Detections))
        )
        output = self.classify(pyramids, detections)
        counts = [len(one.boxes) for one in detections]
        log_p = fuse(self.fusion, merged, output, np.repeat(bare_ones, counts) if any(bare_ones) else None, counts)
        is_rejected = ~is_accepted(log_p, self.min_log_p)
        answers, end = [], 0
        for gray, one, count in zip(grays, detections, counts, strict=True):
            frame = slice(end, end := end + count)
            chosen = select_candidates(one.boxes, output.boxes[frame], log_p[frame], self.min_log_p)
            digits = make_digits(output.boxes[frame], log_p[frame], chosen)
            answers.append((measure_gaps(gray, digits), int(np.count_nonzero(is_rejected[frame]))))
        return answers

    def detect(self, pyramids: Sequence[Sequence[Gray]]) -> list[Detections]:
        """Return the candidates of each frame; frames of one size go through the detector together."""
        found: dict[int, Detections] = {}
        for size in {pyramid[0].shape for pyramid in pyramids}:
            chosen = [index for index, pyramid in enumerate(pyramids) if pyramid[0].shape == size]
            frames = [pyramids[index] for index in chosen]
            detections = detect_batch(self.detector, frames, self.min_score)
            found |= zip(chosen, detections, strict=True)
        return [found[index] for index in range(len(pyramids))]

    def run_levels(self, pyramid: Sequence[Gray]) -> list[LevelOutput]:
        """Return the detector's output for each level of a frame, as detect() computes it."""
        return run_levels(self.detector, [pyramid])

    def classify(self, pyramids: Sequence[Sequence[Gray]], detections: Sequence[Detections]) -> ClassifierOutput:
        """Return the classifier's output for the candidates of all frames, in one batch."""
        inputs = make_classifier_inputs(
            [
                (pyramid, (x, y, width, height))
                for pyramid, one in zip(pyramids, detections, strict=True)
                for x, y, width, height in one.boxes.tolist()
            ]
        )
        log_p = np.full((len(inputs.boxes), NOT_A_DIGIT + 1), np.log(0.1) + NO_INK_LOG_ODDS, np.float32)
        log_p[:, NOT_A_DIGIT] = np.log1p(-np.exp(NO_INK_LOG_ODDS))
        slant = np.zeros(len(inputs.boxes), np.float32)
        if inputs.has_ink.any():
            images = inputs.images[inputs.has_ink]
            check_range(images)
            log_p[inputs.has_ink] = log_softmax(self.classifier(images[:, None]))
            slant[inputs.has_ink] = measure_slant(images)
        return ClassifierOutput(log_p, slant, inputs.boxes, inputs.papers)


class ClassifierInputs(NamedTuple):
    """The ink of n candidates as n x 28 x 28 in 0 to 1, whether there is any, and its boxes in pixels of the frame.

    Without ink the image is black, and the box is the candidate's. papers (n) is the brightness of the paper around it,
    0 to 255.
    """

    images: NDArray[np.float32]
    has_ink: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    papers: NDArray[np.float32]


class PlacedBox(NamedTuple):
    """A box in pixels of a level of a pyramid; scale is the finest level's pixels per pixel of this one."""

    gray: Gray
    box: Box
    scale: int


def make_classifier_inputs(candidates: Sequence[tuple[Sequence[Gray], Box]]) -> ClassifierInputs:
    """Return the ink in boxes, each in pixels of the finest level of its pyramid."""
    places = [place_in_level(pyramid, box) for pyramid, box in candidates]
    crops = [crop_around(place.gray, place.box) for place in places]
    inside = [index for index, crop in enumerate(crops) if crop.size]
    inks = extract_inks([crops[index] for index in inside])
    images = np.zeros((len(candidates), SIDE_PX, SIDE_PX), np.float32)
    images[inside] = normalise_inks(inks)
    papers = np.zeros(len(candidates), np.float32)
    papers[inside] = [measure_paper(crops[index]) for index in inside]
    has_ink = np.asarray(images.any(axis=(1, 2)), np.bool_)
    boxes = np.array([box for _, box in candidates], np.float32).reshape(-1, 4)
    for index, ink in zip(inside, inks, strict=True):
        if has_ink[index]:
            place = places[index]
            ink_box = find_ink_box(crops[index], ink, find_crop_corner(place.box))
            boxes[index] = scale_box(ink_box, place.scale)
    return ClassifierInputs(images, has_ink, boxes, papers)


def place_in_level(pyramid: Sequence[Gray], box: Box) -> PlacedBox:
    """Return a box of the finest level in the level that shows its digit at a size of up to CROP_PX."""
    longest = max(box[2], box[3], 1)
    level = min(max(0, math.ceil(math.log2(longest / CROP_PX))), len(pyramid) - 1)
    return PlacedBox(pyramid[level], scale_box(box, 1 / 2**level), 2**level)


def scale_box(box: Box, factor: float) -> Box:
    x, y, width, height = box
    return x * factor, y * factor, width * factor, height * factor


def is_accepted(log_p: NDArray[np.float64], min_log_p: float = MIN_LOG_P) -> NDArray[np.bool_]:
    """Return for each candidate (n x 11) whether one digit is probable enough."""
    return np.asarray(log_p[:, :NOT_A_DIGIT].max(axis=1) > min_log_p, np.bool_)


def select_candidates(
    boxes: NDArray[np.float32],
    inks: NDArray[np.float32],
    log_p: NDArray[np.float64],
    min_log_p: float = MIN_LOG_P,
) -> NDArray[np.intp]:
    """Return the indices of the accepted candidates (n x 4, n x 11), the most probable first, each digit once.

    inks (n x 4) are the boxes of the ink in the boxes.
    """
    confidence = log_p[:, :NOT_A_DIGIT].max(axis=1)
    best_first = np.argsort(-confidence, kind="stable")[: np.count_nonzero(confidence > min_log_p)]
    kept = best_first[suppress_overlaps(boxes[best_first], MAX_IOU, MAX_CANDIDATES)]
    return np.asarray(kept[~has_same_ink(inks[kept])], np.intp)


def has_same_ink(inks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return for each box of ink (n x 4, best first) whether a better candidate has the same ink.

    A slim 1 is found twice, half a height apart: the boxes hardly overlap.
    """
    apart = np.abs(inks[:, None] - inks).max(axis=2)
    return np.asarray(np.tril(apart < SAME_INK * inks[:, None, 2:].max(axis=2), -1).any(axis=1), np.bool_)


def make_digits(boxes: NDArray[np.float32], log_p: NDArray[np.float64], chosen: NDArray[np.intp]) -> tuple[Digit, ...]:
    """Return these candidates as digits."""
    return tuple(
        Digit((x, y, width, height), tuple(evidence))
        for (x, y, width, height), evidence in zip(boxes[chosen].tolist(), log_p[chosen].tolist(), strict=True)
    )


def measure_gaps(gray: Gray, digits: tuple[Digit, ...]) -> tuple[Digit, ...]:
    """Return the digits with what is known of the paper up to the next digit.

    gap_px is set where that digit is far and nothing is written in between, unread_px where it is close and a character
    in between was not read.
    """
    gaps: dict[Digit, float] = {}
    unread: dict[Digit, float] = {}
    for left, right in find_neighbours(place_upright(digits)):
        one, next_one = left.digit, right.digit
        if left.is_close_to(right):
            unread[one] = find_missing_character(gray, one.box, next_one.box) or 0.0
        elif len(digits) >= MIN_EVEN_DIGITS and is_gap_empty(gray, one.box, next_one.box):
            gaps[one] = left.gap_px(right)
    return tuple(
        Digit(digit.box, digit.log_p, gap_px=gaps.get(digit, 0.0), unread_px=unread.get(digit, 0.0)) for digit in digits
    )
