"""Trains the detector on scenes made while it trains: `python -m training.detector` gives weights, ONNX file, pictures.

Batch n follows from the seed and n alone, whatever the number of processes that make scenes. A run can be stopped at
any time and goes on, with --resume, from its last checkpoint.
"""

import argparse
import math
from collections import deque
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from shared.networks.architectures import DetectorCNN, load_checkpoint, save_checkpoint
from shared.networks.detector_channels import ALIGN_PX, BOX, CLASSES, REFINE, SCORE
from shared.vision.detection import Detections, detect_batch, halve, intersection_areas
from training.average import start_mean
from training.data import HELD_OUT
from training.export import check_same_outputs, export_onnx, hash_recipe
from training.label_maps import SIZES_PX, make_target
from training.plots import plot_losses
from training.resume import Stateful, keep, restore
from training.scenes import Scene, make_scene
from training.scenes.fonts import fetch_hand_fonts
from training.scenes.glyphs import Sources, load_sources
from training.scenes.photographs import fetch_things
from training.sheets import contact_sheet, draw_finds

# ---------------------------------------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """Settings of a training: AdamW, cosine, focal loss; each batch of scenes serves `uses` times, in other tones."""

    steps: int = 30_000
    batch: int = 16
    uses: int = 5
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    warm_up: float = 0.03  # of the steps
    average: float = 0.998  # of the weights' exponential mean, which is what is shipped
    seed: int = 0


# Pixels of a scene, by batch, and how often it is halved: in small ones digits fill the picture, in halved ones they
# are too small, as on the coarser levels of a pyramid.
SIDES = ((128, 0), (160, 0), (128, 0), (96, 0), (192, 1))
PARTS = ("heat", "counts", "label", "box", "closer")  # of a target
REPLAY = 150  # batches that wait to be used again
CHECK_EVERY = 1000
CHECK_SCENES = 200
PICTURES = 40


def main(words: list[str] | None = None) -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m training.detector", description=__doc__)
    parser.add_argument("--steps", type=int, default=DetectorRecipe().steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--makers", type=int, default=1, help="processes that make scenes")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--begin", type=Path, help="a checkpoint whose weights to begin with, for more training")
    parser.add_argument("--learning-rate", type=float, default=DetectorRecipe().learning_rate)
    arguments = parser.parse_args(words)
    arguments.out.mkdir(parents=True, exist_ok=True)
    fetch_hand_fonts(arguments.data)
    fetch_things(arguments.data)
    chosen = {name: getattr(arguments, name) for name in ("steps", "seed", "learning_rate")}
    run = start(replace(DetectorRecipe(), **chosen), arguments)
    judging = held_out_scenes(arguments.data)
    train(run, arguments.data, arguments.makers, judging)
    finish(run, judging)


# -------------------------------------------------------------------------------------------------------------- data

Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]  # pictures uint8, heat, counts, label, box, closer


class Batches(Dataset[Batch]):
    """Batch n of a training, made when it is asked for."""

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
        return stack([halve_scene(scene) for scene in scenes] if halvings else scenes)


def halve_scene(scene: Scene) -> Scene:
    """Return a scene as the next level of its pyramid shows it."""
    return Scene(halve(scene.picture), scene.boxes * np.float32(0.5), scene.labels)


def stack(scenes: list[Scene]) -> Batch:
    """Return scenes and their targets as tensors."""
    targets = [make_target(scene) for scene in scenes]
    arrays = [np.stack([scene.picture for scene in scenes])[:, None]]
    arrays += [np.stack([getattr(target, name) for target in targets]) for name in PARTS]
    pictures, heat, counts, label, box, closer = map(torch.from_numpy, arrays)
    return pictures, heat, counts, label, box, closer


def change_tone(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Return pictures (uint8) in 0 to 1, each a little brighter, flatter or, rarely, as a negative."""
    count = len(pictures)
    gain = torch.from_numpy(rng.uniform(0.6, 1.15, (count, 1, 1, 1)).astype(np.float32))
    gain[torch.from_numpy(rng.random(count) < 0.06)] *= -1
    lift = torch.from_numpy(rng.uniform(-0.15, 0.25, (count, 1, 1, 1)).astype(np.float32))
    return ((pictures.float() / 255 - 0.5) * gain + 0.5 + lift).clamp(0, 1)


# -------------------------------------------------------------------------------------------------------------- loop


@dataclass(slots=True)
class DetectorRun:
    """A training on its way."""

    recipe: DetectorRecipe
    network: DetectorCNN
    average: AveragedModel
    optimiser: torch.optim.AdamW
    device: torch.device
    out: Path
    step: int = 0
    losses: list[float] = field(default_factory=list)
    checks: list[dict[str, float]] = field(default_factory=list)

    @property
    def kept(self) -> Path:
        """The file that a stopped run goes on from."""
        return self.out / "detector.resume.pt"

    @property
    def parts(self) -> dict[str, Stateful]:
        """What learns."""
        return {"network": self.network, "average": self.average, "optimiser": self.optimiser}

    @property
    def progress(self) -> dict[str, Any]:
        """How far it is."""
        return {"step": self.step, "losses": self.losses, "checks": self.checks}


def start(recipe: DetectorRecipe, arguments: argparse.Namespace) -> DetectorRun:
    """Return a new run, or the one that was kept."""
    torch.manual_seed(recipe.seed)
    device = torch.device(arguments.device)
    network = DetectorCNN()
    if arguments.begin:
        network.load_state_dict(load_checkpoint(arguments.begin).state_dict())
    network = network.to(device).to(memory_format=torch.channels_last)  # 1.5 times as fast on a CPU
    average = start_mean(network, recipe.average)
    optimiser = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    run = DetectorRun(recipe, network, average, optimiser, device, arguments.out)
    if arguments.resume:
        progress = restore(run.kept, asdict(recipe), run.parts, device)
        for name, value in progress.items():
            setattr(run, name, value)
    return run


def train(run: DetectorRun, data: Path, makers: int, judging: list[Scene]) -> None:
    """Train to the recipe's last step; judge and keep the run now and then."""
    batches = Batches(run.recipe, data, run.step // run.recipe.uses)
    waiting: deque[Batch] = deque(maxlen=REPLAY)
    with tqdm(total=run.recipe.steps, initial=run.step, desc="detector", mininterval=10) as bar:
        for fresh in load(batches, makers):
            waiting.append(fresh)
            rng = np.random.default_rng((run.recipe.seed, 1, run.step))
            again = [waiting[rng.integers(len(waiting))] for _ in range(run.recipe.uses - 1)]
            for batch in (fresh, *again):
                run.losses.append(train_step(run, batch, rng))
                run.step += 1
                bar.update()
            if run.step % CHECK_EVERY < run.recipe.uses or run.step >= run.recipe.steps:
                run.checks.append({"step": run.step} | judge(run.average.module, judging))
                keep(run.kept, asdict(run.recipe), run.parts, run.progress)
                tqdm.write(f"step {run.step}: loss {np.mean(run.losses[-CHECK_EVERY:]):.3f}, {run.checks[-1]}")


def load(batches: Batches, makers: int) -> DataLoader[Batch]:
    """Return what makes batches ahead, in order, in other processes; in this one for none."""
    if not makers:
        return DataLoader(batches, batch_size=None)
    # spawned, not forked: OpenCV's threads don't survive a fork, and a child's first call would wait for ever
    return DataLoader(batches, batch_size=None, num_workers=makers, prefetch_factor=4, multiprocessing_context="spawn")


def train_step(run: DetectorRun, batch: Batch, rng: np.random.Generator) -> float:
    """Take one step; return the loss."""
    recipe, warm = run.recipe, min(1, (run.step + 1) / (run.recipe.warm_up * run.recipe.steps))
    for group in run.optimiser.param_groups:
        group["lr"] = recipe.learning_rate * warm * max(0.01, (1 + math.cos(math.pi * run.step / recipe.steps)) / 2)
    run.network.train()
    pictures, *target = (part.to(run.device) for part in batch)
    pages = change_tone(pictures, rng).contiguous(memory_format=torch.channels_last)
    loss = detector_loss(run.network(pages), *target)
    run.optimiser.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(run.network.parameters(), 5)
    run.optimiser.step()
    run.average.update_parameters(run.network)
    return float(loss.detach())


def detector_loss(  # noqa: PLR0917 - the maps, and what each should be
    maps: Tensor, heat: Tensor, counts: Tensor, label: Tensor, box: Tensor, closer: Tensor
) -> Tensor:
    """Return the loss: focal on heat (as Law and Deng, 2018), cross-entropy on class and closer, distance on boxes."""
    logit = maps[:, SCORE]
    hot = torch.sigmoid(logit)
    middle = (heat == 1).float()
    right = middle * (1 - hot) ** 2 * functional.logsigmoid(logit)
    wrong = (1 - middle) * (1 - heat) ** 4 * hot**2 * functional.logsigmoid(-logit)
    total = -((right + wrong) * counts).sum() / middle.sum().clamp(min=1)
    asked = closer >= 0
    total = total + functional.binary_cross_entropy_with_logits(maps[:, REFINE][asked], closer[asked])
    owned = label >= 0
    if owned.any():
        weight = heat[owned] / heat[owned].sum()
        classes = functional.cross_entropy(maps[:, CLASSES].permute(0, 2, 3, 1)[owned], label[owned], reduction="none")
        away = functional.smooth_l1_loss(
            maps[:, BOX].permute(0, 2, 3, 1)[owned], box.permute(0, 2, 3, 1)[owned], reduction="none", beta=0.1
        ).sum(dim=1)
        total = total + (weight * (classes + away)).sum()
    return total


# -------------------------------------------------------------------------------------------------------- evaluation


def held_out_scenes(data: Path) -> list[Scene]:
    """Return the scenes that judge: of MNIST training images that no training scene shows."""
    sources = load_sources(data, slice(-HELD_OUT, None))
    rng = np.random.default_rng(20_000_000)
    return [make_scene(rng, sources) for _ in range(CHECK_SCENES)]


def find_in(network: nn.Module, scene: Scene, birth: float = 0.5) -> Detections:
    """Return what the network finds in a scene, at its own scale."""
    network.eval()

    def answer(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        device = next(network.parameters()).device
        with torch.inference_mode():
            maps: NDArray[np.float32] = network(torch.from_numpy(pictures).to(device)).cpu().numpy()
        return maps

    return detect_batch(answer, [[scene.picture]], birth)[0]


def judge(network: nn.Module, scenes: list[Scene]) -> dict[str, float]:
    """Return how well digits of the detector's sizes are found: recall, precision, and the share of right classes."""
    true = found = right = said = 0
    for scene in scenes:
        finds = find_in(network, scene)
        wanted = (scene.labels >= 0) & (scene.labels < 10) & (scene.boxes[:, 2:].max(axis=1) >= SIZES_PX[0])
        hits = best_overlaps(scene.boxes, finds.boxes)
        said += len(finds.boxes) - int((hits[(scene.labels < 10) & ~wanted] >= 0).sum())
        true += int(wanted.sum())
        found += int((hits[wanted] >= 0).sum())
        classes = finds.log_p.argmax(axis=1) if len(finds.boxes) else np.zeros(1, np.int64)
        right += int(((classes[hits] == scene.labels) & (hits >= 0) & wanted).sum())
    return {
        "recall": round(found / max(true, 1), 4),
        "precision": round(found / max(said, 1), 4),
        "class": round(right / max(found, 1), 4),
    }


def best_overlaps(boxes: NDArray[np.float32], finds: NDArray[np.float32], least: float = 0.4) -> NDArray[np.int64]:
    """Return for each box the find that overlaps it most (by intersection over union), or -1."""
    best = np.full(len(boxes), -1, np.int64)
    if not len(finds):
        return best
    corners = np.concatenate([finds[:, :2], finds[:, :2] + finds[:, 2:]], axis=1)
    for index, box in enumerate(boxes):
        shared = intersection_areas(np.concatenate([box[:2], box[:2] + box[2:]]), corners)
        ratio = shared / (box[2] * box[3] + finds[:, 2] * finds[:, 3] - shared)
        best[index] = ratio.argmax() if ratio.max() >= least else -1
    return best


def finish(run: DetectorRun, judging: list[Scene]) -> None:
    """Write weights, ONNX file, the loss curve, and pictures of what is found."""
    network = DetectorCNN().eval()
    network.load_state_dict({key: value.cpu() for key, value in run.average.module.state_dict().items()})
    write_detector(run.out, network, asdict(run.recipe), run.checks[-1])
    plot_losses(run.out / "detector.curve.png", run.losses)
    tiles = [draw_finds(scene.picture, find_in(network, scene)) for scene in judging[:PICTURES]]
    cv2.imwrite(str(run.out / "detector.pictures.png"), contact_sheet(tiles))
    run.kept.unlink(missing_ok=True)


def write_detector(out: Path, network: DetectorCNN, recipe: dict[str, Any], figures: dict[str, float]) -> None:
    """Write a detector (on the CPU, in eval mode) as checkpoint and as ONNX file."""
    save_checkpoint(out / "detector.pt", "detector", network, recipe, figures)
    export_detector(out / "detector.onnx", network, recipe)


def export_detector(path: Path, network: DetectorCNN, recipe: dict[str, Any]) -> None:
    """Write the ONNX file, its batch and the sides of its pages free; ValueError when it answers differently."""
    facts = {
        "name": "detector",
        "version": hash_recipe(recipe),
        "input": "float32 N x 1 x H x W, 0 to 1, grey; H and W multiples of 16",
        "output": "N x 16 x H/8 x W/8: heat, the digits 0 to 9, dx, dy, log width, log height, closer",
    }
    sides = {2: ALIGN_PX * torch.export.Dim("rows"), 3: ALIGN_PX * torch.export.Dim("columns")}
    export_onnx(path, network, torch.rand(2, 1, 6 * ALIGN_PX, 10 * ALIGN_PX), facts, free=sides)
    check_same_outputs(path.read_bytes(), network, torch.rand(1, 1, 2 * ALIGN_PX, 3 * ALIGN_PX))


if __name__ == "__main__":
    main()
