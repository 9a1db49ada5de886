"""The steps of the check: each measures or compares one thing, and returns facts for the file."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.gpu_check.children import end_child, read_line, start_child, write_line
from benchmarks.gpu_check.comparison import Facts, compare, count_same
from shared.demo.camera import DemoCamera
from shared.networks.runtimes import CUDA_PROVIDER, count_free_gpu_bytes
from shared.telemetry.processor import find_processor
from shared.vision.fused.decoding import decode_by_nvjpeg, decode_pages
from shared.vision.fused.recognizer import FusedRecognizer
from shared.vision.gray_frame import Gray, as_uint8, make_gray_frame
from shared.vision.jpeg import decode_checked
from shared.vision.recognizer import FrameRecognizer, load_recognizer

MODELS = Path(__file__).parents[2] / "models"
CAMERA_PX, PHOTO_PX = 480, 640  # long sides of gray frames
PICTURES = (".jpg", ".jpeg", ".png")
PROFILED_KERNELS = 12

open_camera = cache(DemoCamera)  # drawing its desk takes a while


@dataclass
class GpuCheck:
    """The steps, and what they share. Each returns facts for the file."""

    small: bool
    photos: Sequence[Path]
    limit_s: float
    began_at: float = field(default_factory=time.monotonic)

    @property
    def device(self) -> str:
        return "cuda" if torch.cuda.is_available() else "cpu"

    @property
    def measured_s(self) -> float:
        """How long one figure is measured."""
        return 0.02 if self.small else 0.7

    @cached_property
    def frames(self) -> list[Gray]:
        """Gray frames of several demo cameras."""
        return [make_gray_frame(self.draw(n), CAMERA_PX)[0] for n in range(4 if self.small else 192)]

    @cached_property
    def jpegs(self) -> list[bytes]:
        return [cv2.imencode(".jpg", self.draw(n))[1].tobytes() for n in range(2 if self.small else 64)]

    @cached_property
    def shipped(self) -> FrameRecognizer:
        return load_recognizer(MODELS, "onnx", "cpu")

    @cached_property
    def on_device(self) -> FrameRecognizer:
        return load_recognizer(MODELS, "torch", self.device)

    @cached_property
    def fused(self) -> FusedRecognizer:
        return FusedRecognizer(self.on_device)

    @staticmethod
    def draw(number: int) -> Gray:
        return open_camera(number % 16).render(1.0 + number // 16 / 3)[0]

    def take(self, items: Sequence[Any], count: int) -> list[Any]:
        return [items[n % len(items)] for n in range(count)]

    def machine(self) -> Facts:
        facts: Facts = {
            "device": torch.cuda.get_device_name() if self.device == "cuda" else "no GPU",
            "processor": f"{find_processor()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "opencv": cv2.__version__,
        }
        if self.device == "cuda":
            facts |= {"free_gpu_bytes": count_free_gpu_bytes(), "cuda": torch.version.cuda}
            facts["driver"] = run_text("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        return facts

    def prepare(self) -> Facts:
        """Capture the graphs of all batch sizes, as a worker does at its start."""
        began_at = time.perf_counter()
        self.fused.prepare((CAMERA_PX * 3 // 4, CAMERA_PX))
        took_s = time.perf_counter() - began_at
        memory = {"reserved_bytes": torch.cuda.memory_reserved()} if self.device == "cuda" else {}
        return {"load_and_capture_s": round(took_s, 2)} | memory

    def same_on_demo_frames(self) -> Facts:
        return compare(self.shipped, self.fused, [(f"demo {n}", frame) for n, frame in enumerate(self.frames)])

    def same_on_photographs(self) -> Facts:
        paths = [path for folder in self.photos for path in sorted(folder.iterdir()) if path.suffix in PICTURES]
        named = list(load_grays(paths[:2] if self.small else paths))
        return compare(self.shipped, self.fused, named) if named else {"skipped": "no --photos"}

    def same_from_jpegs(self) -> Facts:
        """Compare what is decoded on the device with what the pipeline decodes."""
        grays = [make_gray_frame(decode_checked(jpeg, "GRAY"), CAMERA_PX)[0] for jpeg in self.jpegs]
        pages = [
            page.cpu().numpy() for page in decode_pages(self.jpegs, CAMERA_PX, self.fused.device) if page is not None
        ]
        off = [int(np.abs(gray.astype(int) - page).max()) for gray, page in zip(grays, pages, strict=True)]
        read = [reading[0] for reading in self.fused.read_jpegs(self.jpegs, CAMERA_PX) if reading is not None]
        counts, _ = count_same(self.shipped.read(grays), read)
        return counts | {"largest_difference_of_gray_levels": max(off)}

    def batch_sweep(self) -> Iterator[Facts]:
        """Yield frames/s and latency by batch size: gray frames in, digits out."""
        eager = FusedRecognizer(self.on_device, use_graphs=False)
        for size in (1, 2) if self.small else (1, 2, 4, 8, 16, 32, 64):
            frames = self.take(self.frames, size)
            row: Facts = {"batch": size, "graphs": self.measure(partial(self.fused.read, frames), size)}
            if not self.small and size in {1, 8, 64}:
                row["no_graphs"] = self.measure(partial(eager.read, frames), size)
            yield row

    def two_streams(self) -> Iterator[Facts]:
        """Yield frames/s of many frames at once: they go in batches of 64 over two streams."""
        for size in (3,) if self.small else (128, 256):
            frames = self.take(self.frames, size)
            yield {"frames": size} | self.measure(partial(self.fused.read, frames), size)

    def decode(self) -> Iterator[Facts]:
        one = self.take(self.jpegs, 4)
        yield {"cpu_thread": self.measure(lambda: [decode_checked(jpeg, "GRAY") for jpeg in one], len(one))}
        if self.device == "cuda":
            for size in (1, 16, 64, 256):
                jpegs = self.take(self.jpegs, size)
                yield {"batch": size, "nvjpeg": self.measure(partial(self.decode_once, jpegs), size)}

    def decode_once(self, jpegs: Sequence[bytes]) -> None:
        pictures = decode_by_nvjpeg(jpegs, self.fused.device)
        if any(picture is None or not picture.is_cuda for picture in pictures):
            raise RuntimeError("nvJPEG did not decode all pictures")
        torch.cuda.synchronize()

    def jpegs_to_digits(self) -> Iterator[Facts]:
        for size in (2,) if self.small else (1, 16, 64, 256):
            jpegs = self.take(self.jpegs, size)
            yield {"batch": size} | self.measure(partial(self.fused.read_jpegs, jpegs, CAMERA_PX), size)

    def where_time_goes(self) -> Iterator[Facts]:
        """Yield the host's and the device's time for one batch, and the kernels that take most of it."""
        frames = self.take(self.frames, 1 if self.small else 64)
        activities = [torch.profiler.ProfilerActivity.CPU]
        activities += [torch.profiler.ProfilerActivity.CUDA] if self.device == "cuda" else []
        eager = FusedRecognizer(self.on_device, use_graphs=False)
        eager.read(frames)
        with torch.profiler.profile(activities=activities) as profile:
            eager.read(frames)
        events = [event for event in profile.key_averages() if self.is_on_device(event)]
        kind = "self_device_time_total" if self.device == "cuda" else "self_cpu_time_total"
        spent = sorted(((getattr(event, kind) / 1000, event.count, event.key[:80]) for event in events), reverse=True)
        kernels = sum(calls for ms, calls, _ in spent if ms > 0)
        yield {"frames": len(frames), "device_ms": round(sum(ms for ms, *_ in spent), 2), "kernels": kernels}
        yield from ({"kernel": key, "ms": round(ms, 3), "calls": calls} for ms, calls, key in spent[:PROFILED_KERNELS])

    def is_on_device(self, event: Any) -> bool:
        """Return whether a row of the profile is the device's; on a GPU, those of the host contain them once more."""
        return self.device == "cpu" or str(event.device_type).endswith("CUDA")

    def shipped_on_cpu(self) -> Facts:
        """Measure the shipped recognizer on one core of this machine, for comparison."""
        frames = self.take(self.frames, 2 if self.small else 16)
        return {"batch": len(frames)} | self.measure(lambda: self.shipped.read(frames), len(frames))

    def several_processes(self) -> Iterator[Facts]:
        """Yield frames/s of several processes that share the device, each with batches of 16."""
        for count in (1,) if self.small else (1, 2, 4, 8):
            began_at = time.monotonic()
            command = [sys.executable, "-m", "benchmarks.gpu_check", "--process"] + ["--small"] * self.small
            children = [start_child(command) for _ in range(count)]
            try:
                ready = [read_line(child) for child in children]
                started_s = time.monotonic() - began_at
                for child in children:
                    write_line(child, "go")
                rates = [float(read_line(child)) for child in children if all(ready)]
            finally:
                for child in children:
                    end_child(child)
            yield {"processes": count, "frames_per_s": round(sum(rates)), "ready_after_s": round(started_s, 1)}

    def worker(self) -> Iterator[Facts]:
        """Yield frames/s of the inference worker's own code, messages in and out, without its sockets."""
        from benchmarks.gpu_check.worker import WorkerBench  # noqa: PLC0415 - needs pyzmq and msgspec

        bench = WorkerBench(self.device, self.frames[0].shape)
        for size in (1,) if self.small else (1, 16, 64):
            frames = self.take(self.frames, size)
            yield {"batch": size} | self.measure(partial(bench.answer, frames), size)

    def pipeline(self) -> Iterator[Facts]:
        """Yield figures of `digitcam bench pipeline` with one inference worker, on this device and on the CPU."""
        if self.small:
            yield {"skipped": "it takes half a minute"}
            return
        for device in (self.device, "cpu"):
            command = [sys.executable, "-m", "digitcam", "bench", "pipeline", "--json", "--cameras", "16"]
            command += ["--fps", "40", "--seconds", "6", "--inference", "1", "--preprocess", "4"]
            child = start_child(command, {"BACKEND": "torch" if device == "cuda" else "onnx", "DEVICE": device})
            try:
                output, errors = child.communicate(timeout=max(5.0, self.left_s() - 5))
            finally:
                end_child(child)
            report = json.loads(output) if output else {"error": errors[-2000:]}
            yield {"device": device} | {name: value for name, value in report.items() if not isinstance(value, list)}

    def onnx_runtime(self) -> Facts:
        """Read with the same .onnx files on ONNX Runtime's CUDA provider, where it is installed."""
        import onnxruntime  # noqa: PLC0415 - each step imports what it needs

        providers = onnxruntime.get_available_providers()
        if CUDA_PROVIDER not in providers:
            return {"version": onnxruntime.__version__, "providers": providers, "skipped": "no CUDA provider"}
        recognizer = load_recognizer(MODELS, "onnx", "cuda")
        frames = self.take(self.frames, 16)
        counts, _ = count_same(self.shipped.read(frames), recognizer.read(frames))
        return counts | self.measure(lambda: recognizer.read(frames), len(frames))

    def left_s(self) -> float:
        return self.began_at + self.limit_s - time.monotonic()

    def measure(self, job: Callable[[], object], items: int) -> Facts:
        """Return items a second and the latency of a call, after two calls that are not counted."""
        for _ in range(2):
            job()
        times: list[float] = []
        until = time.perf_counter() + self.measured_s
        while time.perf_counter() < until or len(times) < 3:
            began_at = time.perf_counter()
            job()
            times.append(time.perf_counter() - began_at)
        p50, p99 = np.percentile(times, (50, 99)) * 1000
        rate = items * len(times) / sum(times)
        return {"per_s": round(rate, 1), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3), "n": len(times)}


Step = Callable[[GpuCheck], Facts | Iterator[Facts]]
STEPS: Sequence[Step] = (
    GpuCheck.machine,
    GpuCheck.prepare,
    GpuCheck.same_on_demo_frames,
    GpuCheck.batch_sweep,
    GpuCheck.two_streams,
    GpuCheck.same_on_photographs,
    GpuCheck.same_from_jpegs,
    GpuCheck.decode,
    GpuCheck.jpegs_to_digits,
    GpuCheck.where_time_goes,
    GpuCheck.shipped_on_cpu,
    GpuCheck.worker,
    GpuCheck.several_processes,
    GpuCheck.onnx_runtime,
    GpuCheck.pipeline,
)


def load_grays(paths: Sequence[Path]) -> Iterator[tuple[str, Gray]]:
    """Yield pictures in gray with their names; those that can't be read are left out."""
    for path in paths:
        picture = cv2.imread(str(path))  # FFmpeg, which reads other files too, may be missing here
        if picture is None:
            print(f"{path} can't be read", file=sys.stderr)
        else:
            yield path.name, make_gray_frame(as_uint8(picture), PHOTO_PX)[0]


def run_text(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
