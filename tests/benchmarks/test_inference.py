"""The inference bench: the bare networks get the recognizer's inputs, and every runtime must agree."""

import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import inference
from benchmarks.runtimes import RUNTIMES, Arrays, Runtime, load_onnx
from benchmarks.trust import DisturbedError
from shared.messaging.messages import GrayFrame
from shared.settings import load_settings

SETTINGS = load_settings({}, Path("no.env"))


@pytest.fixture(scope="module")
def frames(films: Path) -> list[GrayFrame]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "cache_folder", lambda: films)
        patch.setattr(inference, "CAMERAS", 1)
        return inference.make_gray_frames(3, 2, SETTINGS)


def test_bare_networks_get_the_inputs_of_the_recognizer(frames: list[GrayFrame]) -> None:
    calls = inference.record_inputs(frames, SETTINGS)
    assert calls
    for name, inputs in calls:
        assert (SETTINGS.models / f"{name}.onnx").is_file()
        assert inputs.dtype == np.float32
        assert np.isfinite(load_onnx(SETTINGS.models / f"{name}.onnx")(inputs)).all()


def test_worker_is_compared_with_the_bare_networks(frames: list[GrayFrame]) -> None:
    calls = inference.record_inputs(frames, SETTINGS)
    row = inference.bench_worker(frames, calls, SETTINGS, seconds=0.02)
    assert row["batch"] == 2
    assert row["frames_per_s"] > 0
    assert row["share_of_bare"] == pytest.approx(row["frames_per_s"] / row["bare_frames_per_s"], rel=0.02)


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: runtime.name)
def test_every_runtime_agrees_with_the_first(runtime: Runtime, frames: list[GrayFrame]) -> None:
    if not runtime.is_installed:
        pytest.skip(f"{runtime.name} is not installed")
    for name, inputs in inference.record_inputs(frames, SETTINGS):
        onnx, own = (SETTINGS.models / f"{name}{suffix}" for suffix in (".onnx", runtime.suffix))
        inference.check_agreement({"ONNX Runtime": load_onnx(onnx), runtime.name: runtime.load(own)}, [inputs])


def test_runtime_that_disagrees_is_not_compared() -> None:
    def double(inputs: Arrays) -> Arrays:
        return 2 * inputs

    with pytest.raises(DisturbedError, match="hasty disagrees with first: logits differ by 1"):
        inference.check_agreement({"first": np.copy, "hasty": double}, [np.ones((1, 2), np.float32)])


def test_jobs_take_turns_and_are_timed_separately() -> None:
    order: list[str] = []

    def quick() -> None:
        order.append("quick")

    def slow() -> None:
        order.append("slow")
        time.sleep(0.002)

    quick_s, slow_s = inference.time_in_turn(quick, slow, seconds=0.001)
    assert order[:4] == ["quick", "slow", "quick", "slow"]
    assert len(order) >= 2 * inference.MIN_REPEATS
    assert quick_s < 0.002 <= slow_s
