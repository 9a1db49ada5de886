"""What can be written: a digit or a sign as a distance field, from MNIST, from strokes or from typefaces."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from shared.vision.gray_frame import as_uint8
from shared.vision.normaliser import measure_slant
from training.data import load_mnist
from training.scenes.fields import SIDE, Field, Mask, body_field, enlarge, line_field, thin
from training.scenes.fonts import board_fonts, hand_fonts, letter, print_fonts
from training.scenes.strokes import DIGITS, SIGNS, draw, scribble
from training.scenes.things import NO_THINGS, Things, load_things

# Letters that no one takes for a digit. The others look like one, and only their neighbours tell.
CLEAR_LETTERS = "ACEFGHKLMNPRTUVWXYacdefhkmnprtuvwxy"
LIKE_DIGITS = "OoIilSsZzBbgqDQjJ"
MARKS = "!?#@&%*+<>=()[]{}~^"
# The label of a letter of a word that, alone, could be a digit: background to the detector, which sees the word.
LIKE_DIGIT = 11
# Beside the digits of a sum people write brackets and slashes taller, other operators smaller.
TALL = (*5 * ("slash",), *2 * ("open", "close"), "backslash", "open square", "close square")
# An upright cross is a 4 to who has seen few.
OPERATORS = (*4 * ("plus",), *2 * ("star", "minus", "times"), "equals", "divide", "dot", "comma")

MIX = {"mnist": 0.48, "strokes": 0.26, "hand": 0.2, "print": 0.06}  # where digits come from


@dataclass(frozen=True, slots=True)
class Glyph:
    """Something to write: its field, whether that is of a centre line or of a body, its class (0 to 11).

    size is its longer side beside that of the digits or capitals of its line.
    """

    field: Field
    is_line: bool
    label: int
    size: float = 1.0


BLANK = Glyph(np.zeros((SIDE, SIDE), np.float32), is_line=False, label=NOT_A_DIGIT, size=0)  # a gap between words


@dataclass(frozen=True, slots=True)
class Sources:
    """MNIST's training images (never its test images), and the font files and photographed things at hand."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    print_fonts: tuple[Path, ...]
    hand_fonts: tuple[Path, ...]
    things: Things = NO_THINGS
    board_fonts: tuple[Path, ...] = ()


def load_sources(root: Path, keep: slice = slice(None)) -> Sources:
    """Return the sources under ROOT; keep chooses the part of MNIST's training images."""
    images, labels = load_mnist("train", root)
    return Sources(images[keep], labels[keep], print_fonts(), hand_fonts(root), load_things(root), board_fonts(root))


def digit(rng: np.random.Generator, sources: Sources, label: int | None = None) -> Glyph:
    """Return a random digit, or one that was asked for."""
    source = rng.choice(list(MIX), p=list(MIX.values()))
    label = int(rng.integers(10)) if label is None else label
    if source == "mnist":
        return mnist_digit(rng, sources, label)
    if source == "strokes":
        ways = DIGITS[label]
        return Glyph(
            line_field(draw(ways[rng.integers(len(ways))], rng.uniform(0.35, 0.95))), is_line=True, label=label
        )
    return typed(rng, choose_font(rng, sources, by_hand=source == "hand"), str(label), label)


def mnist_digit(rng: np.random.Generator, sources: Sources, label: int) -> Glyph:
    """Return an MNIST digit: as it was written, or its centre line, for another pen."""
    body = enlarge(sources.images[rng.choice(np.flatnonzero(sources.labels == label))])
    if label == 1:
        body = set_upright(body, rng.uniform(0.85, 1))
    if rng.random() < 0.4:
        return Glyph(body_field(body), is_line=False, label=label)
    return Glyph(line_field(thin(body)), is_line=True, label=label)


def set_upright(body: Mask, share: float) -> Mask:
    """Return a body with a share of its slant taken off: MNIST has 1s that lean as only slashes do elsewhere."""
    slant = -share * measure_slant(body[None])[0]
    back = np.array([[1, slant, -slant * (SIDE - 1) / 2], [0, 1, 0]], np.float64)
    return as_uint8(cv2.warpAffine(body, back, (SIDE, SIDE), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP))


def choose_font(rng: np.random.Generator, sources: Sources, *, by_hand: bool) -> Path:
    """Return a random font; a print font where no handwriting is at hand."""
    fonts = sources.hand_fonts if by_hand and sources.hand_fonts else sources.print_fonts
    return fonts[rng.integers(len(fonts))]


def choose_lettering(rng: np.random.Generator, sources: Sources) -> Path:
    """Return a random font for words: of boards and signs, handwriting or print."""
    kind = rng.random()
    if kind < 0.2 and sources.board_fonts:
        return sources.board_fonts[rng.integers(len(sources.board_fonts))]
    return choose_font(rng, sources, by_hand=kind < 0.65)


def typed(rng: np.random.Generator, font: Path, character: str, label: int) -> Glyph:
    """Return a typeface's character: as printed, or its centre line, written by a pen."""
    is_line = bool(rng.random() < 0.5)
    field, size = letter_field(font, character, is_line=is_line)
    return Glyph(field, is_line, label, size if label >= NOT_A_DIGIT else 1.0)


@lru_cache(maxsize=8192)
def letter_field(font: Path, character: str, *, is_line: bool) -> tuple[Field, float]:
    """Return the field of a typeface's character and its size; kept, since the same few thousand come all the time."""
    body, size = letter(font, character)
    return (line_field(thin(body)) if is_line else body_field(body)), size


def sign(rng: np.random.Generator, name: str = "") -> Glyph:
    """Return a written sign that is not a digit: the named one, or any."""
    name = name or choose_sign(rng)
    sizes = (0.8, 1.8) if name in TALL else (0.35, 1.2) if name in OPERATORS else (0.4, 1.3)
    strokes = SIGNS[name] if rng.random() < 0.97 else scribble(rng)
    field = line_field(draw(strokes, rng.uniform(0.35 if "slash" in name else 0.5, 1.1)))
    return Glyph(field, is_line=True, label=NOT_A_DIGIT, size=rng.uniform(*sizes))


def choose_sign(rng: np.random.Generator) -> str:
    """Return a sign's name; those of sums come more often than the others."""
    kind = rng.random()
    names = TALL if kind < 0.4 else OPERATORS if kind < 0.7 else tuple(SIGNS)
    return names[rng.integers(len(names))]


def clear_letter(rng: np.random.Generator, sources: Sources) -> Glyph:
    """Return a letter or a mark that, alone, is no digit."""
    characters = CLEAR_LETTERS + MARKS
    font = choose_font(rng, sources, by_hand=rng.random() < 0.6)
    glyph = typed(rng, font, characters[rng.integers(len(characters))], NOT_A_DIGIT)
    return glyph if glyph.size else clear_letter(rng, sources)  # fonts lack some characters
