"""digitcam bench cells: cells side by side, a display of several, and by arithmetic how far it goes.

A cell is a pipeline with one queue. Two of them, each pinned to a core of its own, are measured alone and together, in
turn: only if together they do what they do alone may a table be continued to thousands of them.
"""

import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import psutil

from benchmarks import trust
from benchmarks.bench_films import BenchFilm, cache_folder, load_jpegs, make_film
from benchmarks.counters import scrape_counters
from benchmarks.launcher import RunningPipeline, launch_pipeline, make_environment, stop_processes
from benchmarks.measurement import wait_for_cameras
from benchmarks.trust import DisturbedError, Row
from benchmarks.usage import compute_cpu_rates, list_process_trees, measure_usage, name_process
from benchmarks.viewer import BenchViewer
from shared.pipeline import Stage
from shared.settings import Settings, load_settings
from shared.telemetry.scraping import fetch, find_targets

FPS = 30.0
DIGITS = 3
CAMERAS = 8  # 240 frames/s: more than a core reads, so that what is read is its capacity
MIN_FRAMES = 100  # in each measurement: of fewer, a batch more or less changes the figures by a tenth
SETTLE_S = 1.5
WALL_CELLS, WALL_CAMERAS, WALL_FPS = 3, 4, 10.0  # what two cores carry beside a display
WITHIN_S = 60.0  # until all is running, on a machine that does other things too
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class CellRun:
    """A cell in the measured time: frames read a second, and its CPU time in cores by stage."""

    fps: float
    cpu: Mapping[str, float]
    frames: int = 0  # that were read


@dataclass(frozen=True, slots=True)
class GroupRun:
    """Cells that ran at the same time, and the share of the machine that other programs used meanwhile."""

    cells: tuple[CellRun, ...]
    others: float

    @property
    def fps(self) -> float:
        return sum(cell.fps for cell in self.cells)

    @property
    def ms_per_frame(self) -> float:
        """CPU time of a frame that was read; other programs hardly change it."""
        return 1000 * sum(sum(cell.cpu.values()) for cell in self.cells) / self.fps


def bench_cells(seconds: float, rounds: int) -> Row:
    """Return the capacity of two cells alone and together, and what a display of three costs. Raises DisturbedError."""
    cores = sorted(os.sched_getaffinity(0))[:2] if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        raise DisturbedError("two cells side by side need two cores, and a system that pins processes to them")
    sides = compare_cells(measure_rounds(cores, seconds, rounds))
    return {
        "seconds": seconds,
        "rounds": rounds,
        "side_by_side": sides,
        "display": measure_display(seconds),
        "untrusted": trust.judge_cores(sides["others"]) or judge_frames(sides["fewest_frames"]),
    }


def judge_frames(frames: int) -> str:
    """Return why so few frames say nothing; "" if they are enough."""
    return "" if frames >= MIN_FRAMES else f"a cell read {frames} frames, and {MIN_FRAMES} are needed to compare it"


def measure_rounds(cores: Sequence[int], seconds: float, rounds: int) -> list[list[GroupRun]]:
    """Measure in each round each of two cells alone, while the other is stopped, and then both."""
    films = [BenchFilm(seed, FPS, DIGITS) for seed in range(CAMERAS)]
    paths = [make_film(film, cache_folder()) for film in films]
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(len(cores)))
        cells = [stack.enter_context(launch_pinned(paths, core)) for core in cores]
        viewers = [stack.enter_context(closing(BenchViewer(cell.settings))) for cell in cells]
        names = {film.name for film in films}
        list(pool.map(lambda cell, viewer: wait_for_cameras(cell, viewer, names), cells, viewers))
        running = list(zip(cells, viewers, strict=True))
        first, second = running
        measured = []
        for _ in range(rounds):
            groups = []
            for group, stopped in (([first], cells[1:]), ([second], cells[:1]), (running, [])):
                with stop_cells(stopped):
                    groups.append(measure_group(group, seconds, pool))
            measured.append(groups)
    return measured


@contextmanager
def stop_cells(cells: Sequence[RunningPipeline]) -> Iterator[None]:
    """Stop every process of cells until the block ends: for less time than a supervisor calls a worker hung."""
    processes = list_process_trees([cell.honcho for cell in cells])
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def measure_group(
    group: Sequence[tuple[RunningPipeline, BenchViewer]], seconds: float, pool: ThreadPoolExecutor
) -> GroupRun:
    """Measure cells at the same time, once they have settled."""
    cells, viewers = zip(*group, strict=True)
    list(pool.map(partial(count_read, time.monotonic() + SETTLE_S), viewers))
    machine, before = trust.CoreUsage(), [measure_usage(cell.honcho) for cell in cells]
    began_at = time.monotonic()
    read = list(pool.map(partial(count_read, began_at + seconds), viewers))
    watched_s = time.monotonic() - began_at
    after = [measure_usage(cell.honcho) for cell in cells]
    rates = [compute_cpu_rates(*pair) for pair in zip(before, after, strict=True)]
    bench_cpu = rates[0]["bench"]  # this process, which is in all of them
    of_cells = [{name: share for name, share in cpu.items() if name != "bench"} for cpu in rates]
    own_cpu = bench_cpu + sum(sum(cpu.values()) for cpu in of_cells)
    others, _ = machine.shares(own_cpu * (after[0].at - before[0].at))
    for cell in cells:
        cell.check()
    runs = tuple(CellRun(count / watched_s, cpu, count) for count, cpu in zip(read, of_cells, strict=True))
    return GroupRun(runs, others)


@contextmanager
def launch_pinned(films: Sequence[Path], core: int) -> Iterator[RunningPipeline]:
    """Run a cell whose processes may use this core only; they inherit it from the thread that starts them."""
    with ExitStack() as stack:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
        try:
            pipeline = stack.enter_context(launch_pipeline(films, settings={"DISPLAY_MODE": "none"}))
        finally:
            os.sched_setaffinity(0, allowed)
        yield pipeline


def count_read(until: float, viewer: BenchViewer) -> int:
    """Return how many frames were read up to a time (time.monotonic())."""
    return sum(frame.outcome.has_reading for frame in viewer.watch(viewer.now() + until - time.monotonic()))


def compare_cells(rounds: Sequence[Sequence[GroupRun]]) -> Row:
    """Return the medians of all rounds, and in each the capacity of both as a share of the sum of each alone."""
    alone = [(first.fps, second.fps) for first, second, _ in rounds]
    both = [together.fps for _, _, together in rounds]
    shares = [together / sum(apart) for together, apart in zip(both, alone, strict=True)]
    costs = [
        2 * together.ms_per_frame / (first.ms_per_frame + second.ms_per_frame) for first, second, together in rounds
    ]
    groups = [group for one in rounds for group in one]
    runs = [cell for group in groups for cell in group.cells]
    stages = sorted({name for run in runs for name in run.cpu})
    return {
        "cameras": CAMERAS,
        "asked_fps": FPS,
        "fewest_frames": min(run.frames for run in runs),
        "first_fps": round(median(apart[0] for apart in alone), 1),
        "second_fps": round(median(apart[1] for apart in alone), 1),
        "both_fps": round(median(both), 1),
        "share_of_sum": round(median(shares), 3),
        "lowest_share": round(min(shares), 3),
        "highest_share": round(max(shares), 3),
        "spread_alone": round(max(max(column) / min(column) for column in zip(*alone, strict=True)) - 1, 3),
        "ms_per_frame_alone": round(median(group.ms_per_frame for one in rounds for group in one[:2]), 2),
        "ms_per_frame_both": round(median(together.ms_per_frame for *_, together in rounds), 2),
        "cost_ratio": round(median(costs), 3),
        "lowest_cost_ratio": round(min(costs), 3),
        "highest_cost_ratio": round(max(costs), 3),
        "others": round(median(group.others for group in groups), 3),
        "cpu_ms_per_frame": {
            name: round(median(1000 * run.cpu.get(name, 0.0) / run.fps for run in runs), 3) for name in stages
        },
    }


def measure_display(seconds: float) -> Row:
    """Return what a display of three cells costs, and how soon it shows that a cell is gone and is back."""
    films = [BenchFilm(seed, WALL_FPS, DIGITS) for seed in range(WALL_CAMERAS)]
    paths = [make_film(film, cache_folder()) for film in films]
    with ExitStack() as stack:
        settings = {"DISPLAY_MODE": "none"}
        cells = [stack.enter_context(launch_pipeline(paths, settings=settings)) for _ in range(WALL_CELLS)]
        wall = stack.enter_context(launch_display([cell.settings.queue_address for cell in cells]))
        wait_until(wall.is_complete)
        time.sleep(SETTLE_S)
        cpu_s, views, began_at = wall.cpu_s(), wall.count_views(), time.monotonic()
        time.sleep(seconds)
        elapsed_s = time.monotonic() - began_at
        cpu, views_per_s = (wall.cpu_s() - cpu_s) / elapsed_s, (wall.count_views() - views) / elapsed_s
        queue = find_queue(cells[-1])
        queue.suspend()
        gone_s = wait_until(lambda: not wall.ask("cells")[-1]["up"])
        states = [camera["state"] for camera in wall.ask("cameras")]
        queue.resume()
        back_s = wait_until(wall.is_complete)
        series = [count_series(cell.settings.run_dir) for cell in cells]
    return {
        "cells": WALL_CELLS,
        "cameras": len(states),
        "asked_fps": WALL_FPS,
        "views_per_s": round(views_per_s, 1),
        "display_cpu": round(cpu, 3),
        "display_ms_per_view": round(1000 * cpu / max(views_per_s, 1e-9), 3),
        "gone_after_s": round(gone_s, 2),
        "live_meanwhile": states.count("live"),
        "unreachable_meanwhile": states.count("unreachable"),
        "back_after_s": round(back_s, 2),
        "series_per_camera": round(median(of_cameras for of_cameras, _ in series) / WALL_CAMERAS),
        "series_per_cell": round(median(others for _, others in series)),
    }


@dataclass(frozen=True, slots=True)
class Wall:
    """A display of several cells, as a process of its own."""

    process: psutil.Popen
    settings: Settings

    def ask(self, what: str) -> list[dict[str, Any]]:
        """Return the cells or cameras that its API lists; [] while it does not answer."""
        url = f"http://127.0.0.1:{self.settings.web_port}/api/{what}"
        with suppress(OSError), urllib.request.urlopen(url, timeout=WITHIN_S) as answer:
            return list(json.load(answer)[what])
        return []

    def is_complete(self) -> bool:
        """Return whether every camera of every cell is live."""
        return [cell["live"] for cell in self.ask("cells")] == [WALL_CAMERAS] * WALL_CELLS

    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def count_views(self) -> float:
        counted = scrape_counters(self.settings.run_dir, (Stage.DISPLAY,))
        return sum(count for (name, _), count in counted.items() if name == "digitcam_frames_total")


@contextmanager
def launch_display(addresses: Sequence[str]) -> Iterator[Wall]:
    """Run a display of the queues at these addresses until the block ends."""
    with tempfile.TemporaryDirectory(prefix="digitcam-") as name:
        cells = ",".join(f"cell{number}={address}" for number, address in enumerate(addresses, 1))
        environment = make_environment(Path(name), []) | {"CAMERAS": "demo", "CELLS": cells}
        with (Path(name) / "log").open("w") as log:
            command = [sys.executable, "-m", "services.display"]
            process = psutil.Popen(command, cwd=name, env=environment, stdout=log, stderr=log)
        try:
            yield Wall(process, load_settings(environment, Path("no.env")))
        finally:
            stop_processes([process])


def wait_until(is_true: Callable[[], bool]) -> float:
    """Return the seconds until something is true. Raises DisturbedError."""
    began_at = time.monotonic()
    while not is_true():
        if time.monotonic() - began_at > WITHIN_S:
            raise DisturbedError(f"the display of several cells did not get there within {WITHIN_S:g} s")
        time.sleep(POLL_S)
    return time.monotonic() - began_at


def find_queue(cell: RunningPipeline) -> psutil.Process:
    """Return the queue's process, not its supervisor."""
    for process in list_process_trees([cell.honcho]):
        if name_process(process.cmdline()) == Stage.QUEUE:
            return process
    raise DisturbedError("a cell has no queue")


def count_series(run_dir: Path) -> tuple[int, int]:
    """Return how many series the processes of a cell export: with a camera's name, and all others."""
    lines = [
        line
        for target in find_targets(run_dir)
        for line in fetch(target, "/metrics", WITHIN_S)[1].splitlines()
        if line and not line.startswith("#")
    ]
    of_cameras = sum('camera="' in line for line in lines)
    return of_cameras, len(lines) - of_cameras


def mean_jpeg_bytes() -> float:
    """Return the mean size of a frame of the films."""
    films = [BenchFilm(seed, FPS, DIGITS) for seed in range(CAMERAS)]
    return fmean(len(jpeg) for film in films for jpeg in load_jpegs(make_film(film, cache_folder())))
