"""The classifier's crops are labelled right; its training learns, can be resumed, and calibrates."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from shared.networks.architectures import load_checkpoint
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import measure_slant
from training import classifier, trainer
from training.classifier import augment, compute_auroc, fit_reserve, fit_temperature, main
from training.crops import Crops, crop_new_scene, jitter, join_crops, label_box, make_crop
from training.images import to_tensors
from training.scenes import Scene
from training.scenes.glyphs import Sources


@pytest.fixture(scope="session")
def crops(sources: Sources) -> Crops:
    """Crops of scenes in which the detector proposes one place, always the same."""
    rng, place = np.random.default_rng(5), np.array([[40, 40, 30, 40]], np.float32)
    return join_crops([crop_new_scene(rng, sources, lambda picture: place) for _ in range(80)])


@pytest.fixture
def small_sets(sources: Sources, crops: Crops, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training on a few hundred images that need no download."""
    torch.set_num_threads(1)
    monkeypatch.setattr(classifier, "load_mnist_tensors", lambda *_: to_tensors(sources.images, sources.labels))
    monkeypatch.setattr(classifier, "load_crops", lambda *_, **__: crops)
    monkeypatch.setattr(classifier, "fetch_hand_fonts", lambda _: None)
    monkeypatch.setattr(classifier, "fetch_things", lambda _: None)
    monkeypatch.setattr(classifier, "HELD_OUT", 40)
    monkeypatch.setattr(trainer, "CHECK_EVERY", 8)


def train(out: Path, steps: int, *more: str) -> None:
    main(["--steps", str(steps), "--out", str(out), "--device", "cpu", "--detector", __file__, *more])


@pytest.fixture
def scene() -> Scene:
    """A 4 that fills 20 x 40 pixels, and a sign."""
    boxes = np.array([[30, 30, 20, 40], [80, 30, 20, 20]], np.float32)
    return Scene(np.zeros((128, 128), np.uint8), boxes, np.array([4, NOT_A_DIGIT], np.int64))


@pytest.mark.parametrize(
    ("box", "label"),
    [
        ((29, 29, 22, 42), 4),
        ((30, 30, 20, 20), NOT_A_DIGIT),  # the upper half
        ((40, 30, 20, 40), NOT_A_DIGIT),  # half of it, and paper
        ((80, 30, 20, 20), NOT_A_DIGIT),  # the sign
        ((0, 90, 20, 30), NOT_A_DIGIT),  # paper
        ((33, 30, 20, 40), -1),  # most of it: neither
        ((10, 10, 80, 80), -1),  # all of it, and much else
    ],
)
def test_a_crop_is_labelled_by_what_its_box_holds(scene: Scene, box: tuple[float, ...], label: int) -> None:
    assert label_box(scene, np.array(box, np.float64)) == label


def test_crops_are_digits_and_others_in_mnists_form(crops: Crops) -> None:
    images, labels = crops
    assert set(range(11)) <= set(labels.tolist())
    assert images.shape[1:] == (28, 28)
    assert (images.max(axis=(1, 2)) == 255).all()
    assert (images[:, 0].max(axis=1) == 0).mean() > 0.9


def test_a_box_outside_of_the_picture_gives_no_crop() -> None:
    assert make_crop(np.full((64, 64), 200, np.uint8), np.array([100.0, 100, 20, 20])) is None


def test_a_jittered_box_stays_near() -> None:
    box = np.array([50.0, 50, 20, 40])
    moved = np.array([jitter(np.random.default_rng(seed), box) for seed in range(200)])
    assert np.abs(moved.mean(axis=0) - box).max() < 1
    assert 0 < moved[:, 2].std() < 3


def test_augmentation_keeps_the_range_and_the_ink() -> None:
    images = torch.zeros(64, 1, 28, 28)
    images[:, :, 6:22, 12:16] = 1
    varied = augment(images, torch.zeros(64), torch.Generator().manual_seed(0))
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert varied.sum(dim=(1, 2, 3)).mean() == pytest.approx(64, rel=0.15)
    assert not torch.equal(varied[0], varied[1])


def test_augmentation_takes_the_given_slant_off() -> None:
    rows = torch.arange(4, 24)
    images = torch.zeros(64, 1, 28, 28)
    images[:, :, rows, 20 - rows // 2] = 1
    varied = augment(images, torch.full((64,), 0.5), torch.Generator().manual_seed(0))
    assert measure_slant(images[:1, 0].numpy())[0] == pytest.approx(0.5, abs=0.03)
    assert measure_slant(varied[:, 0].numpy()).mean() == pytest.approx(0, abs=0.05)


@pytest.mark.usefixtures("small_sets")
@pytest.mark.slow
def test_a_miniature_learns_and_both_formats_give_the_same_logits(tmp_path: Path, crops: Crops) -> None:
    train(tmp_path, 80)
    images, labels = torch.from_numpy(crops[0][:, None]).float() / 255, crops[1]
    network = load_checkpoint(tmp_path / "classifier.pt")
    with torch.inference_mode():
        expected = network(images)
    right = expected.argmax(dim=1).numpy() == labels
    assert right[labels < NOT_A_DIGIT].mean() > 0.35  # 0.09 by chance
    assert right[labels == NOT_A_DIGIT].mean() > 0.5
    session = onnxruntime.InferenceSession(tmp_path / "classifier.onnx")
    assert session.run(None, {"input": images.numpy()})[0] == pytest.approx(expected.numpy(), abs=1e-4)


@pytest.mark.usefixtures("small_sets")
@pytest.mark.slow
def test_a_resumed_training_gives_the_weights_of_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path / "whole", 16)
    update, taken = trainer.Trainer.update, 0

    def stop_at_11(self: trainer.Trainer, *arguments: Any) -> torch.Tensor:
        nonlocal taken
        taken += 1
        if taken == 11:
            raise KeyboardInterrupt
        return update(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, "update", stop_at_11)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", 16)
    train(tmp_path / "broken", 16, "--resume")
    images = torch.rand(8, 1, 28, 28)
    with torch.inference_mode():
        whole, broken = (load_checkpoint(tmp_path / name / "classifier.pt")(images) for name in ("whole", "broken"))
    assert torch.allclose(whole, broken, atol=1e-5)


def test_the_temperature_calibrates_the_logits() -> None:
    """Logits that are 1.5 times too sharp get a temperature of 1.5."""
    random = torch.Generator().manual_seed(0)
    true = torch.randn(4000, 11, generator=random) * 2
    labels = torch.multinomial(torch.softmax(true, dim=1), 1, generator=random)[:, 0]
    assert fit_temperature(true * 1.5, labels) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize(
    ("positive", "negative", "area"), [([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0.0), ([1, 3], [2], 0.5)]
)
def test_area_under_roc_is_the_share_of_pairs_in_order(
    positive: list[float], negative: list[float], area: float
) -> None:
    assert compute_auroc(torch.tensor(positive), torch.tensor(negative)) == area


def test_with_its_reserve_the_classifier_rejects_no_more_digits_than_allowed() -> None:
    logits = torch.zeros(1000, 11)
    logits[:, 3] = 2
    logits[:50, NOT_A_DIGIT] = torch.linspace(2.1, 6, 50)
    reserve = fit_reserve(logits, max_rejected=0.01)
    logits[:, NOT_A_DIGIT] += reserve
    assert reserve < 0
    assert int((logits.argmax(dim=1) == NOT_A_DIGIT).sum()) == 10


def test_a_classifier_that_rejects_no_digit_needs_no_reserve() -> None:
    logits = torch.zeros(100, 11)
    logits[:, 3] = 2
    assert fit_reserve(logits) == 0
