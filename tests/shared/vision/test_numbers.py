"""Numbers: digits on a line are joined, whatever the sheet's tilt, size and place."""

import json
import math
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.vision.digit import Box, Digit
from shared.vision.numbers import CONE, MAX_HEIGHT_RATIO, MAX_OVERLAP, Placed, find_joinable, join_numbers, rotate
from tests.shared.vision.reading import digit_of

PHOTOS = Path(__file__).parents[4] / "shared" / "photos" / "manifest.jsonl"


def write(lines: list[list[str]], height: float = 40.0, white: float = 0.4, angle: float = 0.0) -> list[Digit]:
    """Digits of the words of each line, on a sheet turned by an angle in degrees; boxes stand upright, as found."""
    digits = []
    for row, words in enumerate(lines):
        x = 0.0
        for word in words:
            for character in word:
                digits.append(place(int(character), x, row * 1.8 * height, height, math.radians(angle)))
                x += (0.6 + white) * height
            x += 1.8 * height
    return digits


def place(digit: int, x: float, y: float, height: float, angle: float) -> Digit:
    width = 0.6 * height
    cos, sin = math.cos(angle), math.sin(angle)
    wide, high = width * cos + height * abs(sin), height * cos + width * abs(sin)
    return digit_of(digit, (x * cos - y * sin - wide / 2, x * sin + y * cos - high / 2, wide, high))


def texts(digits: list[Digit]) -> list[str]:
    return [number.text for number in join_numbers(digits)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        ([["7"]], ["7"]),
        ([["42"]], ["42"]),
        ([["42", "17"]], ["42", "17"]),
        ([["2021"], ["2019"]], ["2021", "2019"]),
        ([["12", "345"], ["6", "78"]], ["12", "345", "6", "78"]),
        ([["1"], ["2"], ["3"]], ["1", "2", "3"]),
    ],
)
def test_lines_and_columns_stay_apart(lines: list[list[str]], expected: list[str]) -> None:
    assert texts(write(lines)) == expected


sheets = st.lists(
    st.lists(st.from_regex(r"[0-9]{1,4}", fullmatch=True), min_size=1, max_size=3), min_size=1, max_size=4
)


def has_long_number(lines: list[list[str]]) -> bool:
    """Return whether the tilt can be estimated: it takes neighbours on a line."""
    return any(len(word) > 2 for line in lines for word in line)


@given(sheets, st.floats(-20, 20), st.floats(0.05, 0.5))
def test_tilted_sheet_reads_like_an_upright_one(lines: list[list[str]], angle: float, white: float) -> None:
    assume(has_long_number(lines))
    assert texts(write(lines, white=white, angle=angle)) == [word for line in lines for word in line]


@given(sheets, st.floats(-20, 20), st.randoms(use_true_random=False))
def test_order_of_the_digits_does_not_matter(lines: list[list[str]], angle: float, chance: random.Random) -> None:
    digits = write(lines, angle=angle)
    shuffled = digits.copy()
    chance.shuffle(shuffled)
    assert join_numbers(shuffled) == join_numbers(digits)


@given(sheets, st.floats(4, 2000))
def test_size_does_not_matter(lines: list[list[str]], height: float) -> None:
    assert texts(write(lines, height)) == texts(write(lines))


@given(st.lists(st.builds(digit_of, st.integers(0, 9), st.tuples(*[st.floats(0, 500)] * 4)), max_size=30))
def test_every_digit_is_in_exactly_one_number(digits: list[Digit]) -> None:
    assert Counter("".join(texts(digits))) == Counter(str(digit.digit) for digit in digits)


def test_narrow_and_tall_digits_join() -> None:
    digits = [digit_of(1, (0, 5, 6, 40)), digit_of(7, (22, 0, 30, 60)), digit_of(0, (60, 12, 28, 32))]
    assert texts(digits) == ["170"]


def test_digits_of_very_different_height_stay_apart() -> None:
    assert texts([digit_of(1, (0, 0, 60, 100)), digit_of(2, (65, 40, 12, 20))]) == ["1", "2"]


def test_two_boxes_of_one_shape_are_no_number() -> None:
    assert texts([digit_of(0, (0, 0, 60, 60)), digit_of(0, (8, 10, 60, 60))]) == ["0", "0"]


def row_of(text: str, *middles: float, gap_px: float = 100.0) -> list[Digit]:
    """Return digits of 30 x 50 centred at these places of a line, with an empty gap after each."""
    return [
        replace(digit_of(int(one), (x - 15, 100, 30, 50)), gap_px=gap_px) for one, x in zip(text, middles, strict=True)
    ]


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (row_of("123", 0, 120, 250), ["123"]),
        (row_of("1234", 0, 120, 200, 320), ["1234"]),  # one step is narrow, and not much shorter than its neighbours
        (row_of("123", 0, 120, 250, gap_px=0), ["1", "2", "3"]),  # something is written between them
        (row_of("12", 0, 120), ["1", "2"]),  # a single step can't be even
        (row_of("123", 0, 120, 320), ["1", "2", "3"]),  # too far for a number
        (row_of("12345", 0, 40, 80, 185, 225), ["123", "45"]),  # a gap between two words
    ],
)
def test_far_digits_join_if_the_gaps_are_empty_and_the_steps_even(digits: list[Digit], expected: list[str]) -> None:
    assert texts(digits) == expected


def test_confidence_is_the_product_of_the_digits() -> None:
    digits = [digit_of(4, (0, 0, 30, 50), 0.9), digit_of(2, (40, 0, 30, 50), 0.8)]
    assert join_numbers(digits)[0].confidence == pytest.approx(0.72)


def test_character_that_was_not_read_is_a_question_mark_and_a_guess() -> None:
    two, zero, seven = (digit_of(digit, (x, 100, 30, 50), 0.9) for digit, x in ((2, 0), (0, 40), (7, 120)))
    [number] = join_numbers([two, replace(zero, unread_px=25.0), seven])
    assert (number.text, number.unread) == ("20?7", ((70, 100, 50, 50),))
    assert number.confidence == pytest.approx(0.9**3 / 10)


def test_question_mark_gives_way_to_a_digit_in_its_place() -> None:
    """Tracking shows a digit for a moment that the last reading has lost."""
    two, one, seven = (digit_of(digit, (x, 100, 20, 50)) for digit, x in ((2, 0), (1, 35), (7, 70)))
    assert texts([replace(two, unread_px=25.0), one, seven]) == ["217"]
    assert texts([replace(two, unread_px=25.0)]) == ["2"]


def test_box_holds_all_digits() -> None:
    digits = [digit_of(4, (10, 20, 30, 50)), digit_of(2, (50, 15, 30, 50))]
    assert join_numbers(digits)[0].box == (10, 15, 70, 55)


@pytest.mark.skipif(not PHOTOS.is_file(), reason="the labelled photographs are not here")
def test_numbers_on_photographs_join_as_written() -> None:
    found = true = 0
    for row in map(json.loads, PHOTOS.read_text().splitlines()):
        if row["kind"] == "photo":
            digits = [digit_of(int(b[4]), tuple(b[:4])) for b in row["boxes"] if str(b[4]).isdigit()]
            written = Counter("".join(c if c.isdigit() else " " for c in " ".join(row["lines"])).split())
            found += (written & Counter(texts(digits))).total()
            true += written.total()
    assert found >= 0.89 * true  # 331 of 367; the others are wide rows, and formulas whose signs are not read


SIDES = st.sampled_from((0.0, 4.0, 10.0, 25.0, 60.0))
BOXES = st.tuples(st.floats(0, 300), st.floats(0, 60), SIDES, SIDES)


@given(st.lists(BOXES, max_size=12), st.sampled_from((0.5, 1.1, 2.5)))
def test_no_pair_that_may_join_is_left_out(boxes: list[Box], max_gap: float) -> None:
    placed = rotate([digit_of(1, box) for box in boxes], 0.1)
    expected = {
        (i, j)
        for i, left in enumerate(placed)
        for j, right in enumerate(placed[i + 1 :], i + 1)
        if 0 < max(left.height, right.height) <= MAX_HEIGHT_RATIO * min(left.height, right.height)
        and -MAX_OVERLAP <= left.gap(right) <= max_gap
        and (left.is_level_with(right) or abs(math.atan2(right.y - left.y, right.x - left.x)) <= CONE)
    }
    found = {(i, j) for _, i, j in find_joinable(placed, max_gap)}
    assert expected <= found
    assert all(-MAX_OVERLAP <= placed[i].gap(placed[j]) <= max_gap for i, j in found)


def test_a_crowded_page_is_joined_without_comparing_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 digits there are 80,000 pairs; comparing them all took longer than reading them."""
    compared = Counter[str]()
    measure_gap = Placed.gap

    def count(left: Placed, right: Placed) -> float:
        compared["pairs"] += 1
        return measure_gap(left, right)

    monkeypatch.setattr(Placed, "gap", count)
    join_numbers([digit_of(7, (24.0 * column, 30.0 * row, 12.0, 20.0)) for row in range(20) for column in range(20)])
    assert compared["pairs"] < 20_000
