"""Processes are killed while frames are in shared memory: no picture is shown under another's name, and none stays."""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from shared.messaging.frame_store import FREED, GENERATIONS, SLOTS, map_ring
from shared.messaging.messages import View
from shared.messaging.shared_memory import FOLDER, PREFIX
from shared.messaging.sockets import ClientSocket
from shared.messaging.subscription import ViewSubscription
from shared.pipeline import Outcome
from shared.settings import Settings, load_settings
from tests.pipeline.numbered import FPS, FRAMES, read_picture, write_film
from tests.pipeline.pipeline import ROOT, wait_for

CAMERAS = 4
KINDS = ("queue", "capture", "preprocess", "inference")
PERIOD_S = FRAMES / FPS
PHASE_S = 0.008  # a frame is captured when it is due: another picture would be 1 / FPS off

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /dev/shm to look into")


class KilledPipeline:
    """Processes without a supervisor, which are restarted here, and a viewer with pictures."""

    def __init__(self, folder: Path, frames: str, cameras: int) -> None:
        self.cameras = cameras
        films = [folder / f"film{camera}.avi" for camera in range(cameras)]
        for camera, film in enumerate(films):
            write_film(film, camera)
        self.own = {
            "RUN_DIR": str(folder / "run"),
            "QUEUE": f"ipc://{folder}/queue",
            "CAMERAS": ",".join(map(str, films)),
            "REREAD_S": "0",
            "MAX_AGE_S": "1",  # the machine of a test is busy
            "FRAMES": frames,
        }
        self.settings: Settings = load_settings(self.own, Path("no.env"))
        self.commands = {
            "queue": ["services.queue", "1"],
            **{f"preprocess.{number}": ["services.preprocess", str(number)] for number in (1, 2)},
            **{f"inference.{number}": ["tests.pipeline.numbered", str(number)] for number in (1, 2)},
            **{f"capture.{camera}": ["services.capture", f"film{camera}"] for camera in range(cameras)},
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.log = (folder / "log").open("wb")
        self.queue = ClientSocket(self.settings)
        self.subscription = ViewSubscription(self.queue, "viewer", 64)
        self.stores: set[str] = set()
        self.views: list[View] = []

    def start(self, name: str) -> None:
        environment = os.environ | self.own | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", *self.commands[name]]
        self.processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log)

    def kill(self, *names: str) -> None:
        """End processes as no program can prevent, and start others in their place."""
        for name in names:
            self.processes[name].kill()
            self.processes[name].wait()
            self.start(name)

    def watch(self) -> list[View]:
        """Return the next views."""
        news = [message for message in self.subscription.receive(0.05) if isinstance(message, View)]
        self.stores.add(self.queue.store.name)
        self.views += news
        return news

    def wait_for_readings(self) -> None:
        """Wait until frames of every camera, captured from now on, are read."""
        missing, since = {f"film{camera}" for camera in range(self.cameras)}, self.queue.now()

        def are_read() -> bool:
            for view in self.watch():
                if view.outcome is Outcome.READ and view.captured_at > since:
                    missing.discard(view.camera)
            return not missing

        wait_for(are_read, timeout_s=60)

    def stop(self) -> None:
        """End all, the queue first: the cameras notice that and go on."""
        self.processes["queue"].terminate()
        self.processes["queue"].wait(20)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            self.watch()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)
        self.queue.close()
        self.log.close()

    def list_files(self) -> list[str]:
        """Return the files of all stores that there were."""
        return [path.name for name in self.stores - {""} for path in FOLDER.glob(f"{PREFIX}{name}*")]

    def count_used_slots(self) -> int:
        """Return how many slots of all rings hold a frame that has not ended."""
        names = [path.name for path in FOLDER.glob(f"{PREFIX}{self.queue.store.name}-*")]
        numbers = [map_ring(name.removeprefix(PREFIX)).numbers for name in names]
        return sum(ring[FREED + slot] != ring[GENERATIONS + slot] for ring in numbers for slot in range(SLOTS))


@contextmanager
def run_killed_pipeline(folder: Path, frames: str, cameras: int = 1) -> Iterator[KilledPipeline]:
    pipeline = KilledPipeline(folder, frames, cameras)
    try:
        for name in pipeline.commands:
            pipeline.start(name)
        pipeline.wait_for_readings()
        yield pipeline
    finally:
        pipeline.stop()
        print((folder / "log").read_text()[-3000:])


def check_pictures(views: list[View], kills_of_a_capture: int) -> int:
    """Check that each view shows the picture that its camera took at its time; return how many were checked."""
    phases: dict[str, list[float]] = defaultdict(list)
    for view in views:
        camera = int(view.camera.removeprefix("film"))
        numbers = {read_jpeg(view.jpeg)} if view.jpeg else set()
        if view.outcome is Outcome.READ:
            x, y, *_ = view.digits[0].box
            numbers.add((round(x), round(y)))
        if numbers:
            ((shown, number),) = numbers  # the JPEG and the gray frame show the same
            assert shown == camera
            phases[view.camera].append((view.captured_at - number / FPS) % PERIOD_S)
    for found in phases.values():
        assert count_clusters(found) <= 1 + kills_of_a_capture  # each process begins with the first picture
    return sum(map(len, phases.values()))


def read_jpeg(jpeg: bytes) -> tuple[int, int]:
    return read_picture(np.asarray(simplejpeg.decode_jpeg(jpeg, "GRAY")[:, :, 0], np.uint8))


def count_clusters(phases: list[float]) -> int:
    """Return how many different values there are on a circle of PERIOD_S."""
    ordered = sorted(phases)
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    gaps.append(ordered[0] + PERIOD_S - ordered[-1])
    return max(1, sum(gap > PHASE_S for gap in gaps))


def kill_each(pipeline: KilledPipeline, rounds: int) -> None:
    """Kill one process of each kind after the other, while frames flow."""
    for number in range(rounds):
        for kind in KINDS:
            names = [name for name in pipeline.commands if name.startswith(kind)]
            pipeline.kill(names[number % len(names)])
            pipeline.wait_for_readings()


@pytest.mark.parametrize("frames", ["shared", pytest.param("inline", marks=pytest.mark.slow)])
def test_no_picture_is_shown_under_another_name_while_processes_are_killed(tmp_path: Path, frames: str) -> None:
    with run_killed_pipeline(tmp_path, frames, cameras=2) as pipeline:
        pipeline.kill("preprocess.1", "inference.1", "capture.0")
        pipeline.wait_for_readings()
        pipeline.kill("queue")
        pipeline.wait_for_readings()
        wait_for(lambda: pipeline.watch() and len(pipeline.views) > 100)
        assert bool(pipeline.stores - {""}) == (frames == "shared")
    assert check_pictures(pipeline.views, kills_of_a_capture=1) > 50
    assert pipeline.list_files() == []
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_or_left_behind_after_twenty_kills_of_each_process(tmp_path: Path) -> None:
    with run_killed_pipeline(tmp_path, "shared", CAMERAS) as pipeline:
        kill_each(pipeline, rounds=20)
        wait_until_no_slot_is_lost(pipeline)
        rings = [name for name in pipeline.list_files() if name.count("-") == 2]
        assert len(rings) == CAMERAS
    assert check_pictures(pipeline.views, kills_of_a_capture=20) > 1000
    assert pipeline.list_files() == []
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_worker_that_stood_still_writes_into_no_other_frame(tmp_path: Path) -> None:
    """It was given up after 3 s, and goes on where it stood, with a frame that has ended."""
    with run_killed_pipeline(tmp_path, "shared") as pipeline:
        for _ in range(2):
            for name in ("preprocess.1", "inference.1"):
                pipeline.processes[name].send_signal(signal.SIGSTOP)
            until = time.monotonic() + 4
            while time.monotonic() < until:
                pipeline.watch()
            for name in ("preprocess.1", "inference.1"):
                pipeline.processes[name].send_signal(signal.SIGCONT)
            pipeline.wait_for_readings()
        assert any(view.outcome is Outcome.WORKER_LOST for view in pipeline.views)
    assert check_pictures(pipeline.views, kills_of_a_capture=0) > 50
    assert pipeline.list_files() == []


def wait_until_no_slot_is_lost(pipeline: KilledPipeline) -> None:
    """Wait until all slots are free while no camera sends: a camera that lost some gets a new ring."""

    def are_free() -> bool:
        for signal_number in (signal.SIGSTOP, signal.SIGCONT):
            for camera in range(pipeline.cameras):
                pipeline.processes[f"capture.{camera}"].send_signal(signal_number)
            until = time.monotonic() + 0.4
            while time.monotonic() < until:
                pipeline.watch()
            if signal_number == signal.SIGSTOP and not pipeline.count_used_slots():
                paused.append(True)
        return bool(paused)

    paused: list[bool] = []
    wait_for(are_free, timeout_s=40)
    for camera in range(pipeline.cameras):
        pipeline.processes[f"capture.{camera}"].send_signal(signal.SIGCONT)
