"""digitcam bench inference: what reading pages costs beside the bare networks, and what else could run those.

The bare call gets exactly the arrays that the reader gave its networks for the same pages, in one batch as well.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks import trust
from benchmarks.bench_films import BenchFilm, cache_folder, load_jpegs, make_film
from benchmarks.runtimes import RUNTIMES, Arrays, Call, load_onnx
from services.inference import read_batch
from services.preprocess import preprocess_frame
from shared.messaging.messages import Frame, GrayFrame
from shared.networks.runtimes import OnnxNetwork
from shared.settings import Settings, load_settings
from shared.vision.recognizer import load_recognizer

SIZES = (1, 2, 4, 8, 16, 32)  # pages
CAMERAS = 8  # so many films take turns in a batch
FEWEST = 5  # repetitions
TOLERANCE = 1e-2  # of logits, among runtimes that all compute in 32 bits

Calls = list[tuple[str, Arrays]]  # the network's name, and what it was given


def bench(digits: int, seconds: float) -> dict[str, Any]:
    """A row for each batch size, and one for each network and runtime at it. Raises UntrustedError."""
    cv2.setNumThreads(1)
    settings, cores, began = load_settings(), trust.Cores(), time.process_time()
    pages = make_pages(digits, max(SIZES), settings)
    batches = {size: pages[:size] for size in SIZES}
    calls = {size: record_calls(batch, settings) for size, batch in batches.items()}
    worker = [bench_worker(batch, calls[size], settings, seconds) for size, batch in batches.items()]
    runtimes, missing = bench_runtimes(calls, settings.models, seconds)
    trust.check_cores(cores.shares(time.process_time() - began)[0])
    return {"digits": digits, "worker": worker, "runtimes": runtimes, "not_installed": missing}


def make_pages(digits: int, count: int, settings: Settings) -> list[GrayFrame]:
    """Pages of several cameras, in turn."""
    films = [load_jpegs(make_film(BenchFilm(seed, 30.0, digits), cache_folder())) for seed in range(CAMERAS)]
    jpegs = [films[n % CAMERAS][n // CAMERAS] for n in range(count)]
    frames = [
        Frame(camera="bench", seq=seq, captured_at=0.0, every_frame=False, jpeg=jpeg) for seq, jpeg in enumerate(jpegs)
    ]
    pages = [preprocess_frame(frame, settings.long_side_px) for frame in frames]
    return [page for page in pages if isinstance(page, GrayFrame)]


def record_calls(pages: Sequence[GrayFrame], settings: Settings) -> Calls:
    """What the reader gives its networks for these pages."""
    with overheard() as calls:
        read_batch(load_recognizer(settings.models, "onnx", "cpu"), pages)
    return calls


@contextmanager
def overheard() -> Iterator[Calls]:
    """Every call of a network in ONNX Runtime, while this lasts."""
    calls: Calls = []
    answer = OnnxNetwork.__call__

    def listen(network: OnnxNetwork, inputs: Arrays) -> Arrays:
        calls.append((network.name, np.ascontiguousarray(inputs)))
        return answer(network, inputs)

    with patch.object(OnnxNetwork, "__call__", listen):
        yield calls


def bench_worker(pages: Sequence[GrayFrame], calls: Calls, settings: Settings, seconds: float) -> dict[str, Any]:
    """Pages and digits a second as the inference worker reads them, and as the bare networks would allow."""
    reader = load_recognizer(settings.models, "onnx", "cpu")
    bare = {name: load_onnx(settings.models / f"{name}.onnx") for name in {name for name, _ in calls}}
    digits = sum(len(reading.digits) for reading in read_batch(reader, pages))
    read_s, bare_s = time_in_turn(
        lambda: read_batch(reader, pages), lambda: [bare[name](inputs) for name, inputs in calls], seconds=seconds
    )
    return {
        "pages": len(pages),
        "pages_per_s": round(len(pages) / read_s, 1),
        "digits_per_s": round(digits / read_s, 1),
        "bare_pages_per_s": round(len(pages) / bare_s, 1),
        "share_of_bare": round(bare_s / read_s, 3),
    }


def bench_runtimes(calls: dict[int, Calls], models: Path, seconds: float) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each network, batch size and runtime, and the runtimes that are not installed."""
    there = [runtime for runtime in RUNTIMES if runtime.is_there]
    rows: list[dict[str, Any]] = []
    for name in sorted({name for batch in calls.values() for name, _ in batch}):
        files = {runtime: models / f"{name}{runtime.suffix}" for runtime in there}
        loaded = {runtime.name: runtime.load(file) for runtime, file in files.items() if file.exists()}
        for pages, batch in calls.items():
            inputs = [given for called, given in batch if called == name]
            compare(loaded, inputs)
            times = time_in_turn(*(replay(call, inputs) for call in loaded.values()), seconds=seconds)
            items = sum(map(len, inputs))
            speeds = {runtime: round(items / took, 1) for runtime, took in zip(loaded, times, strict=True)}
            rows.append({"network": name, "pages": pages, "items": items} | speeds)
    return rows, [runtime.name for runtime in RUNTIMES if runtime not in there]


def replay(call: Call, inputs: Sequence[Arrays]) -> Callable[[], object]:
    """A function that gives a network all of its inputs once more."""
    return lambda: [call(given) for given in inputs]


def compare(loaded: dict[str, Call], inputs: Sequence[Arrays]) -> None:
    """Raise UntrustedError where a runtime does not answer as the first does: it would be fast at something else."""
    first, *others = loaded
    for given in inputs:
        answer = loaded[first](given)
        for name in others:
            apart = float(np.abs(loaded[name](given) - answer).max())
            if apart > TOLERANCE:
                raise trust.UntrustedError(f"{name} answers otherwise than {first} does: logits differ by {apart:.3g}.")


def time_in_turn(*jobs: Callable[[], object], seconds: float) -> list[float]:
    """The median time of each job, in seconds; they take turns, so that what disturbs one disturbs all."""
    times: list[list[float]] = [[] for _ in jobs]
    until = time.perf_counter() + seconds * len(jobs)
    while time.perf_counter() < until or len(times[-1]) < FEWEST:
        for job, taken in zip(jobs, times, strict=True):
            began = time.perf_counter()
            job()
            taken.append(time.perf_counter() - began)
    return [median(taken) for taken in times]
