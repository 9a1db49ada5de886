"""Trains the detector on scenes that are made meanwhile: `python -m training.train --preset detector`.

It writes weights, ONNX file, the loss curve, and pictures of what is found. Batch n follows from the seed and n alone,
whatever the number of processes that make scenes.
"""

import argparse
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from shared.networks.architectures import save_checkpoint
from shared.networks.cards import write_checksums
from shared.networks.detector_channels import ALIGN_PX, BOX, CLASSES, REFINE, SCORE
from shared.vision.detection import Detections, detect_batch, intersection_areas
from shared.vision.gray_frame import halve
from training.data import HELD_OUT
from training.export import check_same_outputs, export_onnx, hash_recipe
from training.label_maps import SIZES_PX, LabelMaps, make_label_maps
from training.plots import RED, Tile, draw_box, enlarge, make_contact_sheet, plot_losses
from training.scenes import Scene, make_scene
from training.scenes.fonts import fetch_hand_fonts
from training.scenes.glyphs import Sources, load_sources
from training.scenes.photographs import fetch_things
from training.step_graphs import Batch
from training.trainer import Trainer, TrainingRecipe, add_options, apply_options, start_trainer

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe(TrainingRecipe):
    """AdamW with a cosine, focal loss; each batch of scenes is used `uses` times, in other tones."""

    steps: int = 60_000
    batch: int = 16  # scenes of 160 px, or as many pixels in scenes of other sizes
    uses: int = 5
    weight_decay: float = 1e-3
    warm_up: float = 0.03
    min_rate: float = 0.1
    decay: float = 0.9995
    clip_norm: float | None = 5.0


# Pixels of a scene's side, by batch, and how often it is halved: in small scenes digits fill the picture, in halved
# ones they are too small, as on the coarser levels of a pyramid, and whole words stand around them.
SIDES = ((128, 0), (160, 0), (128, 0), (96, 0), (192, 1))
REPLAY = 150  # batches that wait to be used again
VALIDATION_SCENES, VALIDATION_SEED = 200, 20_000_000
PICTURES = 40


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.train --preset detector", description=__doc__)
    add_options(parser, DetectorRecipe())
    options = parser.parse_args(words)
    recipe = apply_options(DetectorRecipe(), options)
    trainer = start_trainer("detector", recipe, options)
    fetch_hand_fonts(options.data)
    fetch_things(options.data)
    validation = make_validation_scenes(options.data)
    batches = SceneBatches(recipe, options.data, first=trainer.step // recipe.uses)

    def compute_loss(batch: Batch) -> Tensor:
        pictures, *label_maps = batch
        return detector_loss(trainer.network(pictures.contiguous(memory_format=torch.channels_last)), *label_maps)

    rounds = replay_batches(batches, options.workers, trainer.device)
    trainer.fit(rounds, compute_loss, lambda network: evaluate(network, validation))
    write_results(trainer, validation)


# -------------------------------------------------------------------------------------------------------------- data


class SceneBatches(Dataset[Batch]):
    """The batches of a training, from `first` on; each is made when it is indexed.

    A batch is pictures (uint8 here, 0 to 1 when they are trained on), then the label maps.
    """

    def __init__(self, recipe: DetectorRecipe, data: Path, first: int = 0) -> None:
        self.recipe, self.data, self.first = recipe, data, first
        self.sources: Sources | None = None

    def __len__(self) -> int:
        return -(-self.recipe.steps // self.recipe.uses) - self.first

    def __getitem__(self, index: int) -> Batch:
        cv2.setNumThreads(1)
        if self.sources is None:  # loaded in the process that makes the scenes
            self.sources = load_sources(self.data, slice(None, -HELD_OUT))
        rng = np.random.default_rng((self.recipe.seed, self.first + index))
        side, halvings = SIDES[(self.first + index) % len(SIDES)]
        count = self.recipe.batch * 160 // side << halvings
        scenes = [make_scene(rng, self.sources, side, int(rng.integers(4))) for _ in range(count)]
        return stack_scenes([halve_scene(scene) for scene in scenes] if halvings else scenes)


def halve_scene(scene: Scene) -> Scene:
    """Return a scene as the next level of its pyramid shows it."""
    return Scene(halve(scene.picture), scene.boxes * np.float32(0.5), scene.labels)


def stack_scenes(scenes: list[Scene]) -> Batch:
    """Return scenes and their label maps as tensors."""
    maps = [make_label_maps(scene) for scene in scenes]
    arrays = [np.stack([scene.picture for scene in scenes])[:, None]]
    arrays += [np.stack([getattr(each, name) for each in maps]) for name in LabelMaps.__slots__]
    return tuple(map(torch.from_numpy, arrays))


def replay_batches(batches: SceneBatches, workers: int, device: torch.device) -> Iterator[list[Batch]]:
    """Yield rounds: a new batch and some of the last ones, each in another tone, on the device."""
    recipe, waiting = batches.recipe, deque[Batch](maxlen=REPLAY)
    for index, new in enumerate(load_batches(batches, workers), batches.first):
        waiting.append(tuple(part.to(device) for part in new))
        rng = np.random.default_rng((recipe.seed, 1, index * recipe.uses))
        chosen = [waiting[-1]] + [waiting[rng.integers(len(waiting))] for _ in range(recipe.uses - 1)]
        yield [(change_tone(pictures, rng), *maps) for pictures, *maps in chosen]


def load_batches(batches: SceneBatches, workers: int) -> DataLoader[Batch]:
    """Return a loader that makes batches ahead, in order, in other processes; with no workers in this one."""
    if not workers:
        return DataLoader(batches, batch_size=None)
    # spawned, not forked: OpenCV's threads don't survive a fork, and a child's first call would wait for ever
    return DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=4, multiprocessing_context="spawn")


def change_tone(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Return pictures (uint8) in 0 to 1, each a little brighter, flatter or, rarely, as a negative."""
    count = len(pictures)
    gain = torch.from_numpy(rng.uniform(0.6, 1.15, (count, 1, 1, 1)).astype(np.float32))
    gain[torch.from_numpy(rng.random(count) < 0.06)] *= -1
    lift = torch.from_numpy(rng.uniform(-0.15, 0.25, (count, 1, 1, 1)).astype(np.float32))
    gain, lift = gain.to(pictures.device), lift.to(pictures.device)
    return ((pictures.float() / 255 - 0.5) * gain + 0.5 + lift).clamp(0, 1)


# -------------------------------------------------------------------------------------------------------------- loss


def detector_loss(maps: Tensor, *label_maps: Tensor) -> Tensor:
    """Return the loss of the network's maps against the label maps (tensors in the order of LabelMaps).

    Focal loss on the score (Law and Deng, 2018), cross-entropy on the class and on refine, smooth L1 on the box.
    """
    score, mask, label, box, refine = label_maps
    logit = maps[:, SCORE]
    hot = torch.sigmoid(logit)
    centre = (score == 1).float()
    positive = centre * (1 - hot) ** 2 * functional.logsigmoid(logit)
    negative = (1 - centre) * (1 - score) ** 4 * hot**2 * functional.logsigmoid(-logit)
    total = -((positive + negative) * mask).sum() / centre.sum().clamp(min=1)
    # sums over all cells, with weight 0 for those without a label: choosing cells would make a GPU wait
    is_labelled = (refine >= 0).float()
    doubt = functional.binary_cross_entropy_with_logits(maps[:, REFINE], refine.clamp(min=0), reduction="none")
    total = total + (doubt * is_labelled).sum() / is_labelled.sum().clamp(min=1)
    weight = score * (label >= 0)
    weight = weight / weight.sum().clamp(min=1e-6)
    classes = functional.cross_entropy(maps[:, CLASSES], label, ignore_index=-1, reduction="none")
    distance = functional.smooth_l1_loss(maps[:, BOX], box, reduction="none", beta=0.1).sum(dim=1)
    return total + (weight * (classes + distance)).sum()


# -------------------------------------------------------------------------------------------------------- evaluation


def make_validation_scenes(data: Path) -> list[Scene]:
    """Return scenes with MNIST training images that no training scene shows."""
    sources = load_sources(data, slice(-HELD_OUT, None))
    rng = np.random.default_rng(VALIDATION_SEED)
    return [make_scene(rng, sources) for _ in range(VALIDATION_SCENES)]


def detect(network: nn.Module, scene: Scene, min_score: float = 0.5) -> Detections:
    """Return what the network finds in a scene, at its own scale."""
    network.eval()
    device = next(network.parameters()).device

    def predict(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            maps: NDArray[np.float32] = network(torch.from_numpy(pictures).to(device)).cpu().numpy()
        return maps

    return detect_batch(predict, [[scene.picture]], min_score)[0]


def evaluate(network: nn.Module, scenes: list[Scene]) -> dict[str, float]:
    """Return recall and precision for digits of the detector's sizes, and the share of right classes of those found."""
    true = found = right = detected = 0
    for scene in scenes:
        detections = detect(network, scene)
        is_digit = (scene.labels >= 0) & (scene.labels < 10)
        wanted = is_digit & (scene.boxes[:, 2:].max(axis=1) >= SIZES_PX[0])
        matches = match_boxes(scene.boxes, detections.boxes)
        detected += len(detections.boxes) - int((matches[(scene.labels < 10) & ~wanted] >= 0).sum())
        true += int(wanted.sum())
        found += int((matches[wanted] >= 0).sum())
        classes = detections.log_p.argmax(axis=1) if len(detections.boxes) else np.zeros(1, np.int64)
        right += int(((classes[matches] == scene.labels) & (matches >= 0) & wanted).sum())
    return {
        "recall": round(found / max(true, 1), 4),
        "precision": round(found / max(detected, 1), 4),
        "class": round(right / max(found, 1), 4),
    }


def match_boxes(boxes: NDArray[np.float32], others: NDArray[np.float32], min_iou: float = 0.4) -> NDArray[np.int64]:
    """Return for each box the index of the other that overlaps it most (by intersection over union), or -1."""
    best = np.full(len(boxes), -1, np.int64)
    if not len(others):
        return best
    corners = np.concatenate([others[:, :2], others[:, :2] + others[:, 2:]], axis=1)
    for index, box in enumerate(boxes):
        shared = intersection_areas(np.concatenate([box[:2], box[:2] + box[2:]]), corners)
        iou = shared / (box[2] * box[3] + others[:, 2] * others[:, 3] - shared)
        best[index] = iou.argmax() if iou.max() >= min_iou else -1
    return best


def write_results(trainer: Trainer, validation: list[Scene]) -> None:
    """Write weights, ONNX file, the loss curve, and pictures of what is found."""
    network = trainer.copy_average()
    write_detector(trainer.out, network, asdict(trainer.recipe), trainer.checks[-1])
    plot_losses(trainer.out / "detector.curve.png", trainer.losses)
    tiles = [draw_detections(scene.picture, detect(network, scene)) for scene in validation[:PICTURES]]
    cv2.imwrite(str(trainer.out / "detector.pictures.png"), make_contact_sheet(tiles))
    trainer.path.unlink(missing_ok=True)


def draw_detections(picture: NDArray[np.uint8], detections: Detections) -> Tile:
    tile = enlarge(picture)
    for box, log_p in zip(detections.boxes, detections.log_p, strict=True):
        draw_box(tile, box, RED, str(log_p.argmax()))
    return tile


def write_detector(out: Path, network: nn.Module, recipe: dict[str, Any], figures: dict[str, float]) -> None:
    """Write a detector (on the CPU, in eval mode) as checkpoint and as ONNX file with free batch and sides.

    Raises ValueError if the ONNX file's outputs differ.
    """
    save_checkpoint(out / "detector.pt", "detector", network, recipe, figures)
    path = out / "detector.onnx"
    facts = {
        "name": "detector",
        "version": hash_recipe(recipe),
        "input": "float32 N x 1 x H x W, 0 to 1, grey; H and W multiples of 16",
        "output": "N x 16 x H/8 x W/8: score, the digits 0 to 9, dx, dy, log width, log height, refine",
    }
    sides = {2: ALIGN_PX * torch.export.Dim("rows"), 3: ALIGN_PX * torch.export.Dim("columns")}
    export_onnx(path, network, torch.rand(2, 1, 6 * ALIGN_PX, 10 * ALIGN_PX), facts, free=sides)
    check_same_outputs(path.read_bytes(), network, torch.rand(1, 1, 2 * ALIGN_PX, 3 * ALIGN_PX))
    write_checksums(out / "detector.md")
