"""Reading pages: one network finds digits on them, one reads each in MNIST's form, and their evidence is added."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.networks.runtimes import NOT_A_MODEL, Network, load_network
from shared.vision.detection import (
    ALIGN,
    MAPS,
    Detections,
    DetectorOutput,
    Page,
    find_digits,
    find_on_page,
    gather,
    keep_apart,
    log_softmax,
    make_pyramid,
    survey,
)
from shared.vision.digit import NOT_A_DIGIT, Digit
from shared.vision.fusion import FITTED, Fusion, Looks, fuse
from shared.vision.gap import is_empty_between
from shared.vision.normaliser import check_input, crop_around, lean_of, lift_ink, normalise
from shared.vision.numbers import FEWEST_EVEN, far_pairs

CROP_PX = 56  # digits larger than this are cut from a coarser level: of the 28 pixels the network sees, 20 are theirs
SAID = math.log(0.5)  # a digit is said when it is more probable than all else together
OVERLAP = 0.2  # neighbours' boxes share less of their union; a digit's own second box, half beside it, shares 0.33
NO_INK = -6.0  # what the network would say, as log-odds of a digit, of a crop without ink


def load_recognizer(models: Path, backend: str = "auto", device: str = "auto", threads: int = 1) -> "Recognizer":
    """Return the reader of the shipped networks; raises ValueError, in one sentence, when they can't be loaded."""
    detector = load_detector(models / "detector.onnx", backend, device, threads)
    return Recognizer(detector, load_network(models / "classifier.onnx", backend, device, threads))


def load_detector(path: Path, backend: str = "auto", device: str = "auto", threads: int = 1) -> Network:
    """Return the detector; checks the shape of its output. Raises ValueError, in one sentence."""
    network = load_network(path, backend, device, threads)
    try:
        maps = network(np.zeros((1, 1, ALIGN, ALIGN), np.float32))
    except (*NOT_A_MODEL, RuntimeError) as error:
        raise ValueError(f"{path} takes other images than a detector does") from error
    if maps.shape[:2] != (1, MAPS):
        raise ValueError(f"{path} is of another version: it gives {maps.shape[1]} maps, and this program reads {MAPS}")
    return network


@dataclass(frozen=True, slots=True)
class Recognizer:
    """Reads pages with a detector and a network of eleven answers."""

    detector: Network
    network: Network
    fusion: Fusion = FITTED

    def read(self, pages: Sequence[Page]) -> list[tuple[Digit, ...]]:
        """Return the digits of each page (h x w uint8, any size), their boxes in the page's pixels.

        The crops of all pages go through the network together. What is probable enough is said.
        """
        return [digits for digits, _ in self.read_and_count(pages)]

    def read_and_count(self, pages: Sequence[Page]) -> list[tuple[tuple[Digit, ...], int]]:
        """Return the digits of each page, and how many candidates were refused: found, but taken for no digit."""
        if not pages:
            return []
        pyramids = [make_pyramid(page) for page in pages]
        finds = self.find(pyramids)
        evidence = fuse(self.fusion, gather(finds), self.look(pyramids, finds))
        ends = np.cumsum([len(found.boxes) for found in finds])
        return [
            (look_between(page, tell(found, said)), count_refused(said))
            for page, found, said in zip(pages, finds, np.split(evidence, ends[:-1]), strict=True)
        ]

    def find(self, pyramids: Sequence[Sequence[Page]]) -> list[Detections]:
        """Return the detector's candidates of each page; on a GPU those of one size together."""
        if self.detector.device == "cpu":  # one page's maps fit its cache: 1.9 ms a page, 2.7 in batches of three
            return [find_on_page(self.detector, pyramid) for pyramid in pyramids]
        found: dict[int, Detections] = {}
        for size in {pyramid[0].shape for pyramid in pyramids}:
            chosen = [index for index, pyramid in enumerate(pyramids) if pyramid[0].shape == size]
            found |= zip(chosen, find_digits(self.detector, [pyramids[index] for index in chosen]), strict=True)
        return [found[index] for index in range(len(pyramids))]

    def survey(self, pyramid: Sequence[Page]) -> list[DetectorOutput]:
        """Return what the detector says of each level of a page, as far as find() asks it."""
        return survey(self.detector, pyramid, everywhere=self.detector.device != "cpu")

    def look(self, pyramids: Sequence[Sequence[Page]], finds: Sequence[Detections]) -> Looks:
        """Return what the network makes of all pages' candidates, page by page."""
        images = [
            see(pyramid, box) for pyramid, found in zip(pyramids, finds, strict=True) for box in found.boxes.tolist()
        ]
        log_p = np.full((len(images), NOT_A_DIGIT + 1), np.log(0.1) + NO_INK, np.float32)
        log_p[:, NOT_A_DIGIT] = np.log1p(-np.exp(NO_INK))
        lean = np.zeros(len(images), np.float32)
        inked = [index for index, image in enumerate(images) if image is not None]
        if inked:
            batch = np.stack([image for image in images if image is not None])
            check_input(batch)
            log_p[inked] = log_softmax(self.network(batch[:, None]))
            lean[inked] = lean_of(batch)
        return Looks(log_p, lean)

    def weigh(self, found: Detections, seen: Looks) -> tuple[Digit, ...]:
        """Return the candidates that both networks together take for digits, the surest first, each digit once."""
        return tell(found, fuse(self.fusion, found, seen))


def tell(found: Detections, evidence: NDArray[np.float64]) -> tuple[Digit, ...]:
    """Return the candidates that the evidence (n x 11) takes for digits, the surest first, each digit once."""
    best = evidence[:, :NOT_A_DIGIT].max(axis=1)
    said = np.flatnonzero(best > SAID)
    surest = said[np.argsort(-best[said], kind="stable")]
    chosen = surest[keep_apart(found.boxes[surest], OVERLAP)]
    boxes = ((float(x), float(y), float(w), float(h)) for x, y, w, h in found.boxes[chosen])
    return tuple(Digit(box, tuple(log_p)) for box, log_p in zip(boxes, evidence[chosen].tolist(), strict=True))


def look_between(page: Page, digits: tuple[Digit, ...]) -> tuple[Digit, ...]:
    """Return the digits, with the room to the next one where that is far and nothing is written between them."""
    if len(digits) < FEWEST_EVEN:
        return digits
    room = {a: gap for a, b, gap in far_pairs(digits) if is_empty_between(page, a.box, b.box)}
    return tuple(replace(digit, room=room[digit]) if digit in room else digit for digit in digits)


def count_refused(evidence: NDArray[np.float64]) -> int:
    """Return how many candidates the evidence (n x 11) takes for no digit."""
    return int((evidence[:, :NOT_A_DIGIT].max(axis=1) <= SAID).sum())


def see(pyramid: Sequence[Page], box: Sequence[float]) -> NDArray[np.float32] | None:
    """Return what is in a box of the page, in MNIST's form (28 x 28, 0 to 1); None where there is no ink."""
    x, y, width, height = box
    level = min(max(0, math.ceil(math.log2(max(width, height, 1) / CROP_PX))), len(pyramid) - 1)
    crop = crop_around(pyramid[level], (x / 2**level, y / 2**level, width / 2**level, height / 2**level))
    return normalise(lift_ink(crop)) if crop.size else None
