"""The blog post's training learns, can be resumed, and writes weights that both backends load."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shared.demo.paper import load_digits
from shared.networks.architectures import NETWORKS, BlogCNN, load_checkpoint
from shared.networks.cards import ROW
from shared.networks.runtimes import load_network
from training import blog, data, train
from training.images import LabelledImages, count_confusions, predict_logits, to_input, to_tensors
from training.resume import save_run

RECIPE = blog.BlogRecipe(epochs=3, batch=25)


TRAINING, TEST = slice(0, 25), slice(25, 30)  # of the thirty of each class


def load_part(part: slice) -> LabelledImages:
    """Return some of each class of the demo camera's digits."""
    digits = load_digits()[:, part]
    labels = np.repeat(np.arange(10, dtype=np.uint8), digits.shape[1])
    return to_tensors(digits.reshape(-1, 28, 28).copy(), labels)


def write_mnist(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put 250 digits to train and 50 to test under MNIST's names."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    hashes: dict[data.Split, dict[str, str]] = {}
    parts: tuple[tuple[data.Split, slice], ...] = (("train", TRAINING), ("test", TEST))
    for split, part in parts:
        digits = load_part(part)
        arrays = (digits.images[:, 0].numpy(), digits.labels.numpy().astype(np.uint8))
        hashes[split] = {}
        for name, array in zip(data.FILES[split], arrays, strict=True):
            content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
            (raw / name).write_bytes(content)
            hashes[split][name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(data, "FILES", hashes)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one whole miniature training, by the command line."""
    root = tmp_path_factory.mktemp("mini")
    with pytest.MonkeyPatch.context() as monkeypatch:
        write_mnist(root, monkeypatch)
        monkeypatch.setattr(blog, "RECIPE", replace(RECIPE, epochs=12))
        (root / "out").mkdir()
        (root / "out" / "blog.md").write_text("# blog\n")
        train.main(["--preset", "blog", "--data", str(root), "--out", str(root / "out"), "--device", "cpu"])
    return root / "out"


def test_miniature_learns_digits_it_has_not_seen(results: Path) -> None:
    checkpoint = torch.load(results / "blog.pt", weights_only=True)
    assert checkpoint["figures"]["test_accuracy"] >= 0.7  # chance is 0.1


def test_checkpoint_carries_its_recipe(results: Path) -> None:
    checkpoint = torch.load(results / "blog.pt", weights_only=True)
    assert checkpoint["recipe"] == {"network": "blog", "epochs": 12, "batch": 25, "learning_rate": 1e-3, "seed": 0}


def test_training_leaves_pictures_and_no_saved_run(results: Path) -> None:
    assert {path.name for path in results.iterdir()} == {
        "blog.pt",
        "blog.onnx",
        "blog.curve.png",
        "blog.confusion.png",
        "blog.md",
    }


def test_card_names_the_weights_that_were_written(results: Path) -> None:
    assert set(ROW.findall((results / "blog.md").read_text())) == {
        (name, hashlib.sha256((results / name).read_bytes()).hexdigest()) for name in ("blog.onnx", "blog.pt")
    }


def test_onnx_file_and_checkpoint_give_the_same_logits(results: Path) -> None:
    images = to_input(load_part(TEST).images).numpy()
    logits = [load_network(results / "blog.onnx", backend, "cpu")(images) for backend in ("onnx", "torch")]
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-4)


def test_onnx_file_has_no_paths_of_the_machine(results: Path) -> None:
    model = (results / "blog.onnx").read_bytes()
    assert str(Path(blog.__file__).parents[1]).encode() not in model
    assert b"site-packages" not in model


def test_resumed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    digits, few, cpu = load_part(TRAINING), load_part(TEST), torch.device("cpu")
    whole = blog.start_run(RECIPE, cpu, tmp_path / "whole", resume=False)
    blog.train(whole, digits, few)
    stopped = blog.start_run(replace(RECIPE, epochs=1), cpu, tmp_path / "stopped", resume=False)
    blog.train(stopped, digits, few)
    resumed = blog.start_run(RECIPE, cpu, tmp_path / "stopped", resume=True)
    blog.train(resumed, digits, few)
    assert resumed.history == whole.history
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_resume_refuses_a_run_of_another_recipe(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    begun = blog.start_run(RECIPE, cpu, tmp_path / "kept", resume=False)
    save_run(begun.path, begun.fixed_recipe, begun.parts, {"history": begun.history})
    with pytest.raises(SystemExit, match="another recipe"):
        blog.start_run(replace(RECIPE, batch=50), cpu, tmp_path / "kept", resume=True)


def test_resume_without_a_saved_run_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="does not exist"):
        blog.start_run(RECIPE, torch.device("cpu"), tmp_path / "nothing", resume=True)


def test_accuracy_and_confusions_count_each_image_once() -> None:
    class AlwaysThree(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.eye(10)[3].expand(len(images), 10)

    digits = load_part(TEST)
    _, accuracy = blog.evaluate(AlwaysThree(), digits)
    assert accuracy == pytest.approx(0.1)
    matrix = count_confusions(predict_logits(AlwaysThree(), digits.images), digits.labels)
    assert matrix[:, 3].tolist() == [5] * 10
    assert matrix.sum() == 50


def test_network_is_the_blog_posts() -> None:
    network = BlogCNN()
    assert [tuple(value.shape) for value in network.parameters() if value.ndim > 1] == [
        (32, 1, 3, 3),
        (64, 32, 3, 3),
        (10, 7 * 7 * 64),
    ]
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="text"),
        pytest.param(b"PK\x03\x04" + bytes(100), id="torn archive"),
    ],
)
def test_anything_but_a_checkpoint_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "blog.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("change", [{"network": "unknown"}, {"state": {}}])
def test_checkpoint_of_another_network_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "blog.pt"
    torch.save({"network": "blog", "state": NETWORKS["blog"]().state_dict()} | change, path)
    with pytest.raises(ValueError, match="is not a checkpoint"):
        load_checkpoint(path)


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.pt is not there"):
        load_checkpoint(tmp_path / "gone.pt")
