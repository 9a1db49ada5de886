"""The detector's training: it learns, it goes on where it was stopped, and both formats answer alike."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from shared.networks.architectures import load_checkpoint
from shared.networks.detector_channels import BOX, CHANNELS, REFINE, SCORE
from training import detector
from training.detector import best_overlaps, detector_loss, halve_scene, main, stack
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
    monkeypatch.setattr(detector, "CHECK_SCENES", 4)
    monkeypatch.setattr(detector, "CHECK_EVERY", 12)


def train(out: Path, steps: int, *more: str) -> None:
    main(["--steps", str(steps), "--out", str(out), "--device", "cpu", "--makers", "0", *more])


@pytest.mark.usefixtures("drawn_digits")
def test_a_miniature_learns_and_both_formats_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []

    def plot(path: Path, drawn: list[float]) -> None:
        losses.extend(drawn)
        plot_losses(path, drawn)

    monkeypatch.setattr(detector, "plot_losses", plot)
    train(tmp_path, 60)
    assert np.mean(losses[-8:]) < 0.75 * np.mean(losses[:8])
    pages = torch.rand(1, 1, 64, 48)
    session = onnxruntime.InferenceSession(tmp_path / "detector.onnx")
    with torch.inference_mode():
        expected = load_checkpoint(tmp_path / "detector.pt")(pages).numpy()
    assert session.run(None, {"input": pages.numpy()})[0] == pytest.approx(expected, abs=1e-4)
    assert session.get_modelmeta().custom_metadata_map["name"] == "detector"
    assert {path.name for path in tmp_path.iterdir()} == {
        "detector.pt", "detector.onnx", "detector.curve.png", "detector.pictures.png",
    }  # fmt: skip


@pytest.mark.usefixtures("drawn_digits")
@pytest.mark.slow
def test_a_stopped_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped at step 18 of 24, its last checkpoint at 15, it takes the two batches of five steps that are left."""
    taken = 0
    step = detector.train_step

    def stop_at_18(*given: object) -> float:
        nonlocal taken
        taken += 1
        if taken == 18:
            raise KeyboardInterrupt
        return step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(detector, "train_step", stop_at_18)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, 24)
    taken = 100
    train(tmp_path, 24, "--resume")
    assert taken == 110


@pytest.mark.usefixtures("drawn_digits")
def test_resuming_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there is no"):
        train(tmp_path, 24, "--resume")


def test_the_right_answer_costs_less_than_the_wrong_one(sources: Sources) -> None:
    rng = np.random.default_rng(2)
    scenes = [halve_scene(make_scene(rng, sources, 192, numbers=2)) for _ in range(4)]
    _, heat, counts, label, box, closer = stack(scenes)
    right = torch.zeros(4, CHANNELS, 12, 12)
    right[:, 0] = torch.where(heat == 1, 6.0, -6.0)
    right[:, 1:11] = 8.0 * (torch.arange(10)[None, :, None, None] == label[:, None])
    right[:, BOX] = box
    right[:, REFINE] = 12 * closer - 6
    for of_what in (SCORE, REFINE):
        wrong = right.clone()
        wrong[:, of_what] *= -1
        truth = (heat, counts, label, box, closer)
        assert detector_loss(right, *truth) < 0.05 * detector_loss(wrong, *truth)


def test_a_box_is_paired_with_the_find_that_overlaps_it_most() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 10, 10]], np.float32)
    finds = np.array([[4, 4, 10, 10], [1, 0, 10, 10]], np.float32)
    assert best_overlaps(boxes, finds).tolist() == [1, -1]
