"""/draw without a browser: the pen is that of the web interface, and a sheet is read as it shows it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.digit import Digit
from shared.vision.recognizer import FrameRecognizer
from tests.shared.vision.drawings import FakeNetwork
from tests.shared.vision.reading import digit_of
from training.evaluate import drawing

STATIC = Path(__file__).parents[3] / "services/display/web/static"


@dataclass(frozen=True, slots=True)
class OneReader(FrameRecognizer):
    """Reads a 1 in each frame with ink of at least this height, and keeps the heights."""

    min_height: int = 0
    heights: list[int] = field(default_factory=list)

    def read_and_count(
        self, grays: Sequence[NDArray[np.uint8]], bare_ones: Sequence[bool] = ()
    ) -> list[tuple[tuple[Digit, ...], int]]:
        assert all(bare_ones)
        rows = [np.flatnonzero((gray < 128).any(axis=1)) for gray in grays]
        self.heights.extend(int(found[-1] - found[0]) for found in rows)
        return [((digit_of(1),) if found[-1] - found[0] >= self.min_height else (), 0) for found in rows]


@pytest.mark.parametrize(
    ("file", "name", "value"),
    [
        ("draw.js", "PEN_SHARE", drawing.PEN_SHARE),
        ("draw.js", "SEND_EVERY_MS", 1000 * drawing.SEND_EVERY_S),
        ("frame_uplink.js", "QUALITY", drawing.QUALITY / 100),
        ("frame_uplink.js", "LONG_SIDE_PX", drawing.WIDTH),
    ],
)
def test_pen_and_sheet_are_those_of_the_web_interface(file: str, name: str, value: float) -> None:
    found = re.search(rf"const {name} = ([\d.]+);", (STATIC / file).read_text())
    assert found
    assert float(found[1]) == pytest.approx(value)


@pytest.mark.parametrize(("name", "bgr"), [("PAPER", drawing.PAPER), ("INK", drawing.INK)])
def test_colours_are_those_of_the_web_interface(name: str, bgr: tuple[int, int, int]) -> None:
    found = re.search(rf'const {name} = "#(\w+)";', (STATIC / "draw.js").read_text())
    assert found
    assert bytes.fromhex(found[1])[::-1] == bytes(bgr)


def test_strokes_of_all_heights_are_drawn_and_counted() -> None:
    network = FakeNetwork([])
    reader = OneReader(network, network, min_height=200)
    strokes, numbers = drawing.measure_drawing(reader, "ones", 640)
    assert (strokes.n, strokes.value) == (90, 0.5)  # heights of 0.5 and more of 480, and the pen's two ends
    assert (numbers.n, numbers.value) == (6, 0)
    assert min(reader.heights) == pytest.approx(0.15 * 480 + 18, abs=3)


def test_a_bare_one_is_a_single_line() -> None:
    counts = {text: len(drawing.write_number(np.random.default_rng(0), text)) for text in ("10", "911")}
    assert counts == {"10": 2, "911": 4}  # a 9 has two
