"""A sheet of paper with one or two handwritten numbers, made of real MNIST digits."""

import functools
from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.shapes import Canvas, Color

CELL_PX = 28  # a digit of MNIST
BOX_PX = 20  # the longer side of its ink
HEIGHT_PX = 150  # of such a box on the sheet
GAP_PX = (20, 34)  # between the ink of two digits of a number
LINE_PX = 215  # from a number to the one below
MARGIN_PX = (80, 75)  # left and right, above and below the ink
SMALLEST_PX = 330  # the smallest side of a sheet

PAPERS: tuple[Color, ...] = ((240, 244, 246), (226, 238, 244), (238, 236, 230), (150, 226, 244))  # BGR; a sticky note
INKS: tuple[Color, ...] = ((40, 34, 30), (132, 52, 24), (110, 40, 36), (42, 66, 28), (36, 30, 140))
LINES: Color = (206, 176, 150)
STEP_PX = 44  # from one ruled line to the next


@dataclass(frozen=True, slots=True)
class WrittenDigit:
    """One digit on a sheet, and the convex outline of its ink in pixels of the sheet (N x 2)."""

    digit: int
    outline: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A flat sheet in even light (BGR), its digits, and its numbers from top to bottom."""

    image: NDArray[np.uint8]
    digits: tuple[WrittenDigit, ...]
    numbers: tuple[str, ...]


@functools.cache
def load_digits() -> NDArray[np.uint8]:
    """Return the MNIST digits shipped with the program (license: digits.txt): 10 x 30 x 28 x 28, bright ink."""
    data = (files("shared.demo") / "digits.png").read_bytes()
    sheet = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))
    cells = sheet.reshape(10, CELL_PX, -1, CELL_PX).swapaxes(1, 2)
    return np.ascontiguousarray(cells, np.uint8)


def write_sheet(rng: np.random.Generator) -> Sheet:
    """Return a sheet with 1 to 5 digits in a row, or two rows of 1 to 3."""
    two = rng.random() < 0.25
    lengths = rng.integers(1, 4, 2) if two else [rng.choice(5, p=(0.16, 0.22, 0.24, 0.21, 0.17)) + 1]
    numbers = tuple("".join(map(str, rng.integers(0, 10, length))) for length in lengths)
    threshold = rng.uniform(0.28, 0.45)  # a broad pen or a thin one
    rows = [[write_digit(rng, int(digit), threshold) for digit in number] for number in numbers]
    ink, digits = arrange_digits(rng, rows, numbers)
    paper = make_paper(rng, *ink.shape)
    return Sheet(draw_ink(rng, paper, ink, INKS[rng.integers(len(INKS))]), digits, numbers)


def write_digit(rng: np.random.Generator, digit: int, threshold: float) -> NDArray[np.float32]:
    """Return the ink (0 to 1) of an MNIST digit, enlarged to a crisp pen stroke and cropped."""
    cell = load_digits()[digit, rng.integers(load_digits().shape[1])].astype(np.float32)
    scale = HEIGHT_PX / BOX_PX * rng.uniform(0.94, 1.06)
    size = round(CELL_PX * scale)
    smooth = cv2.resize(cell / cell.max(), (size, size), interpolation=cv2.INTER_CUBIC)
    smooth = cv2.GaussianBlur(smooth, (0, 0), 0.5 * scale)
    ink = np.asarray(np.clip((smooth - threshold) / 0.12 + 0.5, 0, 1), np.float32)
    x, y, w, h = cv2.boundingRect((ink > 0.5).astype(np.uint8))
    return ink[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2]


def arrange_digits(
    rng: np.random.Generator, rows: list[list[NDArray[np.float32]]], numbers: tuple[str, ...]
) -> tuple[NDArray[np.float32], tuple[WrittenDigit, ...]]:
    """Arrange the digits in rows on slightly sloping lines; return the ink of the sheet and the digits."""
    widths = [sum(ink.shape[1] for ink in row) + GAP_PX[1] * (len(row) - 1) for row in rows]
    width = max(SMALLEST_PX, max(widths) + 2 * MARGIN_PX[0])
    height = max(SMALLEST_PX, HEIGHT_PX + LINE_PX * (len(rows) - 1) + 2 * MARGIN_PX[1])
    sheet, digits = np.zeros((height, width), np.float32), []
    for line, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        x = (width - widths[line]) // 2
        foot = (height - LINE_PX * (len(rows) - 1) + HEIGHT_PX) // 2 + LINE_PX * line
        slope = rng.uniform(-0.04, 0.04)
        for ink, digit in zip(row, number, strict=True):
            y = int(foot + slope * (x - width / 2) + rng.uniform(-5, 5)) - ink.shape[0]
            sheet[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
            digits.append(WrittenDigit(int(digit), trace_outline(ink) + np.array((x, y), np.float32)))
            x += ink.shape[1] + int(rng.integers(*GAP_PX))
    return sheet, tuple(digits)


def trace_outline(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the convex outline of the ink: N x 2 points."""
    points = cv2.findNonZero((ink > 0.5).astype(np.uint8))
    return cv2.convexHull(points).reshape(-1, 2).astype(np.float32)


def make_paper(rng: np.random.Generator, height: int, width: int) -> Canvas:
    """Return empty paper: plain, ruled or squared, with fibers, slightly bent and perhaps folded."""
    paper = np.empty((height, width, 3), np.float32)
    paper[:] = PAPERS[rng.integers(len(PAPERS))]
    kind = rng.choice(["plain", "ruled", "squared"])
    if kind != "plain":
        print_lines(paper[30::STEP_PX])
        print_lines(paper[31::STEP_PX])
    if kind == "squared":
        print_lines(paper[:, 18::STEP_PX])
        print_lines(paper[:, 19::STEP_PX])
    fibers = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 1.2)
    paper *= (make_shading(rng, width) * (1 + 0.02 * fibers))[..., None]
    return paper


def print_lines(lines: Canvas) -> None:
    """Print lines over a view of the paper."""
    lines += 0.75 * (np.array(LINES, np.float32) - lines)


def make_shading(rng: np.random.Generator, width: int) -> NDArray[np.float32]:
    """Return the brightness of slightly bent paper from left to right, with a fold in half of the cases."""
    x = np.linspace(0, 1, width, dtype=np.float32)
    shade = 1 + 0.05 * np.sin(x * rng.uniform(2, 4) + rng.uniform(0, 3))
    if rng.random() < 0.5:  # a light edge next to a dark one
        from_fold = x - rng.uniform(0.3, 0.7)
        shade *= 1 + 0.035 * np.sign(from_fold) * np.exp(-np.abs(from_fold) * 10)
    return np.asarray(shade, np.float32)


def draw_ink(rng: np.random.Generator, paper: Canvas, ink: NDArray[np.float32], color: Color) -> NDArray[np.uint8]:
    """Return the paper with uneven ink on it."""
    flow = cv2.resize(rng.uniform(0.8, 0.98, (12, 18)).astype(np.float32), ink.shape[::-1])
    paper += (ink * flow)[..., None] * (np.array(color, np.float32) - paper)
    return cv2.convertScaleAbs(paper).astype(np.uint8, copy=False)  # rounds and saturates at 255
