"""A real capture process, and a queue that takes all it sends and answers every word with credit."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from shared.messaging.messages import CameraState, Credit, Frame, Message
from shared.messaging.sockets import BrokerSocket
from tests.conftest import MakeSettings

ROOT = Path(__file__).parents[3]
WITHIN_S = 20.0  # a first start imports OpenCV from a cold disk, beside other tests


class Capture:
    """What a capture process says, as its queue hears it."""

    def __init__(self, hub: BrokerSocket, process: "subprocess.Popen[str]") -> None:
        self.hub, self.process = hub, process

    def listen(self, wanted: Callable[[Message], bool], seconds: float = WITHIN_S) -> Message:
        """Return the first message from now on that is wanted; fails after so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            received = self.hub.receive(0.05)
            for message in received[1] if received else ():
                assert isinstance(message, Frame | CameraState)
                self.hub.send(received[0] if received else b"", Credit(message.camera, 1))
                if wanted(message):
                    return message
        raise AssertionError(f"not heard within {seconds} s")

    def frame(self, seconds: float = WITHIN_S) -> Frame:
        """Return the next frame."""
        frame = self.listen(lambda message: isinstance(message, Frame), seconds)
        assert isinstance(frame, Frame)
        return frame

    def state(self, *names: str, seconds: float = WITHIN_S) -> CameraState:
        """Wait until the camera's state is one of these."""
        state = self.listen(lambda message: isinstance(message, CameraState) and message.state in names, seconds)
        assert isinstance(state, CameraState)
        return state

    def log(self) -> str:
        """End the process and return what it logged; it ends as one that was told to."""
        self.process.terminate()
        output = self.process.communicate(timeout=5)[0]
        assert self.process.returncode == 0, output
        return output


@contextmanager
def capturing(make_settings: MakeSettings, word: str, name: str, **settings: str) -> Iterator[Capture]:
    """Run `python -m services.capture.__main__ NAME` for one camera."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CAMERAS": word, "RUN_DIR": "run"} | settings
    with closing(BrokerSocket(make_settings(CAMERAS=word, **settings))) as hub:
        command = [sys.executable, "-m", "services.capture", name]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]
            try:
                yield Capture(hub, process)
            finally:
                process.kill()
