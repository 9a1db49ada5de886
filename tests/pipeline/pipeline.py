"""A real pipeline for a test: honcho, the Procfile, every process, in a folder and on ports of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WITHIN_S = 30.0  # a first start reads 200 MB of libraries from a cold disk

T = TypeVar("T")


def wait_for(condition: Callable[[], T], seconds: float = WITHIN_S) -> T:
    """Until it gives something true, which is returned."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.02)
    return result


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Pipeline:
    """`honcho start`, and what its processes say about themselves."""

    def __init__(self, folder: Path, concurrency: str, **settings: str) -> None:
        shutil.copy(ROOT / "Procfile", folder)
        self.folder = folder
        self.log = folder / "log"
        ports = {name: str(free_port()) for name in ("WEB_PORT", "PROMETHEUS_PORT")}
        self.settings = ports | {"RUN_DIR": "run"} | settings
        environment = os.environ | self.settings | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
        with self.log.open("w") as log:
            command = [str(BIN / "honcho"), "start", "-c", concurrency]
            self.honcho = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)

    def workers(self) -> dict[str, str]:
        """The /metrics address of each worker that is up, by its name."""
        found = {}
        for file in (self.folder / "run" / "targets").glob("*.json"):
            for entry in json.loads(file.read_text()):
                found[entry["labels"]["worker"]] = entry["targets"][0]
        return found

    def value(self, worker: str, name: str, **labels: str) -> float:
        """The sum of a worker's samples of this name that carry these labels; 0 while there are none."""
        try:
            with urllib.request.urlopen(f"http://{self.workers()[worker]}/metrics", timeout=5) as answer:
                families = list(text_string_to_metric_families(answer.read().decode()))
        except (KeyError, OSError):
            return 0.0
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def readings(self, camera: str) -> float:
        """Frames of a camera that were read."""
        return self.value("queue.1", "digitcam_readings_total", camera=camera)

    def is_up(self, *cameras: str) -> bool:
        """Whether the page answers and each of these cameras is read; which of the two is first depends on the day."""
        return "ready at http" in self.log.read_text() and all(self.readings(camera) > 5 for camera in cameras)

    def processes(self) -> dict[str, psutil.Process]:
        """Every worker's process, by its name."""
        found = {}
        for process in psutil.Process(self.honcho.pid).children(recursive=True):
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if "--supervised" in words:
                found[words[2].removeprefix("services.") + "." + words[3]] = process
        return found

    def interrupt(self) -> int:
        """Press Ctrl-C; honcho's exit code."""
        self.honcho.send_signal(signal.SIGINT)
        return self.honcho.wait(10)


@contextmanager
def running(folder: Path, cameras: str, concurrency: str = "prometheus=0", **settings: str) -> Iterator[Pipeline]:
    """A pipeline that has ended when the test has, whatever happened; its log is shown where the test fails."""
    pipeline = Pipeline(folder, concurrency, CAMERAS=cameras, **settings)
    try:
        yield pipeline
    finally:
        if pipeline.honcho.poll() is None:
            everything = psutil.Process(pipeline.honcho.pid).children(recursive=True)
            pipeline.interrupt()
            assert not psutil.wait_procs(everything, timeout=5)[1], "an orphan was left"
        print(pipeline.log.read_text())
