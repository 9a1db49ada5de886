"""The classifier's training: crops are labelled right, it learns, resumes, and is calibrated."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from shared.networks.architectures import load_checkpoint
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.normaliser import measure_slant
from training import classifier
from training.classifier import area_under_roc, find_reserve, find_temperature, main, vary
from training.crops import Crops, crops_of_scene, jitter, join, label_of, see
from training.scenes import Scene
from training.scenes.glyphs import Sources


@pytest.fixture(scope="session")
def crops(sources: Sources) -> Crops:
    """Of scenes in which a detector would propose one place, always the same."""
    rng, place = np.random.default_rng(5), np.array([[40, 40, 30, 40]], np.float32)
    return join([crops_of_scene(rng, sources, lambda picture: place) for _ in range(80)])


@pytest.fixture
def small_sets(sources: Sources, crops: Crops, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training on a few hundred images that need no download."""
    torch.set_num_threads(1)
    monkeypatch.setattr(classifier, "load_mnist", lambda *_: (sources.images, sources.labels))
    monkeypatch.setattr(classifier, "load_crops", lambda *_, **__: crops)
    monkeypatch.setattr(classifier, "fetch_hand_fonts", lambda _: None)
    monkeypatch.setattr(classifier, "fetch_things", lambda _: None)
    monkeypatch.setattr(classifier, "HELD_OUT", 40)
    monkeypatch.setattr(classifier, "CHECK_EVERY", 8)


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
def test_a_crop_is_what_its_box_holds(scene: Scene, box: tuple[float, ...], label: int) -> None:
    assert label_of(scene, np.array(box, np.float64)) == label


def test_crops_are_digits_and_others_in_mnists_form(crops: Crops) -> None:
    images, labels = crops
    assert set(range(11)) <= set(labels.tolist())
    assert images.shape[1:] == (28, 28)
    assert (images.max(axis=(1, 2)) == 255).all()
    assert (images[:, 0].max(axis=1) == 0).mean() > 0.9


def test_a_box_beside_the_picture_is_no_crop() -> None:
    assert see(np.full((64, 64), 200, np.uint8), np.array([100.0, 100, 20, 20])) is None


def test_a_jittered_box_stays_near() -> None:
    box = np.array([50.0, 50, 20, 40])
    moved = np.array([jitter(np.random.default_rng(seed), box) for seed in range(200)])
    assert np.abs(moved.mean(axis=0) - box).max() < 1
    assert 0 < moved[:, 2].std() < 3


def test_variations_keep_the_range_and_the_ink() -> None:
    images = torch.zeros(64, 1, 28, 28)
    images[:, :, 6:22, 12:16] = 1
    varied = vary(images, torch.zeros(64), torch.Generator().manual_seed(0))
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert varied.sum(dim=(1, 2, 3)).mean() == pytest.approx(64, rel=0.15)
    assert not torch.equal(varied[0], varied[1])


def test_what_leans_is_set_upright_by_so_much() -> None:
    rows = torch.arange(4, 24)
    images = torch.zeros(64, 1, 28, 28)
    images[:, :, rows, 20 - rows // 2] = 1
    varied = vary(images, torch.full((64,), 0.5), torch.Generator().manual_seed(0))
    assert measure_slant(images[:1, 0].numpy())[0] == pytest.approx(0.5, abs=0.03)
    assert measure_slant(varied[:, 0].numpy()).mean() == pytest.approx(0, abs=0.05)


@pytest.mark.usefixtures("small_sets")
@pytest.mark.slow
def test_a_miniature_learns_and_both_formats_answer_alike(tmp_path: Path, crops: Crops) -> None:
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
def test_a_resumed_training_ends_as_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path / "whole", 16)
    step, taken = classifier.train_step, 0

    def stop_at_11(*given: object) -> None:
        nonlocal taken
        taken += 1
        if taken == 11:
            raise KeyboardInterrupt
        step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(classifier, "train_step", stop_at_11)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", 16)
    train(tmp_path / "broken", 16, "--resume")
    images = torch.rand(8, 1, 28, 28)
    with torch.inference_mode():
        whole, broken = (load_checkpoint(tmp_path / name / "classifier.pt")(images) for name in ("whole", "broken"))
    assert torch.allclose(whole, broken, atol=1e-5)


def test_the_temperature_makes_confidence_true() -> None:
    """Logits three halves too sharp are found to be so."""
    random = torch.Generator().manual_seed(0)
    true = torch.randn(4000, 11, generator=random) * 2
    labels = torch.multinomial(torch.softmax(true, dim=1), 1, generator=random)[:, 0]
    assert find_temperature(true * 1.5, labels) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize(
    ("positive", "negative", "area"), [([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0.0), ([1, 3], [2], 0.5)]
)
def test_area_under_roc_is_the_share_of_pairs_in_order(
    positive: list[float], negative: list[float], area: float
) -> None:
    assert area_under_roc(torch.tensor(positive), torch.tensor(negative)) == area


def test_with_its_reserve_the_classifier_refuses_no_more_digits_than_it_may() -> None:
    logits = torch.zeros(1000, 11)
    logits[:, 3] = 2
    logits[:50, NOT_A_DIGIT] = torch.linspace(2.1, 6, 50)
    reserve = find_reserve(logits, share=0.01)
    logits[:, NOT_A_DIGIT] += reserve
    assert reserve < 0
    assert int((logits.argmax(dim=1) == NOT_A_DIGIT).sum()) == 10


def test_a_classifier_that_refuses_no_digit_needs_no_reserve() -> None:
    logits = torch.zeros(100, 11)
    logits[:, 3] = 2
    assert find_reserve(logits) == 0
