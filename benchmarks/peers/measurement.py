"""Runs a peer's processes on the films, and measures the frames read, their age and their cost."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import psutil

from benchmarks import trust
from benchmarks.launcher import find_free_port, stop_processes
from benchmarks.measurement import SETTLE_S, START_WITHIN_S
from benchmarks.peers import Peer
from benchmarks.peers.receiver import PeerReading, ReadingReceiver
from benchmarks.peers.setup import PeerSetup, Role
from benchmarks.stats import compute_fairness, compute_percentile_ms
from benchmarks.trust import Row
from benchmarks.usage import ProcessUsage, compute_cpu_rates, list_process_trees, measure_pss, measure_usage
from digitcam.supervisor import ONE_THREAD

MB = 1e6
POLL_S = 0.1


class SilentPeerError(Exception):
    """A peer did not read every camera; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLoad:
    """Films, duration and number of workers for a peer, and the environment of a slow stage."""

    films: tuple[Path, ...]
    fps: float
    seconds: float
    workers: int
    slow_environment: Mapping[str, str] = field(default_factory=dict)


def measure_peer(peer: Peer, load: PeerLoad) -> Row:
    """Measure a peer once and return its row of the table. Raises SilentPeerError if it does not read."""
    with tempfile.TemporaryDirectory(prefix="digitcam-") as folder, closing(ReadingReceiver()) as receiver:
        setup = choose_setup(folder, load, receiver.address)
        with run_peer(peer, setup, load.slow_environment) as roots:
            wait_for_readings(peer, setup, roots, receiver)
            time.sleep(SETTLE_S)
            before, cores, start = measure_usage(*roots), trust.CoreUsage(), time.monotonic()
            time.sleep(load.seconds)
            end, after = time.monotonic(), measure_usage(*roots)
            cpu = compute_cpu_rates(before, after)
            others, _ = cores.shares(sum(cpu.values()) * (after.at - before.at))
            pss_bytes = measure_pss(*roots)
        readings = [reading for reading in receiver.readings if start <= reading.received_at < end]
    row = make_row(peer, readings, cameras=len(load.films), due=(end - start) * load.fps * len(load.films))
    cost = make_cost_columns(cpu, after, pss_bytes, len(readings) / (end - start))
    return row | cost | {"others": round(others, 3), "untrusted": trust.judge_cores(others)}


def choose_setup(folder: str, load: PeerLoad, viewer: str) -> PeerSetup:
    """Return a setup with free ports."""
    return PeerSetup(
        folder=folder,
        films=tuple(map(str, load.films)),
        workers=load.workers,
        camera_ports=tuple(find_free_port() for _ in load.films),
        worker_ports=tuple(find_free_port() for _ in range(load.workers)),
        viewer=viewer,
    )


@contextmanager
def run_peer(peer: Peer, setup: PeerSetup, slow_environment: Mapping[str, str]) -> Iterator[list[psutil.Popen]]:
    """Run the processes of a peer until the block ends."""
    roles: dict[str, Role] = import_module(f"benchmarks.peers.{peer.module}").ROLES
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | ONE_THREAD | {"PATH": path} | dict(slow_environment)
    roots: list[psutil.Popen] = []
    try:
        with (Path(setup.folder) / "log").open("w") as log:
            for name, role in roles.items():
                for number in range(setup.count_processes(role.one_per)):
                    words = [peer.module, name, str(number), setup.to_json()]
                    command = [sys.executable, "-m", "benchmarks.peers.run", *words]
                    streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
                    roots.append(psutil.Popen(command, env=environment, **streams))
        yield roots
    finally:
        stop_processes(list_process_trees(roots))


def wait_for_readings(peer: Peer, setup: PeerSetup, roots: Sequence[psutil.Popen], receiver: ReadingReceiver) -> None:
    """Wait until a frame of every camera has been read. Raises SilentPeerError."""
    until = time.monotonic() + START_WITHIN_S
    while len({reading.camera for reading in receiver.readings}) < len(setup.films):
        if time.monotonic() > until or any(root.poll() is not None for root in roots):
            lines = (Path(setup.folder) / "log").read_text().strip().splitlines()
            reason = lines[-1] if lines else "its log is empty"
            raise SilentPeerError(f"{peer.name} does not read all cameras: {reason}")
        time.sleep(POLL_S)


def make_row(peer: Peer, readings: Sequence[PeerReading], cameras: int, due: float) -> Row:
    """Return frames read and their ages until the bench has the digits. A peer that catches up reads more than due."""
    ages = [reading.received_at - reading.due_at for reading in readings]
    by_camera = [sum(reading.camera == camera for reading in readings) for camera in range(cameras)]
    return {
        "name": peer.name,
        "frames": len(readings),
        "read_share": round(len(readings) / due, 4),
        "age_p50_ms": compute_percentile_ms(ages, 50),
        "age_p99_ms": compute_percentile_ms(ages, 99) if len(ages) >= trust.MIN_SAMPLES else None,
        "fairness": round(compute_fairness(by_camera), 4),
    }


def make_cost_columns(cpu: Mapping[str, float], after: ProcessUsage, pss_bytes: int, fps: float) -> Row:
    cpu_s = sum(share for part, share in cpu.items() if part != "bench")
    return {
        "fps": round(fps, 1),
        "cpu_ms_per_frame": round(1000 * cpu_s / fps, 3) if fps else None,
        "rss_total_mb": round(sum(after.rss_bytes.values()) / MB, 1),
        "pss_total_mb": round(pss_bytes / MB, 1),
    }
