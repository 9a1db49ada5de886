"""A real pipeline for tests: honcho, the Procfile and every process, with a folder and ports of its own."""

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


def wait_for(condition: Callable[[], T], timeout_s: float = WITHIN_S) -> T:
    """Wait until the condition returns something true, and return that."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"the condition was not met within {timeout_s} s"
        time.sleep(0.02)
    return result


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class HonchoPipeline:
    """`honcho start` as a child process, and the metrics of its workers."""

    def __init__(self, folder: Path, concurrency: str, **settings: str) -> None:
        shutil.copy(ROOT / "Procfile", folder)
        self.folder = folder
        self.log = folder / "log"
        ports = {name: str(find_free_port()) for name in ("WEB_PORT", "PROMETHEUS_PORT")}
        self.settings = ports | {"RUN_DIR": "run"} | settings
        environment = os.environ | self.settings | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
        with self.log.open("w") as log:
            command = [str(BIN / "honcho"), "start", "-c", concurrency]
            self.honcho = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)

    def list_addresses(self) -> dict[str, str]:
        """Return the /metrics address of each running worker by its name."""
        found = {}
        for file in (self.folder / "run" / "targets").glob("*.json"):
            for entry in json.loads(file.read_text()):
                found[entry["labels"]["worker"]] = entry["targets"][0]
        return found

    def read_metric(self, worker: str, name: str, **labels: str) -> float:
        """Return the sum of a worker's samples with this name and these labels; 0 if there are none."""
        try:
            with urllib.request.urlopen(f"http://{self.list_addresses()[worker]}/metrics", timeout=5) as answer:
                families = list(text_string_to_metric_families(answer.read().decode()))
        except (KeyError, OSError):
            return 0.0
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def count_readings(self, camera: str) -> float:
        """Return how many frames of a camera have been read."""
        return self.read_metric("queue.1", "digitcam_readings_total", camera=camera)

    def is_reading(self, *cameras: str) -> bool:
        """Return whether the web interface is ready and frames of each of these cameras are read."""
        return "ready at http" in self.log.read_text() and all(self.count_readings(camera) > 5 for camera in cameras)

    def find_processes(self) -> dict[str, psutil.Process]:
        """Return the process of each worker by its name."""
        found = {}
        for process in psutil.Process(self.honcho.pid).children(recursive=True):
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if "--supervised" in words:
                found[words[2].removeprefix("services.") + "." + words[3]] = process
        return found

    def press_ctrl_c(self) -> int:
        """Send SIGINT to honcho; return its exit code."""
        self.honcho.send_signal(signal.SIGINT)
        return self.honcho.wait(10)


@contextmanager
def run_pipeline(
    folder: Path, cameras: str, concurrency: str = "prometheus=0", **settings: str
) -> Iterator[HonchoPipeline]:
    """Run a pipeline until the block ends; print its log, which pytest shows if the test fails."""
    pipeline = HonchoPipeline(folder, concurrency, CAMERAS=cameras, **settings)
    try:
        yield pipeline
    finally:
        if pipeline.honcho.poll() is None:
            processes = psutil.Process(pipeline.honcho.pid).children(recursive=True)
            pipeline.press_ctrl_c()
            assert not psutil.wait_procs(processes, timeout=5)[1], "a process outlived honcho"
        print(pipeline.log.read_text())
