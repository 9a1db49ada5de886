"""Equations with letters in them: terms with coefficients, variables, powers, indices, functions and brackets."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from training.scenes.glyphs import BLANK, Glyph, Sources, choose_writer, make_digit, make_letter, make_sign, make_word

# The letters of equations, the frequent ones several times.
VARIABLES = "xxxxxxxxyyyzzaaabbbcntkmpqrsuvwdefghijABCDEFNPRSTVXYZβθλμπΔ"
FUNCTIONS = ("sin", "cos", "tan", "log", "ln", "lim", "exp", "min", "max", "f", "g", "P", "E")
BRACKETS = (("open", "close"), ("open", "close"), ("open square", "close square"), ("{", "}"))


def make_equation(rng: np.random.Generator, sources: Sources) -> list[Glyph]:
    """Return a line such as 3x² - 7x + 9 = 0; its letters are by one writer."""
    writer = choose_writer(rng, sources)
    names = [VARIABLES[rng.integers(len(VARIABLES))] for _ in range(int(rng.integers(1, 4)))]
    line = make_side(rng, sources, writer, names, most=4)
    if rng.random() < 0.7:
        line += [BLANK, make_sign(rng, "equals"), BLANK]
        line += make_coefficient(rng, sources) if rng.random() < 0.6 else make_side(rng, sources, writer, names, most=2)
    return line


def make_side(
    rng: np.random.Generator, sources: Sources, writer: Path | None, names: list[str], most: int
) -> list[Glyph]:
    """Return the terms of one side of an equation."""
    line: list[Glyph] = []
    for index in range(int(rng.integers(1, most + 1))):
        if index:
            name = "plus" if rng.random() < 0.5 else "minus" if rng.random() < 0.7 else "dot"
            line += [BLANK, replace(make_sign(rng, name), size=rng.uniform(0.4, 0.9)), BLANK]
        line += make_term(rng, sources, writer, names)
    return line


def make_term(rng: np.random.Generator, sources: Sources, writer: Path | None, names: list[str]) -> list[Glyph]:
    """Return one term: a number, letters with powers, or a function or bracket of them."""
    kind = rng.random()
    if kind < 0.22:
        return make_coefficient(rng, sources)
    if kind < 0.34:
        opened, closed = BRACKETS[rng.integers(len(BRACKETS))]
        inner = [*make_power(rng, sources, writer, names), make_sign(rng, "plus"), *make_coefficient(rng, sources)]
        name = FUNCTIONS[rng.integers(len(FUNCTIONS))]
        head = [make_word(rng, writer, name)] if writer and rng.random() < 0.6 else []
        return [*head, make_bracket(rng, sources, opened), *inner, make_bracket(rng, sources, closed)]
    line = make_coefficient(rng, sources)[:2] if rng.random() < 0.6 else []
    for _ in range(1 + int(rng.random() < 0.25)):
        line += make_power(rng, sources, writer, names)
    return line


def make_power(rng: np.random.Generator, sources: Sources, writer: Path | None, names: list[str]) -> list[Glyph]:
    """Return a letter, sometimes with an exponent or an index."""
    line = [make_letter(rng, sources, writer, names[rng.integers(len(names))])]
    if (kind := rng.random()) < 0.45:
        small = make_digit(rng, sources, 2) if kind < 0.2 else make_digit(rng, sources)
        if kind > 0.38:
            small = make_letter(rng, sources, writer, "nikm"[rng.integers(4)])
        rise = rng.uniform(0.35, 0.6) if kind < 0.33 or kind > 0.42 else rng.uniform(-0.5, -0.3)
        line.append(replace(small, size=small.size * rng.uniform(0.4, 0.68), rise=small.rise * 0.5 + rise))
    return line


def make_bracket(rng: np.random.Generator, sources: Sources, name: str) -> Glyph:
    """Return a bracket, or a brace, as tall as its contents or taller."""
    if name in "{}":
        return replace(make_letter(rng, sources, None, name), size=rng.uniform(1, 1.8), rise=0)
    return replace(make_sign(rng, name), size=rng.uniform(1, 1.7))


def make_coefficient(rng: np.random.Generator, sources: Sources) -> list[Glyph]:
    """Return a number of one to three digits."""
    return [make_digit(rng, sources) for _ in range(1 + int(rng.choice(3, p=(0.6, 0.3, 0.1))))]
