"""Glyphs: digits, signs, letters and words as distance fields, from MNIST, strokes or fonts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import NOT_A_DIGIT
from shared.vision.gray_frame import as_uint8
from shared.vision.normaliser import measure_slant
from training.data import load_mnist
from training.scenes.fields import (
    BOX,
    SIDE,
    Field,
    Mask,
    enlarge_image,
    make_body_field,
    make_line_field,
    thin_body,
    trim_mask,
)
from training.scenes.fonts import (
    find_board_fonts,
    find_hand_fonts,
    find_print_fonts,
    find_script_fonts,
    measure_capital,
    render_letter,
    render_word,
)
from training.scenes.letters import LETTERS, draw_letter
from training.scenes.strokes import DIGITS, SIGNS, make_scribble, rasterise_strokes, vary_strokes
from training.scenes.things import NO_THINGS, Things, load_things

# Letters that look like no digit, even on their own.
CLEAR_LETTERS = "ACEFGHKLMNPRTUVWXYacdefhkmnprtuvwxy"
# Letters that only their context tells from digits.
SAME_AS_DIGITS = "OoIl|ㄱㄹ"
MARKS = "!?#@&%*+<>=()[]{}~^"
# In a sum, people write brackets and slashes taller than the digits, other operators smaller.
TALL = (*3 * ("slash",), *3 * ("open", "close"), "backslash", "open square", "close square")
# Plus is the most frequent: an upright cross looks like a 4 to a network that has seen few.
OPERATORS = (*4 * ("plus",), *2 * ("star", "minus", "times"), "equals", "divide", "dot", "comma")

MIX = {"mnist": 0.48, "strokes": 0.26, "hand": 0.2, "print": 0.06}  # the sources of digits
# How often each digit is written: 1 leads (Benford), and a bare stroke is half of all 1s. 0 and 1 come more often than
# people write them, since so much that is no digit is a ring or a stroke: with fewer their scores stay low.
RATES = np.array([0.14, 0.15, 0.09, 0.09, 0.09, 0.09, 0.085, 0.09, 0.085, 0.09])
BARE_ONES = 0.1  # of all 1s, on top of MNIST's


@dataclass(frozen=True, slots=True)
class Glyph:
    """A field, whether it is of a centre line or of a body, and its class (0 to 10).

    size is its longer side, rise the height of its middle above the middle of its line, both in heights of that line's
    digits and capitals.
    """

    field: Field
    is_line: bool
    label: int
    size: float = 1.0
    rise: float = 0.0


BLANK = Glyph(np.zeros((1, 1), np.float32), is_line=False, label=NOT_A_DIGIT, size=0)  # a gap between words


@dataclass(frozen=True, slots=True)
class Sources:
    """What scenes are made of: MNIST's training images (never its test images), font files, photographed objects."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    print_fonts: tuple[Path, ...]
    hand_fonts: tuple[Path, ...]
    things: Things = NO_THINGS
    board_fonts: tuple[Path, ...] = ()
    script_fonts: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    indices: dict[int, NDArray[np.intp]] = field(default_factory=dict)  # indices of images by digit, found on first use

    def choose_image(self, rng: np.random.Generator, label: int) -> NDArray[np.uint8]:
        """Return a random image of a digit."""
        if label not in self.indices:
            self.indices[label] = np.flatnonzero(self.labels == label)
        indices = self.indices[label]
        return np.asarray(self.images[indices[rng.integers(len(indices))]])


def load_sources(root: Path, keep: slice = slice(None)) -> Sources:
    """Return the sources under ROOT; keep chooses the part of MNIST's training images."""
    images, labels = load_mnist("train", root)
    return Sources(
        images[keep],
        labels[keep],
        find_print_fonts(),
        find_hand_fonts(root),
        things=load_things(root),
        board_fonts=find_board_fonts(root),
        script_fonts=find_script_fonts(root),
    )


# ------------------------------------------------------------------------------------------------------------ digits


def make_digit(rng: np.random.Generator, sources: Sources, label: int | None = None) -> Glyph:
    """Return a digit of this label, or a random one by RATES."""
    label = int(rng.choice(10, p=RATES)) if label is None else label
    if label == 1 and rng.random() < BARE_ONES:
        return draw_digit(rng, 1, way=0)
    source = rng.choice(list(MIX), p=list(MIX.values()))
    if source == "mnist":
        return make_mnist_digit(rng, sources, label)
    if source == "strokes":
        return draw_digit(rng, label, int(rng.integers(len(DIGITS[label]))))
    return replace(
        make_font_letter(rng, choose_font(rng, sources, by_hand=source == "hand"), str(label), label), size=1, rise=0
    )


def draw_digit(rng: np.random.Generator, label: int, way: int) -> Glyph:
    """Return a digit drawn in one of the ways of DIGITS."""
    mask = rasterise_strokes(vary_strokes(rng, DIGITS[label][way]), rng.uniform(0.35, 0.95))
    return Glyph(make_line_field(trim_mask(mask)), is_line=True, label=label)


def make_mnist_digit(rng: np.random.Generator, sources: Sources, label: int) -> Glyph:
    """Return an MNIST digit as it was written, or its centre line, to be drawn with another pen."""
    body = enlarge_image(sources.choose_image(rng, label))
    if label == 1:
        body = reduce_slant(body, rng.uniform(0.85, 1))
    body = trim_mask(body)
    if rng.random() < 0.4:
        return Glyph(make_body_field(body), is_line=False, label=label)
    return Glyph(make_line_field(thin_body(body)), is_line=True, label=label)


def reduce_slant(body: Mask, share: float) -> Mask:
    """Return a body with a share of its slant removed: some of MNIST's 1s slant like slashes."""
    slant = -share * measure_slant(body[None])[0]
    back = np.array([[1, slant, -slant * (SIDE - 1) / 2], [0, 1, 0]], np.float64)
    return as_uint8(cv2.warpAffine(body, back, (SIDE, SIDE), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP))


# ------------------------------------------------------------------------------------------------------------- fonts


def choose_font(rng: np.random.Generator, sources: Sources, *, by_hand: bool) -> Path:
    """Return a random font; a print font if there is no handwriting font."""
    fonts = sources.hand_fonts if by_hand and sources.hand_fonts else sources.print_fonts
    return fonts[rng.integers(len(fonts))]


def choose_lettering(rng: np.random.Generator, sources: Sources) -> Path:
    """Return a random font for words: of boards and signs, handwriting or print."""
    kind = rng.random()
    if kind < 0.2 and sources.board_fonts:
        return sources.board_fonts[rng.integers(len(sources.board_fonts))]
    return choose_font(rng, sources, by_hand=kind < 0.75)


def make_font_letter(rng: np.random.Generator, font: Path, character: str, label: int) -> Glyph:
    """Return a font's character as printed, or its centre line, to be drawn with a pen."""
    is_line = bool(rng.random() < 0.5)
    return Glyph(
        make_letter_field(font, character, is_line=is_line), is_line, label, *render_letter(font, character)[1:]
    )


@lru_cache(maxsize=8192)
def make_letter_field(font: Path, character: str, *, is_line: bool) -> Field:
    """Return the field of a font's character; cached, since most scenes use the same few thousand."""
    body = trim_mask(render_letter(font, character)[0])
    return make_line_field(thin_body(body)) if is_line else make_body_field(body)


def make_word(rng: np.random.Generator, font: Path, word: str) -> Glyph:
    """Return a word, its letters joined if the font joins them: as printed, outlined or drawn with a pen."""
    body, rise = render_word(font, word)
    if not body.any():
        return BLANK
    body, kind = trim_mask(body), rng.random()
    # a field is drawn as if 60 of its pixels were the line's height; this font's capitals have fewer
    size = BOX / measure_capital(font)[1]
    if kind < 0.3:
        return Glyph(make_line_field(thin_body(body)), is_line=True, label=NOT_A_DIGIT, size=size, rise=rise)
    outlined = kind < 0.36
    away = make_body_field(body)
    return Glyph(np.abs(away) if outlined else away, is_line=outlined, label=NOT_A_DIGIT, size=size, rise=rise)


# -------------------------------------------------------------------------------------------------- letters and signs


def make_letter(rng: np.random.Generator, sources: Sources, font: Path | None, character: str) -> Glyph:
    """Return a letter of a font, or drawn by strokes if font is None or lacks it."""
    if font and character.isascii():
        glyph = make_font_letter(rng, font, character, NOT_A_DIGIT)
        if glyph.size:
            return glyph
    if character in LETTERS:
        mask, size, rise = draw_letter(rng, character)
        return Glyph(make_line_field(trim_mask(mask)), is_line=True, label=NOT_A_DIGIT, size=size, rise=rise)
    return make_font_letter(rng, choose_font(rng, sources, by_hand=True), character, NOT_A_DIGIT)


def choose_writer(rng: np.random.Generator, sources: Sources) -> Path | None:
    """Return the font of a line's letters, None for letters drawn by strokes."""
    return None if rng.random() < 0.5 else choose_font(rng, sources, by_hand=rng.random() < 0.9)


def make_sign(rng: np.random.Generator, name: str = "") -> Glyph:
    """Return the named sign, or a random one."""
    name = name or choose_sign(rng)
    sizes = (0.8, 1.8) if name in TALL else (0.35, 1.2) if name in OPERATORS else (0.4, 1.3)
    strokes = SIGNS[name] if rng.random() < 0.97 else make_scribble(rng)
    # a slash slants by at least 17 degrees, unlike a bare 1; handwritten brackets are narrower than other signs
    narrow = rng.uniform(0.32 if name in {"open", "close"} else 0.45, 1.1)
    mask = trim_mask(rasterise_strokes(strokes, narrow))
    return Glyph(make_line_field(mask), is_line=True, label=NOT_A_DIGIT, size=rng.uniform(*sizes))


def choose_sign(rng: np.random.Generator) -> str:
    """Return a sign's name; those of sums come more often than the others."""
    kind = rng.random()
    names = TALL if kind < 0.28 else OPERATORS if kind < 0.66 else tuple(SIGNS)
    return names[rng.integers(len(names))]


def make_clear_letter(rng: np.random.Generator, sources: Sources) -> Glyph:
    """Return a letter or a mark that looks like no digit, even on its own."""
    characters = CLEAR_LETTERS + MARKS
    font = choose_font(rng, sources, by_hand=rng.random() < 0.6)
    glyph = make_font_letter(rng, font, characters[rng.integers(len(characters))], NOT_A_DIGIT)
    return glyph if glyph.size else make_clear_letter(rng, sources)  # fonts lack some characters
