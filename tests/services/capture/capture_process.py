"""A real capture process, and a broker socket that receives everything and grants credit for every message."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from shared.cameras.pace import BURST_S, SEEN
from shared.messaging.messages import CameraReport, Credit, Frame, Message, Recorded
from shared.messaging.sockets import BrokerSocket
from tests.conftest import MakeSettings

ROOT = Path(__file__).parents[3]
WITHIN_S = 20.0  # a first start imports OpenCV from a cold disk, while other tests run


class CaptureProcess:
    """A capture process as its queue sees it."""

    def __init__(self, socket: BrokerSocket, process: "subprocess.Popen[str]") -> None:
        self.socket, self.process = socket, process

    def wait_for_message(self, is_wanted: Callable[[Message], bool], timeout_s: float = WITHIN_S) -> Message:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            received = self.socket.receive(0.05)
            for message in received[1] if received else ():
                assert isinstance(message, Frame | CameraReport)
                identity = received[0] if received else b""
                self.socket.send(identity, Credit(message.camera, 1))
                if isinstance(message, Frame) and message.position:  # as a display does
                    stamp, index = message.position
                    self.socket.send(identity, Recorded(message.camera, stamp, (index,)))
                if is_wanted(message):
                    return message
        raise AssertionError(f"no such message within {timeout_s} s")

    def wait_for_frame(self, timeout_s: float = WITHIN_S) -> Frame:
        frame = self.wait_for_message(lambda message: isinstance(message, Frame), timeout_s)
        assert isinstance(frame, Frame)
        return frame

    def wait_for_pace(self) -> None:
        """Wait until the camera's pace is known; frames out of a buffer do not tell it."""
        last_at, pauses = self.wait_for_frame().captured_at, 0
        while pauses <= SEEN:
            at = self.wait_for_frame().captured_at
            pauses += at - last_at > 2 * BURST_S
            last_at = at

    def wait_for_state(self, *states: str, timeout_s: float = WITHIN_S) -> CameraReport:
        """Wait until the camera has one of these states."""
        state = self.wait_for_message(
            lambda message: isinstance(message, CameraReport) and message.state in states, timeout_s
        )
        assert isinstance(state, CameraReport)
        return state

    def terminate(self) -> str:
        """Stop the process with SIGTERM, check that it exits with 0, and return its log."""
        self.process.terminate()
        output = self.process.communicate(timeout=5)[0]
        assert self.process.returncode == 0, output
        return output


@contextmanager
def run_capture(make_settings: MakeSettings, word: str, name: str, **settings: str) -> Iterator[CaptureProcess]:
    """Run `python -m services.capture NAME` for one camera, until the block ends."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CAMERAS": word, "RUN_DIR": "run"} | settings
    with closing(BrokerSocket(make_settings(CAMERAS=word, **settings))) as socket:
        command = [sys.executable, "-m", "services.capture", name]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]
            try:
                yield CaptureProcess(socket, process)
            finally:
                process.kill()
