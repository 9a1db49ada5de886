"""What people write on one line: numbers, sums, words, rows of signs; each a list of glyphs from left to right."""

import re
from functools import cache
from pathlib import Path

import numpy as np

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.glyphs import (
    BLANK,
    LIKE_DIGIT,
    LIKE_DIGITS,
    Glyph,
    Sources,
    choose_lettering,
    clear_letter,
    digit,
    sign,
    typed,
)

Line = list[Glyph]

COUNTS = np.array([0.34, 0.2, 0.15, 0.11, 0.08, 0.05, 0.04, 0.03])  # how often a number has 1, 2, ... 8 digits
KINDS = {"number": 0.45, "sum": 0.26, "word": 0.14, "signs": 0.09, "row": 0.06}  # of lines
WORDS_OF_A_TEXT = 6  # on one line: a desk is not wider


def choose_line(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a line of a random kind."""
    kind = rng.choice(list(KINDS), p=list(KINDS.values()))
    if kind == "number":
        return number(rng, sources)
    if kind == "sum":
        return calculation(rng, sources)
    if kind == "word":
        return word(rng, sources)
    if kind == "row":
        return row(rng, sources, int(rng.integers(3, 8)))
    return [sign(rng) if rng.random() < 0.6 else clear_letter(rng, sources) for _ in range(rng.integers(1, 4))]


def number(rng: np.random.Generator, sources: Sources) -> Line:
    """Return the digits of a random number; one in eight repeats its digit."""
    count = 1 + int(rng.choice(len(COUNTS), p=COUNTS))
    if rng.random() < 0.12:
        return [digit(rng, sources)] * count
    return [digit(rng, sources) for _ in range(count)]


def row(rng: np.random.Generator, sources: Sources, count: int = 12) -> Line:
    """Return the same digit or sign again and again, as on an exercise sheet."""
    if rng.random() < 0.4:
        return [sign(rng)] * count
    label = int(rng.integers(10))
    return [digit(rng, sources, label) for _ in range(count)]


def calculation(rng: np.random.Generator, sources: Sources) -> Line:
    """Return short numbers with signs between them, some in brackets."""
    line: Line = []
    for _ in range(int(rng.integers(2, 5))):
        term = number(rng, sources)[:3]
        if rng.random() < 0.25:
            term = [sign(rng, "open"), *term, sign(rng), *number(rng, sources)[:2], sign(rng, "close")]
        line += [*term, sign(rng)]
    return line[: len(line) - int(rng.integers(2))]


def word(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a word in one font: among its letters, O is no 0. Every word has a letter that is like no digit."""
    font = choose_lettering(rng, sources)
    while set(letters := choose_words(rng, 1)) <= set(LIKE_DIGITS):
        pass
    return spell(rng, font, letters)


def text(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a line of a text in one font."""
    font = choose_lettering(rng, sources)
    return spell(rng, font, choose_words(rng, WORDS_OF_A_TEXT))


def choose_words(rng: np.random.Generator, count: int) -> str:
    """Return words that follow each other in English, in one of three cases."""
    start = int(rng.integers(len(words()) - count))
    return (str.upper, str.lower, str)[rng.integers(3)](" ".join(words()[start : start + count]))


@cache
def words() -> tuple[str, ...]:
    """Return the words of Python's own manual: English that every machine with Python has."""
    from pydoc_data.topics import topics  # noqa: PLC0415 - half a megabyte, which only makers of scenes need

    return tuple(re.findall(r"\b[A-Za-z]{2,10}\b", " ".join(topics.values())))


def spell(rng: np.random.Generator, font: Path, letters: str) -> Line:
    """Return the glyphs of a text, the gaps between its words as blanks."""
    labels = [LIKE_DIGIT if letter in LIKE_DIGITS else NOT_A_DIGIT for letter in letters]
    return [
        BLANK if letter == " " else typed(rng, font, letter, label)
        for letter, label in zip(letters, labels, strict=True)
    ]
