"""The inference bench: the bare networks get what the reader gave them, and who answers otherwise is no competitor."""

import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import inference
from benchmarks.runtimes import RUNTIMES, Arrays, Runtime, load_onnx
from benchmarks.trust import UntrustedError
from shared.messaging.messages import GrayFrame
from shared.settings import load_settings

SETTINGS = load_settings({}, Path("no.env"))


@pytest.fixture(scope="module")
def pages(films: Path) -> list[GrayFrame]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "cache_folder", lambda: films)
        patch.setattr(inference, "CAMERAS", 1)
        return inference.make_pages(3, 2, SETTINGS)


def test_the_bare_networks_get_the_arrays_that_the_reader_gave_them(pages: list[GrayFrame]) -> None:
    calls = inference.record_calls(pages, SETTINGS)
    assert calls
    for name, inputs in calls:
        assert (SETTINGS.models / f"{name}.onnx").is_file()
        assert inputs.dtype == np.float32
        assert np.isfinite(load_onnx(SETTINGS.models / f"{name}.onnx")(inputs)).all()


def test_reading_is_measured_beside_the_bare_networks(pages: list[GrayFrame]) -> None:
    calls = inference.record_calls(pages, SETTINGS)
    row = inference.bench_worker(pages, calls, SETTINGS, seconds=0.02)
    assert row["pages"] == 2
    assert row["pages_per_s"] > 0
    assert row["share_of_bare"] == pytest.approx(row["pages_per_s"] / row["bare_pages_per_s"], rel=0.02)


@pytest.mark.parametrize(
    "runtime", [runtime for runtime in RUNTIMES if runtime.name != "torch.compile"], ids=lambda r: r.name
)
def test_every_runtime_answers_as_the_first(runtime: Runtime, pages: list[GrayFrame]) -> None:
    if not runtime.is_there:
        pytest.skip(f"{runtime.name} is not installed")
    for name, inputs in inference.record_calls(pages, SETTINGS):
        onnx, own = (SETTINGS.models / f"{name}{suffix}" for suffix in (".onnx", runtime.suffix))
        inference.compare({"ONNX Runtime": load_onnx(onnx), runtime.name: runtime.load(own)}, [inputs])


def test_a_runtime_that_answers_otherwise_is_not_compared() -> None:
    def double(inputs: Arrays) -> Arrays:
        return 2 * inputs

    with pytest.raises(UntrustedError, match="hasty answers otherwise than first does: logits differ by 1"):
        inference.compare({"first": np.copy, "hasty": double}, [np.ones((1, 2), np.float32)])


def test_a_runtime_whose_programs_are_missing_is_not_there() -> None:
    assert not Runtime("none", load_onnx, ("onnxruntime", "no_such_package")).is_there


def test_jobs_take_turns_and_each_has_its_own_time() -> None:
    order: list[str] = []

    def quick() -> None:
        order.append("quick")

    def slow() -> None:
        order.append("slow")
        time.sleep(0.002)

    quick_s, slow_s = inference.time_in_turn(quick, slow, seconds=0.001)
    assert order[:4] == ["quick", "slow", "quick", "slow"]
    assert len(order) >= 2 * inference.FEWEST
    assert quick_s < 0.002 <= slow_s
