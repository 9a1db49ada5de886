"""Crops of scenes as the classifier will see them: cut by the detector's own boxes and others, and normalised.

A crop is a digit, or it is what the detector takes for one, or may: signs, letters, parts of digits, the middle between
two, lines, edges, and the grain of empty paper, which the normaliser makes as black as ink.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from shared.networks.runtimes import load_network
from shared.vision import normaliser as normalise_module
from shared.vision.detection import detect_batch, intersection_areas
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import crop_around, extract_ink, normalise
from training import scenes
from training.scenes import Scene, make_scene
from training.scenes.glyphs import Sources, load_sources

SCENE_PX = 128
CHUNK = 250  # scenes that follow from one seed
EMPTY_TRIES = 2  # boxes with no digit that each scene is asked for
PARTS = 0.08  # how often a digit gives a crop of a part of it, too
WHOLE = 0.55  # of a digit's box: with less of it in a crop there is no digit in the crop

LEAST_HEAT = 0.1  # of the detector's proposals
PROPOSALS = 16  # the hottest of a scene

MAKERS = (Path(str(normalise_module.__file__)), *sorted(Path(str(scenes.__file__)).parent.glob("*.py")))

Box = NDArray[np.float64]  # x, y, width, height
Propose = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # from a picture to boxes, n x 4
Crops = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (n x 28 x 28, 0 to 255) and labels (n, 0 to 10)


@dataclass(frozen=True, slots=True)
class Order:
    """Which crops: of so many scenes, which follow from a seed, with a part of MNIST's training images in them.

    detector is the ONNX file of the detector that proposes places.
    """

    data: Path
    detector: Path
    scenes: int
    seed: int
    keep: slice


def load_crops(order: Order, makers: int = 1) -> Crops:
    """Return the crops, made once and kept in DATA/crops."""
    path = order.data / "crops" / f"{order.seed}-{order.scenes}-{version_of(order)}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        images, labels = make_crops(order, makers)
        np.savez(path, images=images, labels=labels)
    with np.load(path) as kept:
        return kept["images"], kept["labels"]


def version_of(order: Order) -> str:
    """Return a short hash of what crops depend on: with another normaliser, detector or way of writing they are new."""
    parts = (*(maker.read_bytes() for maker in MAKERS), order.detector.read_bytes(), repr(order.keep).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:8]


def make_crops(order: Order, makers: int) -> Crops:
    """Make the crops in several processes; they follow from the order alone."""
    chunks = [(order, chunk) for chunk in range(-(-order.scenes // CHUNK))]
    # spawned, not forked: OpenCV's threads don't survive a fork
    with ProcessPoolExecutor(makers, get_context("spawn")) as pool:
        made = pool.map(crops_of_chunk, chunks)
        return join(list(tqdm(made, total=len(chunks), desc="crops", mininterval=10)))


def crops_of_chunk(task: tuple[Order, int]) -> Crops:
    """Return the crops of CHUNK scenes."""
    order, chunk = task
    cv2.setNumThreads(1)
    rng, sources = np.random.default_rng((order.seed, chunk)), load_sources(order.data, order.keep)
    detector = load_network(order.detector, "onnx")

    def propose(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        return detect_batch(detector, [[picture]], LEAST_HEAT)[0].boxes[:PROPOSALS]

    return join([crops_of_scene(rng, sources, propose) for _ in range(CHUNK)])


def join(parts: list[Crops]) -> Crops:
    """Return crops one after another."""
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def crops_of_scene(rng: np.random.Generator, sources: Sources, propose: Propose) -> Crops:
    """Return the crops of one new scene: by boxes made from its truth, and by those that a detector proposes."""
    scene = make_scene(rng, sources, SCENE_PX, numbers=3)
    chosen = [(jitter(rng, box), label) for box, label in choose_boxes(rng, scene)]
    proposed = [(box, label_of(scene, box)) for box in propose(scene.picture).astype(np.float64)]
    images, kept = [], []
    for box, label in chosen + [(box, label) for box, label in proposed if label >= 0]:
        image = see(scene.picture, box)
        if image is not None:
            images.append(image)
            kept.append(label)
    return np.array(images, np.uint8).reshape(-1, 28, 28), np.array(kept, np.uint8)


def see(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8] | None:
    """Return what the classifier sees of a box, 28 x 28, 0 to 255; None where there is no ink or no picture."""
    x, y, width, height = box.tolist()
    crop = crop_around(picture, (x, y, width, height))
    image = normalise(extract_ink(crop)) if crop.size else None
    return None if image is None else np.rint(image * 255).astype(np.uint8)


def choose_boxes(rng: np.random.Generator, scene: Scene) -> list[tuple[Box, int]]:
    """Return boxes and what is in each: every digit, the signs, and some of what else there is."""
    known = (scene.labels >= 0) & (scene.labels <= NOT_A_DIGIT)
    boxes, labels = [*scene.boxes[known].astype(np.float64)], scene.labels[known].tolist()
    for box in boxes.copy():
        if rng.random() < PARTS:
            boxes.append(part_of(rng, box))
            labels.append(label_of(scene, boxes[-1]))
    for _ in range(EMPTY_TRIES):
        size = np.exp(rng.uniform(np.log(12), np.log(80))) * rng.uniform(0.4, 1, 2)
        boxes.append(np.concatenate([rng.uniform(0, SCENE_PX, 2) - size / 2, size]))
        labels.append(label_of(scene, boxes[-1]))
    return [(box, label) for box, label in zip(boxes, labels, strict=True) if label >= 0]


def part_of(rng: np.random.Generator, box: Box) -> Box:
    """Return a box moved half off what is in it, or shrunk into it."""
    if rng.random() < 0.5:
        shift = rng.choice([-1, 1], 2) * rng.uniform(0.35, 0.6, 2) * rng.permutation([1.0, 0.2])
        return np.concatenate([box[:2] + shift * box[2:], box[2:]])
    size = box[2:] * rng.uniform(0.3, 0.55)
    return np.concatenate([box[:2] + rng.uniform(0, 1, 2) * (box[2:] - size), size])


def label_of(scene: Scene, box: Box) -> int:
    """Return NOT_A_DIGIT where no digit is whole in the box, the digit where it fills it, -1 in doubt."""
    digits = scene.labels != NOT_A_DIGIT
    boxes, labels = scene.boxes[digits], scene.labels[digits]
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    shared = intersection_areas(np.concatenate([box[:2], box[:2] + box[2:]]).astype(np.float32), corners)
    shares = shared / np.maximum(boxes[:, 2] * boxes[:, 3], 1)
    if shares.max(initial=0) < WHOLE:
        return NOT_A_DIGIT
    filled = shared.max() / (box[2] * box[3])
    label = int(labels[shares.argmax()])
    return label if label < NOT_A_DIGIT and shares.max() > 0.85 and filled > 0.6 else -1


def jitter(rng: np.random.Generator, box: Box) -> Box:
    """Return a box as the detector would give it: a little beside, a little too large or small."""
    size = box[2:] * np.exp(rng.normal(0, 0.06, 2))
    middle = box[:2] + box[2:] / 2 + rng.normal(0, 0.03, 2) * box[2:].max()
    return np.concatenate([middle - size / 2, size])
