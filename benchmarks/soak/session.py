"""A soak: cameras and viewers that come and go, a fault a minute, and samples of what every process holds."""

import json
import math
import os
import random
import re
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks.chaos.faults import HANG_S, QUEUE, QUEUE_S, WORKER_S, Fault, hang, kill, pause, terminate
from benchmarks.chaos.session import FaultResult, inject_fault, summarize_kind, to_number
from benchmarks.chaos.slow_viewers import connect_viewers
from benchmarks.chaos.victim import MB, STARTS_WITHIN_S, VictimPipeline, launch_victim
from benchmarks.environment import describe_environment
from benchmarks.soak.growth import History, Sample, summarize_growth
from shared.messaging.frame_store import STORE_NAME_LENGTH
from shared.messaging.shared_memory import FOLDER, PREFIX, list_memory
from shared.pipeline import WORKER_STAGES, Stage
from shared.telemetry.scraping import DIRECT, TIMEOUT_S, fetch, find_targets

SAMPLE_EVERY_S = 10.0
CHANGES = 4  # of the guest and the viewers, for each fault
SPARES = {str(stage): 2 for stage in WORKER_STAGES}  # the second of each is hurt, so that the first lives long
WORST_AT = ((0.25, QUEUE), (0.35, f"{Stage.DISPLAY}.1"))  # share of the time when these die; then they live to its end
VIEWERS = 3
STORE_FILE = re.compile(rf"{FOLDER}/{PREFIX}([0-9a-f]{{{STORE_NAME_LENGTH}}})")


@dataclass(slots=True)
class Soak:
    """What is known so far."""

    histories: defaultdict[str, History] = field(default_factory=lambda: defaultdict(History))
    results: list[FaultResult] = field(default_factory=list)
    files: list[int] = field(default_factory=list)  # in RUN_DIR, at each sample
    memory_files: list[int] = field(default_factory=list)  # of the pipeline's frame stores, in shared memory
    guests: int = 0
    viewers: int = 0
    readings: int = 0

    def has_held(self, processes: dict[str, dict[str, Any]]) -> bool:
        """Whether every process stayed as large as it was and every fault was mended in time."""
        is_in_time = all(result.has_recovered for result in self.results)
        is_clean = count_growth(self.files) <= 0 and count_growth(self.memory_files) <= 0
        return bool(processes) and is_in_time and is_clean and not any(row["problems"] for row in processes.values())


class SoakRunner:
    """Runs one pipeline for a time.

    Each period a worker is hurt, and CHANGES times a camera and some viewers leave and others come.
    """

    def __init__(
        self,
        chance: random.Random,
        tell: Callable[[str], None],
        *,
        cameras: int = 4,
        fps: float = 30.0,
        period_s: float = 60.0,
        patience: float = 1.0,
    ) -> None:
        self.soak = Soak()
        self._chance, self._tell = chance, tell
        self._cameras = ("demo", *(f"demo.{number}" for number in range(2, cameras + 1)))
        self._fps, self._period_s, self._patience = fps, period_s, patience
        self._faults = plan_faults(chance, f"{Stage.CAPTURE}.{self._cameras[-1]}")
        self._stores: set[str] = set()

    def run(self, seconds: float) -> Soak:
        """Run a pipeline until the time is over, or it does not recover."""
        with launch_victim(self._cameras, self._fps, SPARES) as victim, ExitStack() as viewers:
            if not victim.wait_until_read(time.monotonic(), STARTS_WITHIN_S):
                raise TimeoutError("the pipeline did not start")
            began_at = time.monotonic()
            worst = [(began_at + share * seconds, worker) for share, worker in WORST_AT]
            hurt_at = changes_at = sampled_at = began_at
            while (now := time.monotonic()) < began_at + seconds:
                if victim.has_ended():
                    self.soak.results.append(FaultResult("the pipeline ended", "end", 0.0, math.inf, "by itself"))
                    break
                if now >= sampled_at:
                    sampled_at = now + min(SAMPLE_EVERY_S, self._period_s / 4)
                    self._sample(victim)
                if now >= changes_at:
                    changes_at = now + self._period_s / CHANGES
                    self._change_guest(victim)
                    self._change_viewers(victim, viewers)
                if now >= hurt_at:
                    hurt_at = now + self._period_s
                    fault = next(self._faults)
                    if worst and now >= worst[0][0]:
                        worker = worst.pop(0)[1]
                        fault = Fault("kill", (worker,), QUEUE_S if worker == QUEUE else WORKER_S, kill)
                    self._hurt(victim, fault)
                time.sleep(0.1)
            self.soak.readings = victim.watcher.count_readings(began_at, time.monotonic())
        return self.soak

    def _sample(self, victim: VictimPipeline) -> None:
        now, sizes = time.monotonic(), measure_metrics(victim)
        for name, process in victim.find_processes().items():
            if ".guest-" in name:
                continue
            with suppress(psutil.Error):
                memory_mb = process.memory_full_info().uss / MB
                held = Sample(now, memory_mb, process.num_fds(), process.num_threads(), sizes.get(name, 0))
                self.soak.histories[name].add(process.pid, held)
            if name == QUEUE:
                self._stores |= find_stores(process)
        self.soak.files.append(sum(len(names) for _, _, names in os.walk(victim.run_dir)))
        self.soak.memory_files.append(sum(name[:STORE_NAME_LENGTH] in self._stores for name in list_memory()))

    def _change_guest(self, victim: VictimPipeline) -> None:
        """Take the guest away by the API, and let another come under a new name."""
        if self.soak.guests:
            request_api(victim, "DELETE", f"/api/cameras/guest-{self.soak.guests}")
        self.soak.guests += 1
        source = {"source": f"demo#fps={self._fps:g}"}
        request_api(victim, "PUT", f"/api/cameras/guest-{self.soak.guests}", source)

    def _change_viewers(self, victim: VictimPipeline, viewers: ExitStack) -> None:
        """Close the viewers' connections, and connect others, which read nothing: of the API and of the live view."""
        viewers.close()
        self.soak.viewers += viewers.enter_context(connect_viewers(victim.port, VIEWERS))

    def _hurt(self, victim: VictimPipeline, fault: Fault) -> None:
        recovery = inject_fault(victim, fault)
        bound_s = fault.bound_s * self._patience
        result = FaultResult(str(fault), fault.kind, bound_s, recovery.took_s, recovery.problem)
        self.soak.results.append(result)
        verdict = "ok" if result.has_recovered else recovery.problem or "LATE"
        self._tell(f"{result.fault:40} {result.recovery_s:5.2f} s of {bound_s:4.1f}  {verdict}")


def plan_faults(chance: random.Random, camera: str) -> Iterator[Fault]:
    """Yield faults without end: spare workers and a camera are hurt in each way, others stop for a moment."""
    targets = [*(f"{stage}.2" for stage in WORKER_STAGES), camera]
    ways = (("kill", WORKER_S, kill), ("term", WORKER_S, terminate), ("hang", HANG_S, hang))
    while True:
        faults = [Fault(kind, (target,), bound_s, inject) for target in targets for kind, bound_s, inject in ways]
        faults += [Fault("stop", (f"{stage}.1",), WORKER_S, pause) for stage in (Stage.DISPLAY, *WORKER_STAGES)]
        chance.shuffle(faults)
        yield from faults


def find_stores(queue: psutil.Process) -> set[str]:
    """Return the names of the frame stores that a queue has mapped."""
    with suppress(OSError):
        return set(STORE_FILE.findall(Path(f"/proc/{queue.pid}/maps").read_text()))
    return set()


def measure_metrics(victim: VictimPipeline) -> dict[str, int]:
    """Return how many bytes /metrics has, by worker."""
    sizes = {}
    for target in find_targets(victim.run_dir):
        with suppress(OSError):
            sizes[target.worker] = len(fetch(target, "/metrics", TIMEOUT_S)[1])
    return sizes


def request_api(victim: VictimPipeline, method: str, path: str, body: dict[str, str] | None = None) -> None:
    """Send a request; one that fails since the display is away is not repeated."""
    data, headers = (json.dumps(body).encode(), {"Content-Type": "application/json"}) if body else (None, {})
    address = f"http://127.0.0.1:{victim.port}{path}"
    with suppress(OSError):
        DIRECT.open(urllib.request.Request(address, data, headers, method=method), timeout=2.0).close()


def summarize(soak: Soak, seconds: float, seed: int, cameras: int, fps: float) -> dict[str, Any]:
    """Return the soak as one JSON object."""
    processes = summarize_growth(soak.histories)
    kinds: defaultdict[str, list[FaultResult]] = defaultdict(list)
    for result in soak.results:
        kinds[result.kind].append(result)
    return {
        "seed": seed,
        "seconds": seconds,
        "cameras": cameras,
        "fps": fps,
        "faults": len(soak.results),
        "recovered": sum(result.has_recovered for result in soak.results),
        "worst_recovery_s": to_number(max((result.recovery_s for result in soak.results), default=0.0)),
        "readings": soak.readings,
        "guests": soak.guests,
        "viewers": soak.viewers,
        "files_grown": count_growth(soak.files),
        "memory_files_grown": count_growth(soak.memory_files),
        "kinds": {kind: summarize_kind(results) for kind, results in sorted(kinds.items())},
        "failures": [f"{one.fault}: {one.problem or 'late'}" for one in soak.results if not one.has_recovered],
        "processes": processes,
        "has_held": soak.has_held(processes),
        "load": round(os.getloadavg()[0], 1),
        "environment": describe_environment(),
    }


def count_growth(counts: Sequence[int]) -> int:
    """Return by how much the median of the last third is above that of the first."""
    third = max(1, len(counts) // 3)
    return round(median(counts[-third:]) - median(counts[:third])) if counts else 0
