"""A scene under construction, and the layout of lines, fractions and tables on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.glyphs import Glyph
from training.scenes.papers import Grey
from training.scenes.pens import Affine, Ink, Pen, choose_pen, draw_glyph
from training.scenes.strokes import Strokes, smooth_stroke

IGNORED = -1  # label of digits that are faint or cut by the edge: they count neither as digits nor as background
FAINT = 24  # grey levels: fainter ink is lost in noise and JPEG, so it is IGNORED
WHOLE, PART = 0.8, 0.25  # visible shares: a digit is whole above the first, and no digit below the second

# Probability of each outline around a number.
OUTLINES = {"circle": 0.4, "box": 0.3, "diamond": 0.08, "triangle": 0.05, "underline": 0.12, "brackets": 0.05}

Point = NDArray[np.float64]
Area = tuple[slice, slice]  # rows and columns of a scene


@dataclass(frozen=True, slots=True)
class Style:
    """The style of a written line.

    height_px is the height of its digits and capitals. tone is a factor on the paper's grey, or, on a dark board, the
    chalk's own grey.
    """

    height_px: float
    hand: Affine
    pen: Pen
    tone: float


@dataclass(slots=True)
class Desk:
    """A scene's grey levels, a mask of its occupied pixels, and the boxes and labels written so far."""

    grey: Grey
    taken: NDArray[np.bool_]
    is_dark: bool
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def place_ink(self, ink: Ink, centre: Point, tone: float, label: int) -> Area | None:
        """Draw ink around a centre; return the pixels it covers, or None if the place is occupied or outside."""
        side, (height, width) = self.grey.shape[0], ink.shape
        left, top = round(centre[0] - width / 2), round(centre[1] - height / 2)
        rows = slice(max(0, top), min(side, top + height))
        columns = slice(max(0, left), min(side, left + width))
        if rows.start >= rows.stop or columns.start >= columns.stop or self.taken[rows, columns].any():
            return None
        part = ink[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        below = self.grey[rows, columns]
        before = below.copy()
        below += part * (tone - below) if self.is_dark else part * (tone - 1) * below
        visible = float(part.sum() / max(ink.sum(), 1e-6))
        if visible > PART:
            contrast = float(np.abs(before - below).max())
            self.boxes.append((left, top, width, height))
            is_clear = label >= NOT_A_DIGIT or (visible > WHOLE and contrast > FAINT)
            self.labels.append(label if is_clear else IGNORED)
        return rows, columns

    def occupy(self, areas: Sequence[Area]) -> None:
        """Mark pixels as occupied."""
        for rows, columns in areas:
            self.taken[rows, columns] = True


def lay_line(  # noqa: PLR0917 - start, direction and gap are independent
    rng: np.random.Generator, desk: Desk, glyphs: Sequence[Glyph], style: Style, start: Point, along: Point, gap: float
) -> list[Area]:
    """Write glyphs from a start, gap pixels apart; return the pixels they cover, not marked as occupied yet."""
    height, down, place, covered = style.height_px, np.array([-along[1], along[0]]), start, []
    for glyph in glyphs:
        if not glyph.size:  # between words; fonts lack some characters, too
            place = place + along * (0.3 * height + gap)
            continue
        ink = draw_glyph(rng, glyph, height * glyph.size * rng.uniform(0.9, 1.1), style.hand, style.pen)
        if not ink.size:
            continue
        place = place + along * ink.shape[1] / 2
        lift = (rng.normal(0, 0.05) - glyph.rise) * height
        area = desk.place_ink(ink, place + lift * down, style.tone * rng.uniform(0.95, 1.05), glyph.label)
        covered += [area] if area else []
        place = place + along * (ink.shape[1] / 2 + gap * rng.uniform(0.7, 1.3))
    return covered


def estimate_width(glyphs: Sequence[Glyph], style: Style, gap: float) -> float:
    """Return the approximate width of a line, in pixels."""
    height = style.height_px
    return sum(height * glyph.size * 0.62 + gap if glyph.size else 0.3 * height + gap for glyph in glyphs) - gap


def lay_fraction(  # noqa: PLR0917 - two lines, their centre and direction
    rng: np.random.Generator,
    desk: Desk,
    above: Sequence[Glyph],
    below: Sequence[Glyph],
    style: Style,
    middle: Point,
    along: Point,
) -> list[Area]:
    """Write one line above another with a bar between; return the pixels they cover, not marked as occupied yet."""
    down, gap, covered = np.array([-along[1], along[0]]), 0.12 * style.height_px, []
    widths = [estimate_width(line, style, gap) for line in (above, below)]
    reach = max(widths) * rng.uniform(0.5, 0.75)
    bar = draw_strokes(((tuple(-reach * along), tuple(reach * along)),), style)
    area = desk.place_ink(bar, middle, style.tone, NOT_A_DIGIT)
    covered += [area] if area else []
    for line, width, way in ((above, widths[0], -1), (below, widths[1], 1)):
        start = middle + way * down * style.height_px * rng.uniform(0.68, 0.95) - along * width / 2
        covered += lay_line(rng, desk, line, style, start, along, gap)
    return covered


def enclose_areas(
    rng: np.random.Generator, desk: Desk, areas: Sequence[Area], style: Style, along: Point
) -> list[Area]:
    """Draw one of OUTLINES around what was written; return its pixels."""
    top, bottom = min(rows.start for rows, _ in areas), max(rows.stop for rows, _ in areas)
    left, right = min(columns.start for _, columns in areas), max(columns.stop for _, columns in areas)
    margin = style.height_px * rng.uniform(0.12, 0.7)
    half = np.array([right - left, bottom - top]) / 2 + margin
    kind = rng.choice(list(OUTLINES), p=list(OUTLINES.values()))
    if kind in {"diamond", "triangle"}:
        half *= 1.5
    if rng.random() < 0.4:
        half[:] = half.max()
    turn = np.array([[along[0], -along[1]], [along[1], along[0]]])
    strokes = tuple(
        tuple(map(tuple, ((np.array(stroke) + rng.normal(0, 0.03, (len(stroke), 2))) * half @ turn.T).tolist()))
        for stroke in make_enclosure(rng, str(kind))
    )
    middle = np.array([left + right, top + bottom]) / 2
    area = desk.place_ink(draw_strokes(strokes, style), middle, style.tone, NOT_A_DIGIT)
    return [area] if area else []


def make_enclosure(rng: np.random.Generator, kind: str) -> Strokes:
    """Return the strokes of an outline around the square from (-1, -1) to (1, 1)."""
    if kind == "circle":
        begin, turns = rng.uniform(0, 2 * np.pi), rng.uniform(0.95, 1.2)
        angles = begin + np.linspace(0, 2 * np.pi * turns, 14)
        radius = 1.15 + np.linspace(0, rng.normal(0, 0.08), 14)
        return (tuple(zip((radius * np.cos(angles)).tolist(), (radius * np.sin(angles)).tolist(), strict=True)),)
    corners = {
        "box": ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)),
        "diamond": ((0, -1), (1, 0), (0, 1), (-1, 0), (0, -1)),
        "triangle": ((0, -1.1), (1.1, 0.7), (-1.1, 0.7), (0, -1.1)),
        "underline": ((-1, 1), (1, 1)),
        "brackets": ((-0.9, -1), (-1, -1), (-1, 1), (-0.9, 1)),
    }[kind]
    return tuple((one, other) for one, other in pairwise(corners))


def draw_strokes(strokes: Strokes, style: Style) -> Ink:
    """Return strokes (points in pixels) as ink of the style's pen."""
    curves = [smooth_stroke(np.array(stroke, np.float32)) for stroke in strokes]
    points = np.concatenate(curves)
    width = max(1.1, min(style.pen.width * style.height_px, 14))
    reach = np.abs(points).max(axis=0) + width
    layer = np.zeros(tuple(int(2 * size) + 2 for size in reach[::-1]), np.uint8)
    lines = [np.rint((points + np.array(layer.shape[::-1]) / 2) * 8).astype(np.int32) for points in curves]
    cv2.polylines(layer, lines, isClosed=False, color=255, thickness=round(width), lineType=cv2.LINE_AA, shift=3)
    return np.asarray(layer * np.float32(min(1, width / round(width)) / 255), np.float32)


def lay_table(  # noqa: PLR0917 - as lay_line, with a cell's size
    rng: np.random.Generator,
    desk: Desk,
    cells: Sequence[Sequence[Sequence[Glyph]]],
    style: Style,
    corner: Point,
    along: Point,
    cell: tuple[float, float],
) -> list[Area]:
    """Draw a table, and write a line of glyphs into each cell; cell is its width and height in pixels."""
    down, gap, covered = np.array([-along[1], along[0]]), style.height_px * rng.uniform(0.02, 0.25), []
    rows, columns = len(cells), len(cells[0])
    pen = choose_pen(rng)
    ruler = replace(style, pen=replace(pen, width=pen.width / 2))
    across, downwards = along * cell[0] * columns / 2, down * cell[1] * rows / 2
    ends = [(down * cell[1] * (row - rows / 2), across) for row in range(rows + 1)]
    ends += [(along * cell[0] * (column - columns / 2), downwards) for column in range(columns + 1)]
    strokes = tuple((tuple((at - half).tolist()), tuple((at + half).tolist())) for at, half in ends)
    area = desk.place_ink(draw_strokes(strokes, ruler), corner + across + downwards, style.tone, NOT_A_DIGIT)
    covered += [area] if area else []
    for row, line in enumerate(cells):
        for column, glyphs in enumerate(line):
            middle = corner + along * cell[0] * (column + 0.5) + down * cell[1] * (row + 0.5)
            start = middle - along * estimate_width(glyphs, style, gap) / 2 + rng.normal(0, 0.06, 2) * style.height_px
            covered += lay_line(rng, desk, glyphs, style, start, along, gap)
    return covered
