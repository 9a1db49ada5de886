"""The desktop window of the display: all cameras side by side; q or the window's own button closes it."""

import math
import subprocess
import sys
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from services.display.display_state import DisplayFrame
from services.display.fan_in import CellStatus
from shared.messaging.messages import CameraReport, Selection
from shared.pipeline import CameraState
from shared.settings import ConfigError
from shared.vision.jpeg import decode_checked
from shared.vision.overlay import Picture, dim_picture, draw_overlay, make_mosaic

TITLE = "digitcam - q closes"
WIDTH, HEIGHT = 1280, 720
CLOSING_KEYS = (ord("q"), ord("Q"), 27)
PROBE_TIMEOUT_S = 20


class Window:
    selection = Selection()
    shows_readings = True
    turned_at = math.inf

    def __init__(self, clock: Callable[[], float]) -> None:
        """Open the window. Raises ConfigError without a desktop."""
        check_desktop()
        self._clock = clock
        self._frames: dict[str, DisplayFrame] = {}
        self._states: dict[str, CameraReport] = {}
        self._is_open = True
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL)  # no toolbar
        cv2.resizeWindow(TITLE, WIDTH, HEIGHT)

    @property
    def is_open(self) -> bool:
        """False after q, Escape or the window's own button."""
        return self._is_open

    def update(self, updates: Sequence[DisplayFrame | CameraReport], cells: Sequence[CellStatus]) -> None:
        """Draw the newest frames and handle key presses."""
        is_up = any(cell.is_up for cell in cells)
        for item in updates:
            if isinstance(item, CameraReport):
                self._states[item.camera] = item
                if item.state == CameraState.LEFT:
                    del self._states[item.camera]
                    self._frames.pop(item.camera, None)
            elif item.jpeg:
                self._frames[item.camera] = item
        if updates or not is_up:
            cv2.imshow(TITLE, make_mosaic(self._tiles(is_up), WIDTH, HEIGHT))
        self._is_open = cv2.waitKey(1) & 0xFF not in CLOSING_KEYS and is_visible()

    def announce_records(self) -> None:
        """Show nothing: the pictures of the files are shown anyway."""

    def _tiles(self, is_up: bool) -> list[Picture]:
        names = sorted(self._frames.keys() | self._states.keys())
        return [draw_tile(self._frames.get(n), self._states.get(n), is_up, self._clock()) for n in names]

    def close(self) -> None:
        cv2.destroyAllWindows()


def check_desktop() -> None:
    """Open a window in a child process, since OpenCV aborts without a desktop. Raises ConfigError if that fails."""
    probe = [sys.executable, "-c", "import cv2; cv2.namedWindow('digitcam'); cv2.destroyAllWindows()"]
    if sys.platform != "linux":
        return
    if subprocess.run(probe, check=False, capture_output=True, timeout=PROBE_TIMEOUT_S).returncode:
        raise ConfigError(
            "DISPLAY_MODE=window needs a desktop, and none answers: set DISPLAY to one, "
            "or DISPLAY_MODE=web to see the cameras in a browser."
        )


def is_visible() -> bool:
    """Return whether the window is still open; OpenCV raises for a closed one."""
    try:
        return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:
        return False


def draw_tile(frame: DisplayFrame | None, state: CameraReport | None, is_up: bool, now: float) -> Picture:
    """Return a camera's picture with its reading drawn on it; gray with the reason while the camera is not live."""
    picture = decode(frame.jpeg if frame else b"")
    trouble = "the pipeline does not answer" if not is_up else describe(state) if state else ""
    if frame is None or trouble:
        name = frame.camera if frame else state.camera if state else ""
        return draw_overlay(dim_picture(picture), (), (), f"{name}: {trouble or 'no picture yet'}")
    caption = f"{frame.camera}   {1000 * (now - frame.captured_at):.0f} ms   {frame.fps:.0f} frames/s"
    return draw_overlay(picture, frame.digits, frame.numbers, caption)


def describe(state: CameraReport) -> str:
    """Return what is wrong with a camera; empty if it is live."""
    return "" if state.state == CameraState.LIVE else f"{state.state} - {state.detail}"


def decode(jpeg: bytes) -> Picture:
    """Return the picture; a black one if the JPEG is broken or empty."""
    try:
        picture: Picture = decode_checked(jpeg, "BGR")
    except ValueError:
        return np.zeros((480, 640, 3), np.uint8)
    return picture
