"""Runs a peer's processes on the films, and measures what they read, how old it was, and what it cost."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil

from benchmarks import spending, trust
from benchmarks.figures import fairness, percentile_ms
from benchmarks.peers import Peer
from benchmarks.peers.place import Place, Role, Sample, samples
from benchmarks.running import end_all, free_port
from benchmarks.watching import SETTLE_S, START_WITHIN_S
from digitcam.supervisor import ONE_THREAD

MB = 1e6
LOOK_S = 0.1


class SilentPeerError(Exception):
    """A peer that did not read every camera; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Load:
    """What peers are measured on: films, for how long, by how many workers, and the environment of a slow stage."""

    films: tuple[Path, ...]
    fps: float
    seconds: float
    workers: int
    slow: Mapping[str, str] = field(default_factory=dict)


def measure(peer: Peer, load: Load) -> dict[str, Any]:
    """A row of the table. Raises UntrustedError where it was disturbed, SilentPeerError where a peer does not read."""
    with tempfile.TemporaryDirectory(prefix="digitcam-") as folder:
        place = choose_place(folder, load)
        with running(peer, place, load.slow) as roots:
            wait_for_all(peer, place, roots)
            time.sleep(SETTLE_S)
            before, cores, start = spending.look(*roots), trust.Cores(), time.monotonic()
            time.sleep(load.seconds)
            end, after = time.monotonic(), spending.look(*roots)
            cpu = spending.cpu_rates(before, after)
            trust.check_cores(cores.shares(sum(cpu.values()) * (after.at - before.at))[0])
            pss_bytes = spending.measure_pss(*roots)
        seen = [sample for sample in samples(Path(folder)) if start <= sample.done_at < end]
    shown = report(peer, seen, cameras=len(load.films), due=(end - start) * load.fps * len(load.films))
    return shown | spent(cpu, after, pss_bytes, len(seen) / (end - start))


def choose_place(folder: str, load: Load) -> Place:
    """A place with free ports."""
    cameras = len(load.films)
    ports = tuple(free_port() for _ in range(cameras + load.workers))
    return Place(folder, tuple(map(str, load.films)), load.workers, ports[:cameras], ports[cameras:])


@contextmanager
def running(peer: Peer, place: Place, slow: Mapping[str, str]) -> Iterator[list[psutil.Popen]]:
    """The processes of a peer, ended with everything below them."""
    roles: dict[str, Role] = import_module(f"benchmarks.peers.{peer.module}").ROLES
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | ONE_THREAD | {"PATH": here} | dict(slow)
    roots: list[psutil.Popen] = []
    try:
        with (Path(place.folder) / "log").open("w") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            for name, number in [(name, n) for name, role in roles.items() for n in range(place.count(role.each))]:
                words = [peer.module, name, str(number), place.to_json()]
                command = [sys.executable, "-m", "benchmarks.peers.run", *words]
                roots.append(psutil.Popen(command, env=environment, **streams))
        yield roots
    finally:
        end_all(spending.families(roots))


def wait_for_all(peer: Peer, place: Place, roots: Sequence[psutil.Popen]) -> None:
    """Wait until a picture of every camera has been read."""
    until = time.monotonic() + START_WITHIN_S
    while len({sample.camera for sample in samples(Path(place.folder))}) < len(place.films):
        if time.monotonic() > until or any(root.poll() is not None for root in roots):
            said = (Path(place.folder) / "log").read_text().strip().splitlines()
            raise SilentPeerError(f"{peer.name} does not read all cameras: {said[-1] if said else 'no word why'}")
        time.sleep(LOOK_S)


def report(peer: Peer, seen: Sequence[Sample], cameras: int, due: float) -> dict[str, Any]:
    """What was read, and how old it was when its digits were known. Who catches up may read more than was due."""
    ages = [sample.done_at - sample.due_at for sample in seen]
    tail = percentile_ms(ages, 99) if len(ages) >= trust.FEWEST_SAMPLES else None
    return {
        "name": peer.name,
        "frames": len(seen),
        "read_share": round(len(seen) / due, 4),
        "age_p50_ms": percentile_ms(ages, 50),
        "age_p99_ms": tail,  # None of too few
        "fairness": round(fairness([sum(sample.camera == camera for sample in seen) for camera in range(cameras)]), 4),
    }


def spent(cpu: Mapping[str, float], after: spending.Spending, pss_bytes: int, fps: float) -> dict[str, Any]:
    """What it cost."""
    cpu_s = sum(share for part, share in cpu.items() if part != "bench")
    return {
        "fps": round(fps, 1),
        "cpu_ms_per_frame": round(1000 * cpu_s / fps, 3) if fps else None,
        "rss_total_mb": round(sum(after.rss_bytes.values()) / MB, 1),
        "pss_total_mb": round(pss_bytes / MB, 1),
    }
