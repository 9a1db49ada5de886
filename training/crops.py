"""Crops of scenes as the reader will see them: cut by boxes as inexact as the finder's, through the one normaliser.

A crop is a digit, or it is what the finder may take for one: signs, letters, parts of digits, the middle between two,
lines, edges, and the grain of empty paper, which the normaliser makes as black as ink.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from shared.vision.digit import NOT_A_DIGIT
from shared.vision.find import intersection
from shared.vision.normalise import lift_ink, normalise
from shared.vision.read import crop_around
from training.glyphs import Sources, load_sources
from training.scenes import Scene, make_scene

SCENE_PX = 128
CHUNK = 250  # scenes that follow from one seed
EMPTY_TRIES = 2  # boxes with no digit that each scene is asked for
PARTS = 0.15  # how often a digit gives a crop of a part of it, too
WHOLE = 0.55  # of a digit's box: with less of it in a crop there is no digit in the crop

Crops = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # images (n x 28 x 28, 0 to 255) and labels (n, 0 to 10)


def load_crops(root: Path, scenes: int, seed: int, keep: slice, makers: int = 1) -> Crops:
    """Return the crops of so many scenes, made once and kept in ROOT/crops."""
    start, stop = keep.start or 0, keep.stop or 0
    path = root / "crops" / f"{seed}-{scenes}-{start}-{stop}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        images, labels = make_crops(root, scenes, seed, keep, makers)
        np.savez(path, images=images, labels=labels)
    with np.load(path) as kept:
        return kept["images"], kept["labels"]


def make_crops(root: Path, scenes: int, seed: int, keep: slice, makers: int) -> Crops:
    """Make the crops in several processes; they follow from the seed alone."""
    chunks = [(root, seed, chunk, keep) for chunk in range(-(-scenes // CHUNK))]
    # spawned, not forked: OpenCV's threads don't survive a fork
    with ProcessPoolExecutor(makers, get_context("spawn")) as pool:
        made = list(tqdm(pool.map(crops_of_chunk, chunks), total=len(chunks), desc="crops", mininterval=10))
    images, labels = (np.concatenate([chunk[i] for chunk in made]) for i in (0, 1))
    return images, labels


def crops_of_chunk(task: tuple[Path, int, int, slice]) -> Crops:
    """Return the crops of CHUNK scenes."""
    root, seed, chunk, keep = task
    cv2.setNumThreads(1)
    rng, sources = np.random.default_rng((seed, chunk)), load_sources(root, keep)
    return join([crops_of_scene(rng, sources) for _ in range(CHUNK)])


def join(parts: list[Crops]) -> Crops:
    """Return crops one after another."""
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def crops_of_scene(rng: np.random.Generator, sources: Sources) -> Crops:
    """Return the crops of one new scene."""
    scene = make_scene(rng, sources, SCENE_PX, numbers=2)
    boxes, labels = choose_boxes(rng, scene)
    images, kept = [], []
    for box, label in zip(boxes, labels, strict=True):
        image = see(scene.picture, jitter(rng, box))
        if image is not None:
            images.append(image)
            kept.append(label)
    return np.array(images, np.uint8).reshape(-1, 28, 28), np.array(kept, np.uint8)


def see(picture: NDArray[np.uint8], box: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """Return what the reader sees of a box, 28 x 28, 0 to 255; None where there is no ink or no picture."""
    x, y, width, height = box.tolist()
    crop = crop_around(picture, (x, y, width, height))
    image = normalise(lift_ink(crop)) if crop.size else None
    return None if image is None else np.rint(image * 255).astype(np.uint8)


def choose_boxes(rng: np.random.Generator, scene: Scene) -> tuple[NDArray[np.float64], list[int]]:
    """Return boxes (n x 4) and what is in each: every digit, the signs, and some of what else there is."""
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
    clear = [index for index, label in enumerate(labels) if label >= 0]
    return np.array(boxes).reshape(-1, 4)[clear], [labels[index] for index in clear]


def part_of(rng: np.random.Generator, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a box moved half off what is in it, or shrunk into it."""
    if rng.random() < 0.5:
        shift = rng.choice([-1, 1], 2) * rng.uniform(0.35, 0.6, 2) * rng.permutation([1.0, 0.2])
        return np.concatenate([box[:2] + shift * box[2:], box[2:]])
    size = box[2:] * rng.uniform(0.3, 0.55)
    return np.concatenate([box[:2] + rng.uniform(0, 1, 2) * (box[2:] - size), size])


def label_of(scene: Scene, box: NDArray[np.float64]) -> int:
    """Return NOT_A_DIGIT where no digit is whole in the box, the digit where it fills it, -1 in doubt."""
    digits = scene.labels != NOT_A_DIGIT
    boxes, labels = scene.boxes[digits], scene.labels[digits]
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    shared = intersection(np.concatenate([box[:2], box[:2] + box[2:]]).astype(np.float32), corners)
    shares = shared / np.maximum(boxes[:, 2] * boxes[:, 3], 1)
    if shares.max(initial=0) < WHOLE:
        return NOT_A_DIGIT
    filled = shared.max() / (box[2] * box[3])
    label = int(labels[shares.argmax()])
    return label if label < NOT_A_DIGIT and shares.max() > 0.95 and filled > 0.7 else -1


def jitter(rng: np.random.Generator, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a box as the finder would give it: a little beside, a little too large or small."""
    size = box[2:] * np.exp(rng.normal(0, 0.06, 2))
    middle = box[:2] + box[2:] / 2 + rng.normal(0, 0.03, 2) * box[2:].max()
    return np.concatenate([middle - size / 2, size])
