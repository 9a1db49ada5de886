"""Scenes: made-up pictures of digits on sheets and boards, among all that is no digit, with the truth about each.

A scene follows from its seed alone. `python -m training.sheets OUT.jpg` shows some.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.clutter import clutter, cover_edge, hold, lay_dish, lay_thing
from training.scenes.glyphs import Glyph, Sources, digit, sign
from training.scenes.lens import Picture, photograph
from training.scenes.lines import Line, choose_line, number, row, text
from training.scenes.papers import Grey, board, rule, sheet
from training.scenes.pens import Affine, Ink, Pen, choose_pen, write
from training.scenes.things import Things

SIDE = 160  # pixels of a scene's side: two digits of the detector's largest size, and what stands around them
IGNORED = -1  # the label of what is neither to be found nor to be taken for background: digits cut by the edge
HEIGHTS = (14.0, 84.0)  # of digits, in pixels
FAINT = 24  # grey levels: paler ink drowns in noise and JPEG, and is neither learnt nor held against the detector
WHOLE, PART = 0.8, 0.25  # a digit that shows more of itself is whole; one that shows less is not a digit any more


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture (grey, SIDE x SIDE), and what is in it: boxes (n x 4: x, y, width, height, pixels) and labels (n).

    Labels are 0 to 9, NOT_A_DIGIT for a sign or letter, LIKE_DIGIT, IGNORED.
    """

    picture: Picture
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(slots=True)
class Desk:
    """A scene in the making: the grey it has so far, where nothing more can be written, and what was written."""

    grey: Grey
    taken: NDArray[np.bool_]
    is_dark: bool
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def put(self, ink: Ink, centre: NDArray[np.float64], tone: float, label: int) -> tuple[slice, slice] | None:
        """Write ink around a centre, unless something is there; return the pixels it covers, None if it wasn't written.

        tone is the share of the paper's light that ink lets through, or on a dark board the chalk's own grey.
        """
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


def make_scene(rng: np.random.Generator, sources: Sources, side: int = SIDE, numbers: int = 0) -> Scene:
    """Return a random scene; numbers are so many written first, where there is paper, whatever else comes."""
    angle = float(np.clip(rng.normal(0, 0.12), -0.45, 0.45))
    desk = lay_out(rng, side, angle, sources.things)
    if rng.random() < 0.12:
        overwrite_large(rng, desk, sources)
    if rng.random() < (0.3 if desk.is_dark else 0.13):
        fill(rng, desk, angle, lambda: text(rng, sources), (7, 30, 0.08, 0.2))
    elif rng.random() < 0.08:
        fill(rng, desk, angle, lambda: row(rng, sources), (13, 40, 0.2, 1.2))
    lines = [number(rng, sources) for _ in range(numbers)]
    lines += [choose_line(rng, sources) for _ in range(rng.choice(6, p=[0.14, 0.34, 0.24, 0.14, 0.08, 0.06]))]
    for line in lines:
        write_line(rng, desk, line, choose_hand(rng, angle), angle)
    boxes = np.array(desk.boxes, np.float32).reshape(-1, 4)
    labels = np.array(desk.labels, np.int64)
    finest = boxes[labels < NOT_A_DIGIT, 3].min(initial=side)
    return Scene(photograph(rng, desk.grey, finest), boxes, labels)


def lay_out(rng: np.random.Generator, side: int, angle: float, things: Things) -> Desk:
    """Return an empty sheet or board, or clutter that nothing is written on."""
    kind = rng.random()
    if kind < 0.22:
        return Desk(clutter(rng, side, things), np.ones((side, side), np.bool_), is_dark=False)
    is_dark = kind < 0.33
    grey = board(rng, side) if is_dark else sheet(rng, side)
    if not is_dark and rng.random() < 0.35:
        rule(rng, grey, angle + rng.normal(0, 0.02))
    blank = grey.copy()
    if rng.random() < 0.16:
        cover_edge(rng, grey, clutter(rng, side, things))
    if rng.random() < 0.06:
        hold(rng, grey)
    if rng.random() < 0.1:
        lay_dish(rng, grey)
    if things.stamps and rng.random() < 0.1:
        lay_thing(rng, grey, things)
    return Desk(grey, np.abs(grey - blank) > 12, is_dark)


def choose_hand(rng: np.random.Generator, angle: float) -> Affine:
    """Return how a writer's digits stand on the sheet: turned with it, slanted, narrow or wide."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slant = np.array([[1, -rng.normal(0, 0.1)], [0, 1]])
    return np.asarray(turn @ slant @ np.diag([rng.uniform(0.8, 1.2), rng.uniform(0.85, 1.1)]), np.float32)


def choose_tone(rng: np.random.Generator, desk: Desk) -> float:
    """Return how dark a pen is (how light a chalk)."""
    if desk.is_dark:
        return float(rng.uniform(min(float(desk.grey.mean()) + 45, 200), 255))
    return float(rng.uniform(0.6, 0.82) if rng.random() < 0.12 else rng.uniform(0.03, 0.6))


def write_line(rng: np.random.Generator, desk: Desk, glyphs: Sequence[Glyph], hand: Affine, angle: float) -> None:
    """Write glyphs one after another along a line, with one pen, somewhere on the desk."""
    height, pen, tone = float(np.exp(rng.uniform(*np.log(HEIGHTS)))), choose_pen(rng), choose_tone(rng, desk)
    along = np.array([np.cos(angle), np.sin(angle)])
    place = rng.uniform(0, desk.grey.shape[0], 2) - along * rng.uniform(0, len(glyphs) * height / 2)
    gap = rng.uniform(0.02, 0.2) if rng.random() < 0.4 else rng.uniform(0.1, 1.1)
    lay_line(rng, desk, glyphs, (height, hand, pen, tone), (place, along, gap * height))


def lay_line(
    rng: np.random.Generator,
    desk: Desk,
    glyphs: Sequence[Glyph],
    style: tuple[float, Affine, Pen, float],
    run: tuple[NDArray[np.float64], NDArray[np.float64], float],
) -> None:
    """Lay glyphs side by side; style is height, hand, pen and tone, run is the start, the direction and the gap."""
    (height, hand, pen, tone), (place, along, gap) = style, run
    covered = []
    for glyph in glyphs:
        if not glyph.size:  # between words; fonts lack some characters, too
            place = place + along * (0.3 * height + gap)
            continue
        ink = write(rng, glyph, height * glyph.size * rng.uniform(0.9, 1.1), hand, pen)
        if not ink.size:
            continue
        place = place + along * ink.shape[1] / 2
        wobble = rng.normal(0, 0.05 * height) * np.array([-along[1], along[0]])
        area = desk.put(ink, place + wobble, tone * rng.uniform(0.95, 1.05), glyph.label)
        covered += [area] if area else []
        place = place + along * (ink.shape[1] / 2 + gap * rng.uniform(0.7, 1.3))
    for rows, columns in covered:
        desk.taken[rows, columns] = True


def fill(
    rng: np.random.Generator,
    desk: Desk,
    angle: float,
    next_line: Callable[[], Line],
    limits: tuple[float, float, float, float],
) -> None:
    """Fill the desk with lines of one size, as a printed page, a letter or an exercise sheet has them.

    limits are the least and greatest height (pixels) and gap (in heights).
    """
    height, pen, tone = rng.uniform(*limits[:2]), choose_pen(rng), choose_tone(rng, desk)
    along = np.array([np.cos(angle), np.sin(angle)])
    down = np.array([-along[1], along[0]]) * height * rng.uniform(1.4, 2.2)
    start, gap = rng.uniform(-20, 20, 2), height * rng.uniform(*limits[2:])
    for step in range(int(desk.grey.shape[0] / np.linalg.norm(down)) + 1):
        line, hand = next_line(), choose_hand(rng, angle)
        lay_line(rng, desk, line, (height, hand, pen, tone), (start + step * down, along, gap))


def overwrite_large(rng: np.random.Generator, desk: Desk, sources: Sources) -> None:
    """Write one large digit or sign of which the scene shows a part: at this scale its strokes are no digits."""
    side = desk.grey.shape[0]
    glyph = digit(rng, sources) if rng.random() < 0.7 else sign(rng)
    height = rng.uniform(130, 420)
    ink = write(rng, glyph, height, choose_hand(rng, 0.0), choose_pen(rng))
    if ink.size:
        # a field this much enlarged shows its pixels as steps
        ink = np.clip(4 * cv2.GaussianBlur(ink, (0, 0), height / 60) - 1.5, 0, 1)
        area = desk.put(ink, rng.uniform(-0.2 * side, 1.2 * side, 2), choose_tone(rng, desk), IGNORED)
        if area:
            desk.taken[area] = True
