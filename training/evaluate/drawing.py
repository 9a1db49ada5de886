"""Figures on /draw's sheet: a 1 of one bare stroke in thirty settings, and numbers that hold such a 1.

The pen is the one of services/display/web/static/draw.js, drawn here without a browser.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Digit
from shared.vision.gray_frame import make_gray_frame
from shared.vision.numbers import join_numbers
from shared.vision.recognizer import FrameRecognizer
from shared.vision.tracks import DigitTracker
from training.evaluate.figures import Figure, make_share
from training.scenes.strokes import DIGITS, Strokes, smooth_stroke

# of draw.js and frame_uplink.js; colours are BGR
PAPER, INK = (251, 253, 253), (48, 35, 28)
PEN_SHARE = 0.028
QUALITY = 85
SEND_EVERY_S = 0.05

WIDTH, HEIGHT = 640, 480  # the canvas of a sheet of 910 x 682 CSS pixels, as it is sent
SUPERSAMPLING = 4  # the browser's lines have soft edges
LOOK_S = 1.0  # how long a person looks for the number

HEIGHTS = (0.15, 0.25, 0.35, 0.5, 0.65, 0.8)  # of the stroke, as a share of the sheet's
LEANS = (0.0, 0.05, 0.1, 0.2, 0.3)  # to the right, as a share of its height
TRIES = 3
NUMBERS = ("10", "21", "911", "1984", "2017", "90210")
NUMBER_HEIGHT, NUMBER_WIDTH, GAP = 0.3, 0.16, 0.04  # of a digit, and between two, as shares of the sheet's height
BOW = 0.02  # of a stroke's height: no hand draws a straight line
SEED = 17

DATA, STROKES, BARE_ONES = "/draw", "bare strokes shown as 1", "numbers with a bare 1 shown right"

Picture = NDArray[np.uint8]
Line = NDArray[np.float64]  # n x 2: x, y in shares of the sheet's height


def measure_drawing(recognizer: FrameRecognizer, method: str, long_side_px: int) -> Iterator[Figure]:
    """Yield how many bare strokes are shown as 1, and how many numbers with bare 1s are shown right."""
    rng = np.random.default_rng(SEED)
    strokes = [make_stroke(rng, height, lean) for height in HEIGHTS for lean in LEANS for _ in range(TRIES)]
    right = sum(read_sheet(recognizer, [stroke], long_side_px) == ["1"] for stroke in strokes)
    yield make_share(DATA, method, STROKES, hits=right, n=len(strokes))
    right = sum(read_sheet(recognizer, write_number(rng, text), long_side_px) == [text] for text in NUMBERS)
    yield Figure(DATA, method, BARE_ONES, right, len(NUMBERS))


def read_sheet(recognizer: FrameRecognizer, lines: Sequence[Line], long_side_px: int) -> list[str]:
    """Return the numbers that /draw shows a second after these lines were drawn."""
    _, jpeg = cv2.imencode(".jpg", draw_lines(lines), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    gray, _ = make_gray_frame(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8), long_side_px)
    ((digits, _),), tracker = recognizer.read_and_count([gray], [True]), DigitTracker()
    shown: tuple[Digit, ...] = ()
    for sent in range(round(LOOK_S / SEND_EVERY_S)):
        shown = tracker.update(digits, sent * SEND_EVERY_S)
    return [number.text for number in join_numbers(shown)]


def draw_lines(lines: Sequence[Line]) -> Picture:
    """Return the sheet (HEIGHT x WIDTH x 3, BGR) with these lines in the pen of /draw."""
    sheet = np.full((HEIGHT * SUPERSAMPLING, WIDTH * SUPERSAMPLING, 3), PAPER, np.uint8)
    thickness = round(PEN_SHARE * WIDTH * SUPERSAMPLING)
    for line in lines:
        points = np.round(line * HEIGHT * SUPERSAMPLING).astype(np.int32)
        cv2.polylines(sheet, [points], isClosed=False, color=INK, thickness=thickness)
    return np.asarray(cv2.resize(sheet, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def make_stroke(rng: np.random.Generator, height: float, lean: float) -> Line:
    """Return a line from top to bottom near the middle of the sheet."""
    centre = np.array([WIDTH / HEIGHT / 2, 0.5]) + rng.uniform(-0.05, 0.05, 2)
    return place_stroke(rng, height, lean, centre)


def place_stroke(rng: np.random.Generator, height: float, lean: float, centre: NDArray[np.float64]) -> Line:
    """Return a stroke around a point, bowed a little as a hand draws it."""
    along = np.linspace(-0.5, 0.5, 12)
    bow = rng.uniform(-BOW, BOW) * (1 - (2 * along) ** 2)
    return np.stack([(bow - lean * along) * height, along * height], axis=1) + centre


def write_number(rng: np.random.Generator, text: str) -> list[Line]:
    """Return the lines of a number in the middle of the sheet; each 1 is one bare stroke."""
    widths = [0.0 if digit == "1" else NUMBER_WIDTH for digit in text]
    pen = PEN_SHARE * WIDTH / HEIGHT
    x = (WIDTH / HEIGHT - sum(widths) - (GAP + pen) * (len(text) - 1)) / 2
    lines: list[Line] = []
    for digit, width in zip(text, widths, strict=True):
        if digit == "1":
            lines.append(place_stroke(rng, NUMBER_HEIGHT, rng.uniform(0, 0.15), np.array([x, 0.5])))
        else:
            lines += place_strokes(DIGITS[int(digit)][0], np.array([x, 0.5 - NUMBER_HEIGHT / 2]))
        x += width + GAP + pen
    return lines


def place_strokes(strokes: Strokes, corner: NDArray[np.float64]) -> list[Line]:
    """Return the strokes of a digit as lines, the upper left corner of their box at a point."""
    size = np.array([NUMBER_WIDTH, NUMBER_HEIGHT])
    return [smooth_stroke(np.array(stroke, np.float32)) * size + corner for stroke in strokes]
