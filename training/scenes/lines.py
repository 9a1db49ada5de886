"""The contents of a line: numbers, sums, labels, words, rows; each a list of glyphs from left to right."""

from dataclasses import replace

import numpy as np

from shared.vision.digit import NOT_A_DIGIT
from training.scenes.equations import make_equation
from training.scenes.glyphs import (
    BLANK,
    SAME_AS_DIGITS,
    Glyph,
    Sources,
    choose_lettering,
    choose_writer,
    make_clear_letter,
    make_digit,
    make_font_letter,
    make_letter,
    make_sign,
    make_word,
)
from training.scenes.letters import LETTERS
from training.scenes.words import AFTER, BEFORE, SCRIPT_WORDS, choose_words

Line = list[Glyph]

COUNTS = np.array([0.34, 0.2, 0.15, 0.11, 0.08, 0.05, 0.04, 0.03])  # probability of 1, 2, ... 8 digits
# Probability of each kind of line.
KINDS = {
    "number": 0.43, "sum": 0.24, "equation": 0.03, "label": 0.03, "word": 0.12, "letters": 0.01, "signs": 0.08,
    "row": 0.06,
}  # fmt: skip
SINGLES = tuple(sorted(set(LETTERS) - set(SAME_AS_DIGITS)))


def choose_line(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a line of a random kind."""
    return make_line(rng, sources, str(rng.choice(list(KINDS), p=list(KINDS.values()))))


def make_line(rng: np.random.Generator, sources: Sources, kind: str) -> Line:
    """Return a line of one of KINDS."""
    makers = {
        "number": make_number,
        "sum": make_sum,
        "equation": make_equation,
        "label": make_label,
        "word": make_words,
        "letters": make_letters,
        "signs": make_signs,
        "row": make_short_row,
    }
    return makers[kind](rng, sources)


def make_number(rng: np.random.Generator, sources: Sources) -> Line:
    """Return the digits of a random number; one in ten repeats its digit."""
    count = 1 + int(rng.choice(len(COUNTS), p=COUNTS))
    if rng.random() < 0.1:
        return [make_digit(rng, sources)] * count
    return [make_digit(rng, sources) for _ in range(count)]


def make_decimal(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a number with a decimal point or comma."""
    point = replace(make_sign(rng, "dot" if rng.random() < 0.5 else "comma"), size=rng.uniform(0.3, 0.8), rise=-0.45)
    return [*make_number(rng, sources)[:3], point, *make_number(rng, sources)[:2]]


def make_row(rng: np.random.Generator, sources: Sources, count: int = 12) -> Line:
    """Return a row of the same digit, sign or letter, as on an exercise sheet."""
    kind = rng.random()
    if kind < 0.25:
        return [make_sign(rng)] * count
    if kind < 0.45:
        character, font = SINGLES[rng.integers(len(SINGLES))], choose_writer(rng, sources)
        return [make_letter(rng, sources, font, character) for _ in range(count)]
    value = make_digit(rng, sources).label
    return [make_digit(rng, sources, value) for _ in range(count)]


def make_short_row(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a row of 3 to 7 glyphs."""
    return make_row(rng, sources, int(rng.integers(3, 8)))


def make_sum(rng: np.random.Generator, sources: Sources) -> Line:
    """Return short numbers with signs between them, some in brackets."""
    line: Line = []
    for _ in range(int(rng.integers(2, 5))):
        term = make_decimal(rng, sources) if rng.random() < 0.1 else make_number(rng, sources)[:3]
        if rng.random() < 0.25:
            term = [
                make_sign(rng, "open"),
                *term,
                make_sign(rng),
                *make_number(rng, sources)[:2],
                make_sign(rng, "close"),
            ]
        line += [*term, make_sign(rng)]
    return line[: len(line) - int(rng.integers(2))]


def make_label(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a number with a word or letter before or after it: x = 42, Raum 7b, No. 15 kg."""
    font, line = choose_lettering(rng, sources), list[Glyph]()
    is_before = rng.random() < 0.6
    if is_before:
        line += [choose_label_word(rng, sources, BEFORE), BLANK]
        line += [make_sign(rng, "equals" if rng.random() < 0.6 else "colon"), BLANK] if rng.random() < 0.35 else []
    line += make_decimal(rng, sources) if rng.random() < 0.15 else make_number(rng, sources)[:4]
    if not is_before or rng.random() < 0.35:
        after = AFTER[rng.integers(len(AFTER))]
        line += [BLANK] if rng.random() < 0.5 else []
        line += [make_word(rng, font, after)]
    return line


def choose_label_word(rng: np.random.Generator, sources: Sources, words: tuple[str, ...]) -> Glyph:
    """Return one of the words; a single letter is often drawn by strokes."""
    chosen = words[rng.integers(len(words))]
    if len(chosen) == 1:
        return make_letter(rng, sources, choose_writer(rng, sources), chosen)
    return make_word(rng, choose_lettering(rng, sources), chosen)


def make_letters(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a few single letters: initials, a formula's names, points of a drawing."""
    font, count = choose_writer(rng, sources), 1 + int(rng.choice(6, p=(0.34, 0.26, 0.16, 0.1, 0.08, 0.06)))
    # among other letters, one that looks like a digit is recognizable as a letter
    choice = SINGLES if count < 3 else SINGLES + tuple(SAME_AS_DIGITS)
    return [make_letter(rng, sources, font, choice[rng.integers(len(choice))]) for _ in range(count)]


def make_signs(rng: np.random.Generator, sources: Sources) -> Line:
    """Return a few signs and letters that look like no digit."""
    return [
        make_sign(rng) if rng.random() < 0.6 else make_clear_letter(rng, sources) for _ in range(rng.integers(1, 4))
    ]


def make_words(rng: np.random.Generator, sources: Sources) -> Line:
    """Return one to three words of two letters or more."""
    return make_text(rng, sources, count=1 + int(rng.choice(3, p=(0.6, 0.25, 0.15))))


def make_text(rng: np.random.Generator, sources: Sources, count: int = 6) -> Line:
    """Return a line of text in one font, as whole words or letter by letter."""
    scripts = [script for script, fonts in sources.script_fonts.items() if fonts]
    if scripts and rng.random() < 0.25:
        script = scripts[rng.integers(len(scripts))]
        font = sources.script_fonts[script][rng.integers(len(sources.script_fonts[script]))]
        chosen = rng.choice(SCRIPT_WORDS[script], count).tolist()
    else:
        font, chosen = choose_lettering(rng, sources), choose_words(rng, count)
    if rng.random() < 0.5:  # letter by letter, so that the classifier sees each one
        return [
            glyph
            for word in chosen
            for glyph in (*(make_font_letter(rng, font, one, NOT_A_DIGIT) for one in word), BLANK)
        ]
    return [glyph for word in chosen for glyph in (make_word(rng, font, word), BLANK)]
