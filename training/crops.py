"""Crops of scenes for the classifier, cut out by the detector's boxes and by others, and normalised.

A crop shows a digit, or something that the detector may take for one: signs, letters, parts of digits, the gap between
two, lines, edges, and the grain of empty paper, which the normaliser turns as black as ink.
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
from training.scenes.sampling import draw_log_uniform

SCENE_PX = 128
NUMBERS = 3  # of a scene, at least
LETTERS = 0.5  # share of the scenes with a line of single letters: a detector sees words around them, a crop does not
CHUNK = 250  # scenes that follow from one seed
EMPTY_TRIES = 2  # random boxes a scene, most of them without a digit
PARTS = 0.08  # share of the digits from which a part is cut as well
WHOLE = 0.55  # of a digit's box: a crop with less of it shows no digit

WIDEST = 1.7  # of a sign's or letter's box: its width to its height
MAX_OTHERS = 12  # signs and letters of a scene, about

MIN_SCORE = 0.1  # of the detector's proposals
MAX_PROPOSALS = 16  # the best of a scene

SOURCE_FILES = (Path(str(normalise_module.__file__)), *sorted(Path(str(scenes.__file__)).parent.glob("*.py")))

Box = NDArray[np.float64]  # x, y, width, height
Propose = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # from a picture to boxes, n x 4
Crops = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (n x 28 x 28, 0 to 255) and labels (n, 0 to 10)


@dataclass(frozen=True, slots=True)
class CropSet:
    """The parameters of a set of crops; `mnist` is the part of MNIST's training images that its scenes show."""

    data: Path
    detector: Path  # ONNX file, whose detections are proposals
    scenes: int
    seed: int
    mnist: slice

    @property
    def path(self) -> Path:
        """The cache file; its name changes with the normaliser, the detector and the code that makes scenes."""
        parts = (*(file.read_bytes() for file in SOURCE_FILES), self.detector.read_bytes(), repr(self.mnist).encode())
        version = hashlib.sha256(b"".join(parts)).hexdigest()[:8]
        return self.data / "crops" / f"{self.seed}-{self.scenes}-{version}.npz"


def load_crops(crop_set: CropSet, workers: int = 1) -> Crops:
    """Return the crops, made once and cached in DATA/crops."""
    path = crop_set.path
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        images, labels = make_crops(crop_set, workers)
        np.savez(path, images=images, labels=labels)
    with np.load(path) as cached:
        return cached["images"], cached["labels"]


def make_crops(crop_set: CropSet, workers: int) -> Crops:
    """Make the crops in several processes; their number changes nothing in the crops."""
    chunks = [(crop_set, chunk) for chunk in range(-(-crop_set.scenes // CHUNK))]
    # spawned, not forked: OpenCV's threads don't survive a fork
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        made = pool.map(make_chunk, chunks)
        return join_crops(list(tqdm(made, total=len(chunks), desc="crops", mininterval=10)))


def make_chunk(task: tuple[CropSet, int]) -> Crops:
    """Return the crops of CHUNK scenes."""
    crop_set, chunk = task
    cv2.setNumThreads(1)
    rng, sources = np.random.default_rng((crop_set.seed, chunk)), load_sources(crop_set.data, crop_set.mnist)
    detector = load_network(crop_set.detector, "onnx")

    def propose(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        return detect_batch(detector, [[picture]], MIN_SCORE)[0].boxes[:MAX_PROPOSALS]

    return join_crops([crop_new_scene(rng, sources, propose) for _ in range(CHUNK)])


def join_crops(parts: list[Crops]) -> Crops:
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def crop_new_scene(rng: np.random.Generator, sources: Sources, propose: Propose) -> Crops:
    """Return the crops of one new scene: by boxes made from its truth, and by the detector's proposals."""
    scene = make_scene(rng, sources, SCENE_PX, NUMBERS, letters=int(rng.random() < LETTERS))
    chosen = [(jitter(rng, box), label) for box, label in choose_boxes(rng, scene)]
    proposed = [(box, label_box(scene, box)) for box in propose(scene.picture).astype(np.float64)]
    images, labels = [], []
    for box, label in chosen + [(box, label) for box, label in proposed if label >= 0]:
        image = make_crop(scene.picture, box)
        if image is not None:
            images.append(image)
            labels.append(label)
    return np.array(images, np.uint8).reshape(-1, 28, 28), np.array(labels, np.uint8)


def make_crop(picture: NDArray[np.uint8], box: Box) -> NDArray[np.uint8] | None:
    """Return the classifier's input for a box, 28 x 28, 0 to 255; None if the box has no ink or lies outside."""
    x, y, width, height = box.tolist()
    crop = crop_around(picture, (x, y, width, height))
    image = normalise(extract_ink(crop)) if crop.size else None
    return None if image is None else np.rint(image * 255).astype(np.uint8)


def choose_boxes(rng: np.random.Generator, scene: Scene) -> list[tuple[Box, int]]:
    """Return boxes with their labels: every digit, some signs and letters, parts of digits, and random places."""
    known = ((scene.labels >= 0) & (scene.labels < NOT_A_DIGIT)) | choose_others(rng, scene)
    boxes, labels = [*scene.boxes[known].astype(np.float64)], scene.labels[known].tolist()
    for box in boxes.copy():
        if rng.random() < PARTS:
            boxes.append(cut_part(rng, box))
            labels.append(label_box(scene, boxes[-1]))
    for _ in range(EMPTY_TRIES):
        size = draw_log_uniform(rng, 12, 80) * rng.uniform(0.4, 1, 2)
        boxes.append(np.concatenate([rng.uniform(0, SCENE_PX, 2) - size / 2, size]))
        labels.append(label_box(scene, boxes[-1]))
    return [(box, label) for box, label in zip(boxes, labels, strict=True) if label >= 0]


def choose_others(rng: np.random.Generator, scene: Scene) -> NDArray[np.bool_]:
    """Return whether to cut out each sign or letter: a page of text has a hundred, and no word looks like a digit."""
    others = (scene.labels == NOT_A_DIGIT) & (scene.boxes[:, 2] < WIDEST * scene.boxes[:, 3])
    return np.asarray(others & (rng.random(len(others)) < MAX_OTHERS / max(1, others.sum())))


def cut_part(rng: np.random.Generator, box: Box) -> Box:
    """Return a box that is moved half off, or that covers only a part of the given one."""
    if rng.random() < 0.5:
        shift = rng.choice([-1, 1], 2) * rng.uniform(0.35, 0.6, 2) * rng.permutation([1.0, 0.2])
        return np.concatenate([box[:2] + shift * box[2:], box[2:]])
    size = box[2:] * rng.uniform(0.3, 0.55)
    return np.concatenate([box[:2] + rng.uniform(0, 1, 2) * (box[2:] - size), size])


def label_box(scene: Scene, box: Box) -> int:
    """Return the digit that fills the box, NOT_A_DIGIT if no whole digit lies in it, or -1 in doubt."""
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
    """Return a box with the errors of a detector's: shifted a little, a little too large or small."""
    size = box[2:] * np.exp(rng.normal(0, 0.06, 2))
    centre = box[:2] + box[2:] / 2 + rng.normal(0, 0.03, 2) * box[2:].max()
    return np.concatenate([centre - size / 2, size])
