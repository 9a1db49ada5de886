"""What people write on one line: numbers, sums, labels, words, rows; each a list of glyphs from left to right."""

from dataclasses import replace

import numpy as np

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.equations import equation
from training.scenes.glyphs import (
    BLANK,
    SAME_AS_DIGITS,
    Glyph,
    Sources,
    choose_lettering,
    choose_writer,
    clear_letter,
    digit,
    handwritten,
    sign,
    typed,
    word_glyph,
)
from training.scenes.letters import LETTERS
from training.scenes.words import AFTER, BEFORE, SCRIPT_WORDS, choose_words

Line = list[Glyph]

COUNTS = np.array([0.34, 0.2, 0.15, 0.11, 0.08, 0.05, 0.04, 0.03])  # how often a number has 1, 2, ... 8 digits
# How often a line is of each kind.
KINDS = {
    "number": 0.38, "sum": 0.14, "equation": 0.15, "label": 0.08, "word": 0.1, "letters": 0.07, "signs": 0.05,
    "row": 0.03,
}  # fmt: skip
SINGLES = tuple(sorted(set(LETTERS) - set(SAME_AS_DIGITS)))


def choose_line(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a line of a random kind."""
    return make_line(rng, sources, str(rng.choice(list(KINDS), p=list(KINDS.values()))))


def make_line(rng: np.random.Generator, sources: Sources, kind: str) -> Line:
    """Return a line of one of KINDS."""
    makers = {"number": number, "sum": calculation, "equation": equation, "label": label, "word": word,
              "letters": letters, "signs": signs, "row": short_row}  # fmt: skip
    return makers[kind](rng, sources)


def number(rng: np.random.Generator, sources: Sources) -> Line:
    """Return the digits of a random number; one in ten repeats its digit."""
    count = 1 + int(rng.choice(len(COUNTS), p=COUNTS))
    if rng.random() < 0.1:
        return [digit(rng, sources)] * count
    return [digit(rng, sources) for _ in range(count)]


def decimal(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a number with a decimal point or comma."""
    point = replace(sign(rng, "dot" if rng.random() < 0.5 else "comma"), size=rng.uniform(0.3, 0.8), rise=-0.45)
    return [*number(rng, sources)[:3], point, *number(rng, sources)[:2]]


def row(rng: np.random.Generator, sources: Sources, count: int = 12) -> Line:
    """Return the same digit, sign or letter again and again, as on an exercise sheet."""
    kind = rng.random()
    if kind < 0.25:
        return [sign(rng)] * count
    if kind < 0.45:
        character, font = SINGLES[rng.integers(len(SINGLES))], choose_writer(rng, sources)
        return [handwritten(rng, sources, font, character) for _ in range(count)]
    value = digit(rng, sources).label
    return [digit(rng, sources, value) for _ in range(count)]


def short_row(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a row that is not as long as a page is wide."""
    return row(rng, sources, int(rng.integers(3, 8)))


def calculation(rng: np.random.Generator, sources: Sources) -> Line:
    """Return short numbers with signs between them, some in brackets."""
    line: Line = []
    for _ in range(int(rng.integers(2, 5))):
        term = decimal(rng, sources) if rng.random() < 0.1 else number(rng, sources)[:3]
        if rng.random() < 0.25:
            term = [sign(rng, "open"), *term, sign(rng), *number(rng, sources)[:2], sign(rng, "close")]
        line += [*term, sign(rng)]
    return line[: len(line) - int(rng.integers(2))]


def label(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a number with a word or letter before or after it: x = 42, Raum 7b, No. 15 kg."""
    font, line = choose_lettering(rng, sources), list[Glyph]()
    is_before = rng.random() < 0.6
    if is_before:
        line += [spell(rng, sources, BEFORE), BLANK]
        line += [sign(rng, "equals" if rng.random() < 0.6 else "colon"), BLANK] if rng.random() < 0.35 else []
    line += decimal(rng, sources) if rng.random() < 0.15 else number(rng, sources)[:4]
    if not is_before or rng.random() < 0.35:
        after = AFTER[rng.integers(len(AFTER))]
        line += [BLANK] if rng.random() < 0.5 else []
        line += [word_glyph(rng, font, after)]
    return line


def spell(rng: np.random.Generator, sources: Sources, words: tuple[str, ...]) -> Glyph:
    """Return one of some words: a single letter often drawn by strokes."""
    chosen = words[rng.integers(len(words))]
    if len(chosen) == 1:
        return handwritten(rng, sources, choose_writer(rng, sources), chosen)
    return word_glyph(rng, choose_lettering(rng, sources), chosen)


def letters(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a few single letters: initials, a formula's names, points of a drawing."""
    font, count = choose_writer(rng, sources), 1 + int(rng.choice(6, p=(0.34, 0.26, 0.16, 0.1, 0.08, 0.06)))
    # among others, a letter that looks just like a digit is known by its company
    choice = SINGLES if count < 3 else SINGLES + tuple(SAME_AS_DIGITS)
    return [handwritten(rng, sources, font, choice[rng.integers(len(choice))]) for _ in range(count)]


def signs(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a few signs and letters that are like no digit."""
    return [sign(rng) if rng.random() < 0.6 else clear_letter(rng, sources) for _ in range(rng.integers(1, 4))]


def word(rng: np.random.Generator, sources: Sources) -> Line:
    """Return one to three words of two letters or more."""
    return text(rng, sources, count=1 + int(rng.choice(3, p=(0.6, 0.25, 0.15))))


def text(rng: np.random.Generator, sources: Sources, count: int = 6) -> Line:
    """Return a line of a text, in one font: each word whole, its letters joined as the font joins them, or spelled."""
    scripts = [script for script, fonts in sources.script_fonts.items() if fonts]
    if scripts and rng.random() < 0.25:
        script = scripts[rng.integers(len(scripts))]
        font = sources.script_fonts[script][rng.integers(len(sources.script_fonts[script]))]
        chosen = rng.choice(SCRIPT_WORDS[script], count).tolist()
    else:
        font, chosen = choose_lettering(rng, sources), choose_words(rng, count)
    if rng.random() < 0.5:  # letter by letter: the classifier is shown each of them
        return [glyph for word in chosen for glyph in (*(typed(rng, font, one, NOT_A_DIGIT) for one in word), BLANK)]
    return [glyph for word in chosen for glyph in (word_glyph(rng, font, word), BLANK)]
