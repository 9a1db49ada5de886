"""Messages to the queue of a whole pipeline, over eight sockets: no process restarts, and the API goes on."""

import json
import random
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import zmq

from tests.fuzz.messages import MessageTarget
from tests.pipeline.pipeline import run_pipeline, wait_for

SOCKETS = 8
CHECK_EVERY = 500
ADDRESSES = ("/api/cameras", "/api/readings", "/api/events")


class LiveTarget:
    """A pipeline of one demo camera. It takes the inputs of MessageTarget."""

    name = "live queue"

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._maker = MessageTarget()
        self._maker.close()
        self._pipeline = self._stack.enter_context(run_pipeline(folder, "victim=demo"))
        wait_for(lambda: self._pipeline.is_reading("victim"), 60)
        self._began = self._find_pids()
        self.pids = list(self._began.values())
        self._sockets = [self._open(folder / "run" / "queue") for _ in range(SOCKETS)]
        self._fed = 0

    def _open(self, path: Path) -> zmq.Socket[bytes]:
        opened: zmq.Socket[bytes] = self._stack.enter_context(zmq.Context.instance().socket(zmq.DEALER))
        opened.linger, opened.sndtimeo = 0, 5000
        opened.connect(f"ipc://{path}")
        return opened

    def _find_pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._pipeline.find_processes().items()}

    def make_input(self, rng: random.Random) -> list[bytes]:
        """Return the parts of one send."""
        return self._maker.make_input(rng) or [b""]

    def feed(self, given: list[bytes]) -> str:
        """Send it, and now and then ask the API."""
        self._fed += 1
        self._sockets[self._fed % SOCKETS].send_multipart(given)
        if self._fed % CHECK_EVERY == 0:
            for address in ADDRESSES:
                self._ask(address)
            return "sent, and the API answered"
        return "sent"

    def _ask(self, address: str) -> object:
        url = f"http://127.0.0.1:{self._pipeline.settings['WEB_PORT']}{address}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)

    def close(self) -> list[str]:
        """Return which processes are others now, and whether the camera is no longer read; end the pipeline."""
        problems = []
        before = self._pipeline.count_readings("victim")
        try:
            wait_for(lambda: self._pipeline.count_readings("victim") > before + 30, 30)
        except AssertionError:
            problems.append("the camera is not read any more")
        now = self._find_pids()
        problems += [f"{name} is another process" for name, pid in self._began.items() if now.get(name) != pid]
        problems += ["a traceback in the log"] * self._pipeline.log.read_text().count("Traceback")
        self._stack.close()
        return problems
