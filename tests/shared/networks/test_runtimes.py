"""Both backends give the same outputs, and a choice that can't work is one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from shared.demo.paper import load_digits
from shared.networks import runtimes
from shared.networks.runtimes import CUDA_PROVIDER, choose_runtime, find_room, load_network

MODELS = Path(__file__).parents[3] / "models"
BLOG = MODELS / "blog.onnx"


def shipped_digits() -> NDArray[np.float32]:
    return np.asarray(load_digits().reshape(-1, 1, 28, 28) / 255, np.float32)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


@pytest.mark.parametrize("batch", [1, 7, 300])
def test_both_backends_give_the_same_log_probabilities(batch: int) -> None:
    digits = shipped_digits()[:batch]
    noise = np.asarray(np.random.default_rng(0).random((batch, 1, 28, 28)), np.float32)
    onnx, torch = (load_network(BLOG, name, "cpu") for name in ("onnx", "torch"))
    for images in (digits, noise):
        assert onnx(images).dtype == torch(images).dtype == np.float32
        np.testing.assert_allclose(log_softmax(onnx(images)), log_softmax(torch(images)), atol=1e-4)


def test_shipped_network_reads_the_digits_of_the_demo_camera() -> None:
    answers = load_network(BLOG, "onnx")(shipped_digits()).argmax(axis=1)
    assert (answers == np.repeat(np.arange(10), 30)).mean() >= 0.97


def test_network_has_a_name_a_version_and_a_device() -> None:
    onnx, torch = (load_network(BLOG, name, "cpu") for name in ("onnx", "torch"))
    assert (onnx.name, onnx.device) == (torch.name, torch.device) == ("blog", "cpu")
    assert len(onnx.version) == len(torch.version) == 12
    assert onnx.version != torch.version  # of the file that was loaded


def test_onnx_backend_leaves_torch_unimported() -> None:
    code = f"import sys; from pathlib import Path; from shared.networks.runtimes import load_network; \
load_network(Path({str(BLOG)!r}), 'onnx', 'cpu'); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=MODELS.parent, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("asked", "has", "chosen"),
    [
        (("auto", "auto"), (False, True, False), ("onnx", "cpu")),
        (("auto", "auto"), (True, True, True), ("torch", "cuda")),
        (("auto", "auto"), (True, True, False), ("onnx", "cpu")),  # a device without its driver
        (("auto", "auto"), (True, False, False), ("onnx", "cpu")),
        (("auto", "cpu"), (True, True, True), ("onnx", "cpu")),
        (("auto", "cuda"), (True, True, True), ("torch", "cuda")),
        (("onnx", "auto"), (True, True, True), ("onnx", "cpu")),
        (("torch", "auto"), (False, True, False), ("torch", "cpu")),
        (("torch", "auto"), (True, True, True), ("torch", "cuda")),
        (("torch", "cpu"), (True, True, True), ("torch", "cpu")),
    ],
)
def test_choice_depends_on_the_machine(
    monkeypatch: pytest.MonkeyPatch, asked: tuple[str, str], has: tuple[bool, bool, bool], chosen: tuple[str, str]
) -> None:
    for question, answer in zip(("has_nvidia", "has_torch", "has_cuda"), has, strict=True):
        monkeypatch.setattr(runtimes, question, lambda answer=answer: answer)
    assert choose_runtime(*asked) == chosen


@pytest.mark.parametrize(
    ("asked", "torch", "sentence"),
    [
        (("onxx", "auto"), True, "backend 'onxx' is unknown"),
        (("auto", "gpu"), True, "device 'gpu' is unknown"),
        (("onnx", "cuda"), True, "install onnxruntime-gpu"),
        (("torch", "cuda"), True, "no CUDA device here"),
        (("auto", "cuda"), True, "no CUDA device here"),
        (("torch", "cpu"), False, r"pip install torch"),
        (("auto", "cuda"), False, r"pip install torch"),
    ],
)
def test_impossible_choice_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, asked: tuple[str, str], torch: bool, sentence: str
) -> None:
    monkeypatch.setattr(runtimes, "has_torch", lambda: torch)
    monkeypatch.setattr(runtimes, "has_cuda", lambda: False)
    with pytest.raises(ValueError, match=sentence):
        choose_runtime(*asked)


@pytest.mark.parametrize(
    ("asked", "free_bytes", "found"),
    [
        (("auto", "auto"), 9_000_000_000, ("torch", "cuda")),
        (("auto", "auto"), 400_000_000, ("onnx", "cpu")),
        (("torch", "auto"), 400_000_000, ("torch", "cpu")),
        (("auto", "cuda"), 9_000_000_000, ("torch", "cuda")),
        (("auto", "cuda"), 400_000_000, None),
        (("torch", "cuda"), 400_000_000, None),
    ],
)
def test_full_gpu_is_left_alone_or_refused_where_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: tuple[str, str], free_bytes: int, found: tuple[str, str] | None
) -> None:
    for question in ("has_nvidia", "has_torch", "has_cuda"):
        monkeypatch.setattr(runtimes, question, lambda: True)
    monkeypatch.setattr(runtimes, "count_free_gpu_bytes", lambda: free_bytes)
    if found:
        assert find_room(*asked) == found
    else:
        with pytest.raises(ValueError, match=r"^device cuda: 0\.4 GB of .* are free, and a worker takes \d"):
            find_room(*asked)


def test_onnx_runtime_with_cuda_is_chosen_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA_PROVIDER, "CPUExecutionProvider"])
    assert choose_runtime("onnx", "cuda") == ("onnx", "cuda")
    with pytest.raises(ValueError, match="CUDA or cuDNN is missing"), pytest.warns(UserWarning, match="CUDAExecution"):
        load_network(BLOG, "onnx", "cuda")  # this ONNX Runtime has the provider in name only


@pytest.mark.parametrize("name", ["onnx", "torch"])
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda good: b"", "is not a", id="empty"),
        pytest.param(lambda good: good[: len(good) // 2], "is not a", id="truncated"),
        pytest.param(lambda good: b"<html>not found</html>", "is not a", id="a web page"),
        pytest.param(lambda good: b"broken", "is not a", id="a word"),
        pytest.param(None, "can't be read: no such file", id="missing"),
    ],
)
def test_unusable_file_is_named(tmp_path: Path, name: str, spoil: object, sentence: str) -> None:
    path = tmp_path / "blog.onnx"
    file = path.with_suffix(".pt" if name == "torch" else ".onnx")
    if callable(spoil):
        file.write_bytes(spoil((MODELS / file.name).read_bytes()))
    with pytest.raises(ValueError, match=sentence) as error:
        load_network(path, name, "cpu")
    assert str(file) in str(error.value)


def test_onnxruntime_sends_no_telemetry(tmp_path: Path) -> None:
    """If allowed to, it starts with a device id in the home folder. It never does where CI is set."""
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "ORT_DISABLE_TELEMETRY"}}
    environment = kept | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", "import shared.networks.runtimes"], env=environment, check=True)
    assert [*tmp_path.rglob("deviceid")] == []
