"""The desktop window, on a virtual screen."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.display.display_state import CameraDisplay
from services.display.window import draw_tile, is_visible
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState, Outcome
from tests.services.feed import view_of

ROOT = Path(__file__).parents[3]

SHOW = """
import sys, threading
from pathlib import Path
from services.display.__main__ import run
from services.display.file_recorder import FileRecorder
from services.display.window import TITLE, Window
from shared.file_reading.frame_records import FrameRecords
from shared.telemetry.health import Health
from tests.services.feed import Feed, one_queue

feed = Feed("demo", "desk")
window = Window(feed.now)
print("open", flush=True)
recorder = FileRecorder(feed, FrameRecords(Path("nowhere")))
run(one_queue(feed), window, threading.Event(), Health(), recorder)
window.close()
"""


@pytest.fixture
def screen() -> Iterator[str]:
    """The address of a virtual screen."""
    for program in ("Xvfb", "xdotool"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    reader, writer = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(writer), "-screen", "0", "1400x900x24"], pass_fds=[writer])
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


def test_q_closes_the_window(screen: str) -> None:
    environment = {**os.environ, "DISPLAY": screen, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SHOW]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as window:
        try:
            assert window.stdout
            assert window.stdout.readline() == "open\n"
            search = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "digitcam - q closes"]
            found = subprocess.run(search, env=environment, check=True, capture_output=True, text=True, timeout=20)
            press = ["xdotool", "key", "--window", found.stdout.split()[0], "q"]
            subprocess.run(press, env=environment, check=True, timeout=20)
            assert window.wait(timeout=20) == 0
        finally:
            window.kill()


def gone(*_: object) -> float:
    raise cv2.error("no such window")


@pytest.mark.parametrize(("answer", "is_open"), [(lambda *_: 1.0, True), (lambda *_: 0.0, False), (gone, False)])
def test_closing_the_window_by_its_button_is_noticed(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[..., float], is_open: bool
) -> None:
    monkeypatch.setattr(cv2, "getWindowProperty", answer)
    assert is_visible() == is_open


def test_camera_that_is_down_is_drawn_without_color() -> None:
    shown = CameraDisplay().make_frame(view_of("demo", 1, 10.0))
    live = CameraReport(camera="demo", state=CameraState.LIVE, detail="", began_at=10.0)
    down = CameraReport(camera="demo", state=CameraState.DOWN, detail="its capture process is gone", began_at=10.0)
    assert np.ptp(draw_tile(shown, live, True, 10.1).astype(int), axis=2).max() > 50
    assert np.ptp(draw_tile(shown, down, True, 10.1), axis=2).max() < 20


def test_broken_picture_is_drawn_black() -> None:
    broken = replace(view_of("demo", 1, 10.0), outcome=Outcome.MALFORMED, digits=(), jpeg=b"\xff\xd8 no picture")
    tile = draw_tile(CameraDisplay().make_frame(broken), None, True, 10.1)
    assert np.median(tile) == 0
