"""The detector's training learns, continues where it was stopped, and writes two formats with the same output."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from shared.networks.architectures import load_checkpoint
from shared.networks.cards import ROW
from shared.networks.detector_channels import BOX, CHANNELS, CLASSES, REFINE, SCORE
from training import detector, trainer
from training.detector import DetectorRecipe, detector_loss, halve_scene, main, match_boxes, stack_scenes
from training.plots import plot_losses
from training.scenes import make_scene
from training.scenes.glyphs import Sources


@pytest.fixture
def drawn_digits(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of a few small scenes, made in this process, of digits that need no download."""
    torch.set_num_threads(1)
    monkeypatch.setattr(detector, "load_sources", lambda *_: sources)
    monkeypatch.setattr(detector, "fetch_hand_fonts", lambda _: None)
    monkeypatch.setattr(detector, "fetch_things", lambda _: None)
    monkeypatch.setattr(detector, "SIDES", ((96, 0), (96, 1)))
    monkeypatch.setattr(detector, "VALIDATION_SCENES", 4)
    monkeypatch.setattr(trainer, "CHECK_EVERY", 12)
    monkeypatch.setattr(detector, "DetectorRecipe", partial(DetectorRecipe, uses=6))


def train(out: Path, steps: int, *more: str) -> None:
    main(["--steps", str(steps), "--out", str(out), "--device", "cpu", "--workers", "0", *more])


@pytest.mark.usefixtures("drawn_digits")
def test_a_miniature_learns_and_both_formats_give_the_same_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []

    def plot(path: Path, drawn: list[float]) -> None:
        losses.extend(drawn)
        plot_losses(path, drawn)

    monkeypatch.setattr(detector, "plot_losses", plot)
    (tmp_path / "detector.md").write_text("# detector\n")
    train(tmp_path, 60)
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:8])
    grays = torch.rand(1, 1, 64, 48)
    session = onnxruntime.InferenceSession(tmp_path / "detector.onnx")
    with torch.inference_mode():
        expected = load_checkpoint(tmp_path / "detector.pt")(grays).numpy()
    assert session.run(None, {"input": grays.numpy()})[0] == pytest.approx(expected, abs=1e-4)
    assert session.get_modelmeta().custom_metadata_map["name"] == "detector"
    assert {path.name for path in tmp_path.iterdir()} == {
        "detector.pt", "detector.onnx", "detector.curve.png", "detector.pictures.png", "detector.md",
    }  # fmt: skip
    assert [name for name, _ in ROW.findall((tmp_path / "detector.md").read_text())] == ["detector.onnx", "detector.pt"]


@pytest.mark.usefixtures("drawn_digits")
@pytest.mark.slow
def test_a_stopped_training_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at step 18 of 24, last saved at 12, it takes the remaining two rounds of six steps."""
    taken = 0
    update = trainer.Trainer.update

    def stop_at_18(self: trainer.Trainer, *arguments: Any) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken == 18:
            raise KeyboardInterrupt
        return update(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "update", stop_at_18)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, 24)
    taken = 100
    train(tmp_path, 24, "--resume")
    assert taken == 112


@pytest.mark.usefixtures("drawn_digits")
def test_resuming_without_a_saved_run_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="does not exist"):
        train(tmp_path, 24, "--resume")


def test_right_maps_have_a_lower_loss_than_wrong_ones(sources: Sources) -> None:
    rng = np.random.default_rng(2)
    scenes = [halve_scene(make_scene(rng, sources, 192, numbers=2)) for _ in range(4)]
    _, *label_maps = stack_scenes(scenes)
    score, _, label, box, refine = label_maps
    right = torch.zeros(4, CHANNELS, 12, 12)
    right[:, SCORE] = torch.where(score == 1, 6.0, -6.0)
    right[:, CLASSES] = 8.0 * (torch.arange(10)[None, :, None, None] == label[:, None])
    right[:, BOX] = box
    right[:, REFINE] = 12 * refine - 6
    for channel in (SCORE, REFINE):
        wrong = right.clone()
        wrong[:, channel] *= -1
        assert detector_loss(right, *label_maps) < 0.05 * detector_loss(wrong, *label_maps)


def test_a_box_is_matched_with_the_one_that_overlaps_it_most() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 10, 10]], np.float32)
    others = np.array([[4, 4, 10, 10], [1, 0, 10, 10]], np.float32)
    assert match_boxes(boxes, others).tolist() == [1, -1]
