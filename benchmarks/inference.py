"""digitcam bench inference: the cost of reading gray frames, compared with the bare networks and other runtimes.

The bare networks get exactly the arrays that the recognizer gave its networks for the same frames, as one batch.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks import trust
from benchmarks.bare_loop import make_frames
from benchmarks.bench_films import BenchFilm, cache_folder, load_jpegs, make_film
from benchmarks.runtimes import RUNTIMES, Arrays, NetworkCall, load_onnx
from benchmarks.trust import Repeat, Row, repeat_until_trusted
from services.inference import read_batch
from services.preprocess import preprocess_frame
from shared.messaging.messages import GrayFrame
from shared.networks.runtimes import OnnxNetwork
from shared.settings import Settings, load_settings
from shared.vision.recognizer import load_recognizer

BATCH_SIZES = (1, 2, 4, 8, 16, 32)
CAMERAS = 8  # films that take turns in a batch
MIN_REPEATS = 5
TOLERANCE = 1e-2  # of logits, between runtimes that all compute in 32 bits

NetworkInputs = list[tuple[str, Arrays]]  # the network's name and its input


def bench_inference(digits: int, seconds: float, repeat: Repeat = repeat_until_trusted) -> Row:
    """Return a row per batch size, and one per network, batch size and runtime. Raises DisturbedError."""
    return repeat(partial(measure_inference, digits, seconds))


def measure_inference(digits: int, seconds: float) -> Row:
    """Measure everything once. Raises DisturbedError."""
    cv2.setNumThreads(1)
    settings, cores, began_s = load_settings(), trust.CoreUsage(), time.process_time()
    frames = make_gray_frames(digits, max(BATCH_SIZES), settings)
    batches = {size: frames[:size] for size in BATCH_SIZES}
    inputs = {size: record_inputs(batch, settings) for size, batch in batches.items()}
    worker = [bench_worker(batch, inputs[size], settings, seconds) for size, batch in batches.items()]
    runtimes, missing = bench_runtimes(inputs, settings.models, seconds)
    others, _ = cores.shares(time.process_time() - began_s)
    return {
        "digits": digits,
        "worker": worker,
        "runtimes": runtimes,
        "not_installed": missing,
        "others": round(others, 3),
        "untrusted": trust.judge_cores(others),
    }


def make_gray_frames(digits: int, count: int, settings: Settings) -> list[GrayFrame]:
    """Return gray frames of several cameras in turn."""
    films = [load_jpegs(make_film(BenchFilm(seed, 30.0, digits), cache_folder())) for seed in range(CAMERAS)]
    jpegs = [films[n % CAMERAS][n // CAMERAS] for n in range(count)]
    frames = make_frames("bench", jpegs)
    results = [preprocess_frame(frame, settings.long_side_px) for frame in frames]
    return [result for result in results if isinstance(result, GrayFrame)]


def record_inputs(frames: Sequence[GrayFrame], settings: Settings) -> NetworkInputs:
    """Return what the recognizer gives its networks for these frames."""
    with record_network_calls() as inputs:
        read_batch(load_recognizer(settings.models, "onnx", "cpu"), frames)
    return inputs


@contextmanager
def record_network_calls() -> Iterator[NetworkInputs]:
    """Record the input of every network call in ONNX Runtime until the block ends."""
    recorded: NetworkInputs = []
    call_network = OnnxNetwork.__call__

    def record_call(network: OnnxNetwork, inputs: Arrays) -> Arrays:
        recorded.append((network.name, np.ascontiguousarray(inputs)))
        return call_network(network, inputs)

    with patch.object(OnnxNetwork, "__call__", record_call):
        yield recorded


def bench_worker(
    frames: Sequence[GrayFrame], inputs: NetworkInputs, settings: Settings, seconds: float
) -> dict[str, Any]:
    """Return frames and digits per second of the inference worker, and frames per second of the bare networks."""
    recognizer = load_recognizer(settings.models, "onnx", "cpu")
    bare = {name: load_onnx(settings.models / f"{name}.onnx") for name in {name for name, _ in inputs}}
    digits = sum(len(reading.digits) for reading in read_batch(recognizer, frames))
    read_s, bare_s = time_in_turn(
        lambda: read_batch(recognizer, frames), lambda: [bare[name](arrays) for name, arrays in inputs], seconds=seconds
    )
    return {
        "batch": len(frames),
        "frames_per_s": round(len(frames) / read_s, 1),
        "digits_per_s": round(digits / read_s, 1),
        "bare_frames_per_s": round(len(frames) / bare_s, 1),
        "share_of_bare": round(bare_s / read_s, 3),
    }


def bench_runtimes(
    inputs: dict[int, NetworkInputs], models: Path, seconds: float
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a row of items per second per network and batch size, and the runtimes that are not installed."""
    installed = [runtime for runtime in RUNTIMES if runtime.is_installed]
    rows: list[dict[str, Any]] = []
    for name in sorted({name for batch in inputs.values() for name, _ in batch}):
        files = {runtime: models / f"{name}{runtime.suffix}" for runtime in installed}
        loaded = {runtime.name: runtime.load(file) for runtime, file in files.items() if file.exists()}
        for batch_size, calls in inputs.items():
            arrays = [given for called, given in calls if called == name]
            check_agreement(loaded, arrays)
            items = sum(len(given) for given in arrays)
            jobs = [repeat_calls(call, arrays) for call in loaded.values()]
            times = time_in_turn(*jobs, seconds=seconds)
            speeds = {runtime: round(items / took_s, 1) for runtime, took_s in zip(loaded, times, strict=True)}
            rows.append({"network": name, "batch": batch_size, "items": items} | speeds)
    return rows, [runtime.name for runtime in RUNTIMES if runtime not in installed]


def repeat_calls(call: NetworkCall, inputs: Sequence[Arrays]) -> Callable[[], object]:
    return lambda: [call(given) for given in inputs]


def check_agreement(loaded: dict[str, NetworkCall], inputs: Sequence[Arrays]) -> None:
    """Raise DisturbedError if a runtime's logits differ from those of the first: its speed would mean nothing."""
    first, *others = loaded
    for given in inputs:
        expected = loaded[first](given)
        for name in others:
            difference = float(np.abs(loaded[name](given) - expected).max())
            if difference > TOLERANCE:
                raise trust.DisturbedError(f"{name} disagrees with {first}: logits differ by {difference:.3g}.")


def time_in_turn(*jobs: Callable[[], object], seconds: float) -> list[float]:
    """Return the median time of each job in seconds. The jobs take turns, so a disturbance affects all of them."""
    times: list[list[float]] = [[] for _ in jobs]
    until = time.perf_counter() + seconds * len(jobs)
    while time.perf_counter() < until or len(times[-1]) < MIN_REPEATS:
        for job, taken in zip(jobs, times, strict=True):
            began_at = time.perf_counter()
            job()
            taken.append(time.perf_counter() - began_at)
    return [median(taken) for taken in times]
