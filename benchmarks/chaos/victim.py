"""The pipeline that is hurt: its processes by name, their resources, and its counters."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.chaos.clock import WallClock, make_wall_clock
from benchmarks.chaos.reading_watcher import ReadingWatcher
from benchmarks.launcher import RunningPipeline, launch_pipeline
from shared.pipeline import Stage
from shared.service.signals import SUPERVISED_FLAG, scrape_target_path
from shared.telemetry.scraping import MetricSample, find_targets, scrape_process

CAMERAS = ("demo", "demo.2", "demo.3", "demo.4")
OTHERS = tuple(f"{stage}.1" for stage in Stage if stage not in {Stage.CAPTURE, Stage.PROMETHEUS})
WORKERS = (*(f"{Stage.CAPTURE}.{camera}" for camera in CAMERAS), *OTHERS)
STARTS_WITHIN_S = 60.0  # from a cold disk
HONCHO, HELPER, SUPERVISOR = "honcho", "helper", "supervisor"
MB = 1e6


@dataclass(frozen=True, slots=True)
class Account:
    """How the frames ended that the queue has taken."""

    frames: int = 0
    readings: int = 0
    drops: int = 0

    def __add__(self, other: "Account") -> "Account":
        return Account(self.frames + other.frames, self.readings + other.readings, self.drops + other.drops)

    @property
    def unaccounted(self) -> int:
        return abs(self.frames - self.readings - self.drops)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process holds."""

    descriptors: int
    memory_mb: float


class VictimPipeline:
    """A running pipeline of demo cameras, and what watches it."""

    def __init__(
        self, pipeline: RunningPipeline, clock: WallClock, cameras: Sequence[str] = CAMERAS, fps: float = 30.0
    ) -> None:
        self._pipeline = pipeline
        self.clock = clock
        self._workers = {*(f"{Stage.CAPTURE}.{camera}" for camera in cameras), *OTHERS}
        self.run_dir, self.port = pipeline.settings.run_dir, pipeline.settings.web_port
        self.honcho = psutil.Process(pipeline.honcho.pid)
        self.watcher = ReadingWatcher(self.port, cameras, fps)

    def close(self) -> None:
        """Watch no longer, and resume each process that is stopped: it could not end in order."""
        self.watcher.close()
        for process in self.list_processes():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def list_processes(self) -> list[psutil.Process]:
        """Return every process of this pipeline, orphans too: those whose environment has its RUN_DIR."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_ours = process.environ().get("RUN_DIR") == str(self.run_dir)
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def find_processes(self) -> dict[str, psutil.Process]:
        """Return processes by name: inference.1, supervisor.inference, helper.inference (of honcho), honcho."""
        found = {}
        for process in self.list_processes():
            with suppress(psutil.Error, IndexError):  # it ends just now
                found[self._name_process(process)] = process
        found.pop("", None)
        return found

    def _name_process(self, process: psutil.Process) -> str:
        words = process.cmdline()
        if SUPERVISED_FLAG in words:
            return f"{words[2].removeprefix('services.')}.{words[3]}"
        if process.pid == self.honcho.pid:
            return HONCHO
        if words == self.honcho.cmdline():
            lines = process.children()  # digitcam run, or the shell before it; none while it ends
            return f"{HELPER}.{lines[0].cmdline()[-1].split()[-1]}" if lines else ""
        return f"{SUPERVISOR}.{words[-1]}" if words[-2:-1] == ["run"] and "sh" not in words[0] else ""

    def has_ended(self) -> bool:
        """Return whether honcho has ended; nobody waits for it before the end of a session."""
        return not self.honcho.is_running() or self.honcho.status() == psutil.STATUS_ZOMBIE

    def has_target(self, worker: str) -> bool:
        """Return whether the scrape target of a worker is there."""
        return scrape_target_path(self.run_dir, worker).exists()

    def is_complete(self) -> bool:
        """Return whether every process runs and none is stopped."""
        processes = self.find_processes()
        try:
            is_running = all(process.status() != psutil.STATUS_STOPPED for process in processes.values())
        except psutil.NoSuchProcess:  # it ends just now
            return False
        return is_running and self._workers <= processes.keys()

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> float:
        """Return after how many seconds the condition held; infinity if it did not."""
        began_at = time.monotonic()
        while time.monotonic() - began_at < timeout_s:
            if condition():
                return time.monotonic() - began_at
            time.sleep(0.02)
        return float("inf")

    def wait_until_read(self, since: float, timeout_s: float) -> bool:
        """Return whether all cameras are read within this time."""
        return self.wait(lambda: self.watcher.is_reading(time.monotonic(), since), timeout_s) <= timeout_s

    def measure_resources(self) -> dict[str, Resources]:
        """Return what each process holds, by name."""
        found = {}
        for name, process in self.find_processes().items():
            with suppress(psutil.Error):
                found[name] = Resources(process.num_fds(), process.memory_info().rss / MB)
        return found

    def audit(self) -> Account:
        """Return the account of the queue's life so far. The cameras are stopped until all frames have ended."""
        captures = [process for name, process in self.find_processes().items() if name.startswith(Stage.CAPTURE)]
        for capture in captures:
            capture.suspend()
        time.sleep(0.8)  # MAX_AGE_S, and the turn of the queue; a stopped process is replaced after 2.5 s
        try:
            samples = [
                sample
                for target in find_targets(self.run_dir)
                if target.worker == f"{Stage.QUEUE}.1"
                for sample in scrape_process(target).samples
            ]
        finally:
            for capture in captures:
                with suppress(psutil.NoSuchProcess):
                    capture.resume()
        return Account(**{name: sum_samples(samples, f"digitcam_{name}_total") for name in Account.__slots__})


def sum_samples(samples: Sequence[MetricSample], name: str) -> int:
    """Return the sum of a counter over all its labels."""
    return int(sum(sample.value for sample in samples if sample.name == name))


@contextmanager
def launch_victim(
    cameras: Sequence[str] = CAMERAS,
    fps: float = 30.0,
    workers: Mapping[str, int] | None = None,
    delays_s: Mapping[Stage, float] | None = None,
) -> Iterator[VictimPipeline]:
    """Run a pipeline with a folder and ports of its own until the block ends; cameras are demo, demo.2 and so on.

    delays_s says how much later than the others some lines start.
    """
    words = [Path(f"demo#fps={fps:g}")] * len(cameras)
    lines = {
        str(stage): f"sleep {delay_s:.1f} && exec digitcam run {stage}" for stage, delay_s in (delays_s or {}).items()
    }
    with ExitStack() as stack:
        clock = stack.enter_context(make_wall_clock())
        settings = clock.environment()
        pipeline = stack.enter_context(launch_pipeline(words, workers=workers, lines=lines, settings=settings))
        yield stack.enter_context(closing(VictimPipeline(pipeline, clock, cameras, fps)))
