"""Synthetic scenes: pictures of digits on sheets and boards, among distractors, with labelled boxes.

A scene depends on its seed alone. `python -m training.docs_pictures.scenes OUT.jpg` shows some.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.clutter import cover_edge, draw_fingers, lay_dish, lay_thing, make_clutter
from training.scenes.desk import IGNORED, Desk, Style, enclose_areas, lay_fraction, lay_line, lay_table
from training.scenes.equations import make_power
from training.scenes.glyphs import BLANK, OPERATORS, Sources, choose_writer, make_digit, make_letter, make_sign
from training.scenes.lens import Picture, simulate_camera
from training.scenes.lines import (
    KINDS,
    SINGLES,
    Line,
    choose_line,
    make_letters,
    make_line,
    make_number,
    make_row,
    make_text,
    make_words,
)
from training.scenes.papers import draw_ruling, make_board, make_sheet
from training.scenes.pens import Affine, choose_pen, draw_glyph
from training.scenes.sampling import draw_log_uniform
from training.scenes.stationery import lay_stationery
from training.scenes.things import Things

SIDE = 160  # pixels of a scene's side: two digits of the detector's largest size, and their surroundings
HEIGHTS = (14.0, 84.0)  # of digits, in pixels
TINY = (6.0, 14.0)
LARGE = (95.0, 420.0)  # of a digit that is larger than the scene, so that its loops and halves are not digits
LINES = 0.012  # mean number of lines, per pixel of a scene's side


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture (grey, SIDE x SIDE), its boxes (n x 4: x, y, width, height in pixels) and their labels (n).

    Labels are 0 to 9, NOT_A_DIGIT for a sign, a letter or a word, IGNORED.
    """

    picture: Picture
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


def make_scene(
    rng: np.random.Generator, sources: Sources, side: int = SIDE, numbers: int = 0, letters: int = 0
) -> Scene:
    """Return a random scene. So many numbers and lines of letters are written first, if there is room."""
    angle = float(np.clip(rng.normal(0, 0.12), -0.45, 0.45))
    desk = lay_out_desk(rng, side, angle, sources.things)
    kind = rng.random()
    if kind < 0.12:
        write_large(rng, desk, sources, angle)
    elif kind < 0.14:
        write_portrait(rng, desk, sources, angle)
    elif kind < 0.17:
        write_table(rng, desk, sources, angle)
    if rng.random() < (0.3 if desk.is_dark else 0.13):
        fill_with_lines(rng, desk, angle, lambda wide: make_text(rng, sources, 1 + int(0.4 * wide)), (7, 30, 0.08, 0.2))
    elif rng.random() < 0.08:
        fill_with_lines(rng, desk, angle, lambda wide: make_row(rng, sources, 2 + int(wide)), (13, 40, 0.2, 1.2))
    lines = [make_number(rng, sources) for _ in range(numbers)]
    lines += [make_letters(rng, sources) for _ in range(letters)]
    lines += [choose_line(rng, sources) for _ in range(rng.poisson(LINES * side))]
    for line in lines:
        write_line(rng, desk, line, angle)
    if rng.random() < 0.02:
        write_fraction(rng, desk, sources, angle)
    return take_picture(rng, desk)


def make_example(rng: np.random.Generator, sources: Sources, kind: str, side: int = SIDE) -> Scene:
    """Return a scene with one of EXAMPLES, for inspection."""
    angle = float(rng.normal(0, 0.06))
    desk = Desk(make_sheet(rng, side), np.zeros((side, side), np.bool_), is_dark=False)
    if kind == "stationery":
        for _ in range(3):
            lay_stationery(rng, desk.grey)
    elif kind == "text":
        fill_with_lines(rng, desk, angle, lambda wide: make_text(rng, sources, 1 + int(0.4 * wide)), (7, 30, 0.08, 0.2))
    elif kind in WRITERS:
        WRITERS[kind](rng, desk, sources, angle)
    else:
        for _ in range(4):
            write_line(rng, desk, make_line(rng, sources, kind), angle)
    return take_picture(rng, desk)


def take_picture(rng: np.random.Generator, desk: Desk) -> Scene:
    """Return a desk as a camera sees it, with its labels."""
    boxes = np.array(desk.boxes, np.float32).reshape(-1, 4)
    labels = np.array(desk.labels, np.int64)
    finest = boxes[labels < NOT_A_DIGIT, 3].min(initial=desk.grey.shape[0])
    return Scene(simulate_camera(rng, desk.grey, finest), boxes, labels)


def lay_out_desk(rng: np.random.Generator, side: int, angle: float, things: Things) -> Desk:
    """Return an empty sheet or board, or clutter, on which nothing can be written."""
    kind = rng.random()
    if kind < 0.22:
        return Desk(make_clutter(rng, side, things), np.ones((side, side), np.bool_), is_dark=False)
    is_dark = kind < 0.33
    grey = make_board(rng, side) if is_dark else make_sheet(rng, side)
    if not is_dark and rng.random() < 0.35:
        draw_ruling(rng, grey, angle + rng.normal(0, 0.02))
    blank = grey.copy()
    if rng.random() < 0.16:
        cover_edge(rng, grey, make_clutter(rng, side, things))
    if rng.random() < 0.06:
        draw_fingers(rng, grey)
    if rng.random() < 0.04:
        lay_dish(rng, grey)
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.12 else 0):
        lay_stationery(rng, grey)
    if things.stamps and rng.random() < 0.1:
        lay_thing(rng, grey, things)
    return Desk(grey, np.abs(grey - blank) > 12, is_dark)


def choose_hand(rng: np.random.Generator, angle: float) -> Affine:
    """Return the transform of a writer's glyphs: rotated with the sheet, slanted, narrow or wide."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slant = np.array([[1, -rng.normal(0, 0.1)], [0, 1]])
    return np.asarray(turn @ slant @ np.diag([rng.uniform(0.8, 1.2), rng.uniform(0.85, 1.1)]), np.float32)


def choose_tone(rng: np.random.Generator, desk: Desk) -> float:
    """Return the tone of a pen or a chalk; coloured ink is pale in grey."""
    if desk.is_dark:
        return float(rng.uniform(min(float(desk.grey.mean()) + 45, 200), 255))
    return float(rng.uniform(0.6, 0.86) if rng.random() < 0.15 else rng.uniform(0.03, 0.6))


def choose_style(rng: np.random.Generator, desk: Desk, angle: float, height_px: float) -> Style:
    """Return one writer's style."""
    return Style(height_px, choose_hand(rng, angle), choose_pen(rng), choose_tone(rng, desk))


def choose_height(rng: np.random.Generator) -> float:
    """Return a random height of digits, in pixels."""
    return draw_log_uniform(rng, *(TINY if rng.random() < 0.04 else HEIGHTS))


def find_direction(angle: float) -> NDArray[np.float64]:
    """Return the direction that lines at an angle run in."""
    return np.array([np.cos(angle), np.sin(angle)])


def write_line(rng: np.random.Generator, desk: Desk, glyphs: Line, angle: float) -> None:
    """Write glyphs along a line at a random place. Some lines have touching glyphs or an outline around them."""
    style, along = choose_style(rng, desk, angle, choose_height(rng)), find_direction(angle)
    place = rng.uniform(0, desk.grey.shape[0], 2) - along * rng.uniform(0, len(glyphs) * style.height_px / 2)
    kind = rng.random()
    gap = rng.uniform(-0.12, 0.02) if kind < 0.05 else rng.uniform(0.02, 0.2) if kind < 0.5 else rng.uniform(0.1, 1.1)
    areas = lay_line(rng, desk, glyphs, style, place, along, gap * style.height_px)
    if areas and len(glyphs) <= 4 and rng.random() < 0.05:
        areas = areas + enclose_areas(rng, desk, areas, style, along)
    desk.occupy(areas)


def write_fraction(rng: np.random.Generator, desk: Desk, sources: Sources, angle: float) -> None:
    """Write one short line above another, with a bar between."""
    style, writer = choose_style(rng, desk, angle, choose_height(rng)), choose_writer(rng, sources)
    above, below = (
        make_number(rng, sources)[:3] if rng.random() < 0.7 else make_power(rng, sources, writer, ["x", "y", "a"])
        for _ in "ab"
    )
    middle = rng.uniform(0, desk.grey.shape[0], 2)
    desk.occupy(lay_fraction(rng, desk, above, below, style, middle, find_direction(angle)))


def write_table(rng: np.random.Generator, desk: Desk, sources: Sources, angle: float) -> None:
    """Draw a table of numbers, with a few words, signs and empty cells."""
    style, along = choose_style(rng, desk, angle, rng.uniform(12, 44)), find_direction(angle)
    rows, columns, digits = (int(rng.integers(1, most)) for most in (6, 6, 4))
    wide = style.height_px * (0.7 * digits + rng.uniform(0.3, 1.2))
    high = style.height_px * rng.uniform(1.15, 2.2)

    def cell() -> Line:
        kind = rng.random()
        if kind < 0.7:
            return make_number(rng, sources)[:digits]
        if kind < 0.8:
            return [make_letter(rng, sources, choose_writer(rng, sources), SINGLES[rng.integers(len(SINGLES))])]
        return (
            make_words(rng, sources)[:1] if kind < 0.84 and digits > 1 else [make_sign(rng)] if kind < 0.9 else [BLANK]
        )

    cells = [[cell() for _ in range(columns)] for _ in range(rows)]
    corner = rng.uniform(-0.3, 0.6, 2) * desk.grey.shape[0]
    desk.occupy(lay_table(rng, desk, cells, style, corner, along, (wide, high)))


def write_portrait(rng: np.random.Generator, desk: Desk, sources: Sources, angle: float) -> None:
    """Write one digit, letter or operator that fills the picture, up to the detector's largest size.

    Brackets are left out: without a digit next to it, a bracket can't be told from a 1.
    """
    side, kind = desk.grey.shape[0], rng.random()
    glyph = make_digit(rng, sources)
    if kind > 0.7:
        letter = make_letter(rng, sources, choose_writer(rng, sources), SINGLES[rng.integers(len(SINGLES))])
        glyph = letter if kind < 0.86 else make_sign(rng, OPERATORS[rng.integers(len(OPERATORS))])
    style = choose_style(rng, desk, angle, rng.uniform(0.5, 0.98) * min(side, HEIGHTS[1]))
    ink = draw_glyph(rng, glyph, style.height_px, style.hand, style.pen)
    if ink.size:
        spread = max(0.0, side - max(ink.shape)) / 2
        area = desk.place_ink(ink, side / 2 + rng.uniform(-spread, spread, 2), style.tone, glyph.label)
        desk.occupy([area] if area else [])


def fill_with_lines(
    rng: np.random.Generator,
    desk: Desk,
    angle: float,
    next_line: Callable[[float], Line],
    limits: tuple[float, float, float, float],
) -> None:
    """Fill the desk with lines of one size, as on a printed page, a letter or an exercise sheet.

    next_line takes the desk's width, in line heights. limits are the minimum and maximum height (in pixels), then the
    minimum and maximum gap (in line heights).
    """
    style = choose_style(rng, desk, angle, rng.uniform(*limits[:2]))
    along = find_direction(angle)
    down = np.array([-along[1], along[0]]) * style.height_px * rng.uniform(1.4, 2.2)
    start, gap = rng.uniform(-20, 20, 2), style.height_px * rng.uniform(*limits[2:])
    wide = desk.grey.shape[0] / style.height_px
    for step in range(int(desk.grey.shape[0] / np.linalg.norm(down)) + 1):
        desk.occupy(lay_line(rng, desk, next_line(wide), style, start + step * down, along, gap))


def write_large(rng: np.random.Generator, desk: Desk, sources: Sources, angle: float) -> None:
    """Write one digit or sign that is larger than the scene: the visible strokes are not digits."""
    side = desk.grey.shape[0]
    glyph = make_digit(rng, sources) if rng.random() < 0.7 else make_sign(rng)
    height = draw_log_uniform(rng, *LARGE)
    ink = draw_glyph(rng, glyph, height, choose_hand(rng, angle), choose_pen(rng))
    if ink.size:
        # smooths the steps of a field that is enlarged this much
        ink = np.clip(4 * cv2.GaussianBlur(ink, (0, 0), height / 60) - 1.5, 0, 1)
        area = desk.place_ink(ink, rng.uniform(-0.2 * side, 1.2 * side, 2), choose_tone(rng, desk), IGNORED)
        desk.occupy([area] if area else [])


WRITERS = {"large": write_large, "portrait": write_portrait, "table": write_table, "fraction": write_fraction}
EXAMPLES = (*KINDS, "text", *WRITERS, "stationery")
