"""Digits are found again where the sheet has moved to, and whatever a reading does not explain is noticed."""

import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.demo.paper import write_digit
from shared.settings import MODELS
from shared.vision.digit import Box, Digit
from shared.vision.follow_rule import FollowRule
from shared.vision.following import KeptFrame, follow_digits
from shared.vision.gray_frame import Gray, halve
from shared.vision.recognizer import FrameRecognizer, load_recognizer
from shared.vision.tracks import DigitTracker

ROWS, COLUMNS = 360, 480
SHEET = (60, 40, 360, 280)  # x, y, width, height
DIGITS = {2: (100, 110), 0: (200, 120), 7: (300, 105)}  # where each stands
HIGH_PX = 60

Scene = NDArray[np.float32]


@pytest.fixture(scope="module")
def recognizer() -> FrameRecognizer:
    return load_recognizer(MODELS, "onnx", "cpu")


def ink(digit: int, high_px: int) -> Scene:
    """Return the ink of a handwritten digit, 0 to 1."""
    mask = write_digit(np.random.default_rng(digit), digit, threshold=0.36)
    scale = high_px / max(mask.shape)
    return np.asarray(cv2.resize(mask, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def write(scene: Scene, digit: int, at: tuple[int, int], high_px: int = HIGH_PX, darkness: float = 0.75) -> Box:
    """Write a digit into a scene; return its box."""
    mask, (x, y) = ink(digit, high_px), at
    height, width = mask.shape
    scene[y : y + height, x : x + width] *= 1 - darkness * mask
    return float(x), float(y), float(width), float(height)


def draw(digits: dict[int, tuple[int, int]] | None = None, *, has_desk: bool = True) -> tuple[Scene, list[Box]]:
    """Return a bright sheet with digits, on a dark desk with a pattern if there is one, and the boxes of the digits."""
    pattern = np.random.default_rng(5).normal(90, 25, (ROWS // 12, COLUMNS // 12))
    scene = np.asarray(cv2.resize(pattern, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC), np.float32)
    x, y, width, height = SHEET if has_desk else (0, 0, COLUMNS, ROWS)
    scene[y : y + height, x : x + width] = 225
    return scene, [write(scene, digit, at) for digit, at in (DIGITS if digits is None else digits).items()]


def move(scene: Scene, right: float, down: float, turn_degrees: float = 0.0) -> Scene:
    """Return the scene with its sheet moved; the desk stays."""
    x, y, width, height = SHEET
    motion = cv2.getRotationMatrix2D((x + width / 2, y + height / 2), turn_degrees, 1.0)
    motion[:, 2] += np.array((right, down))
    mask = np.zeros((ROWS, COLUMNS), np.float32)
    mask[y : y + height, x : x + width] = 1
    moved, part = (cv2.warpAffine(image, motion, (COLUMNS, ROWS), borderValue=0) for image in (scene * mask, mask))
    desk = draw({})[0]
    desk[y : y + height, x : x + width] = 90
    return np.asarray(moved + desk * (1 - part), np.float32)


def shoot(scene: Scene, seed: int = 0) -> Gray:
    """Return what a camera makes of a scene: with noise, through a JPEG."""
    exposed = np.clip(scene + np.random.default_rng(seed).normal(0, 2, scene.shape), 0, 255).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", exposed, (cv2.IMWRITE_JPEG_QUALITY, 85))[1]
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)


def follow(before: Scene, now: Scene, boxes: Sequence[Box]) -> list[tuple[float, float]] | None:
    """Return the moves in pixels of the gray frames."""
    halves = [(x / 2, y / 2, width / 2, height / 2) for x, y, width, height in boxes]
    moves = follow_digits(KeptFrame(shoot(before)), halve(shoot(now, seed=1)), halves)
    return None if moves is None else [(2 * right, 2 * down) for right, down in moves]


@pytest.mark.parametrize(
    ("right", "down"), [(0, 0), (0.6, -0.4), (3, 1), (-7.3, 5.2), (16, -12), (-23, 20)], ids=lambda px: f"{px:g}"
)
def test_digits_are_found_where_the_sheet_has_moved_to(right: float, down: float) -> None:
    """The sheet is larger than the picture: a desk that comes into view must be read."""
    scene, boxes = draw(has_desk=False)
    motion = np.array(((1, 0, right), (0, 1, down)), np.float32)
    moved = cv2.warpAffine(scene, motion, (COLUMNS, ROWS), borderMode=cv2.BORDER_REPLICATE)
    moves = follow(scene, np.asarray(moved, np.float32), boxes)
    assert moves is not None
    assert np.abs(np.array(moves) - (right, down)).max() < 0.7


def test_each_digit_of_a_turning_sheet_has_its_own_move() -> None:
    """Half a degree is what a hand turns a sheet between two frames."""
    scene, boxes = draw()
    moves = follow(scene, move(scene, 4, 2, turn_degrees=1.0), boxes)
    assert moves is not None
    assert moves[0][1] - moves[2][1] == pytest.approx(math.radians(1) * (boxes[2][0] - boxes[0][0]), abs=0.8)


def test_frame_without_digits_is_followed_while_nothing_appears() -> None:
    assert follow(draw({})[0], draw({})[0], []) == []
    scene, _ = draw({})
    write(scene, 5, (200, 120), 14)
    assert follow(draw({})[0], scene, []) is None


def test_exchanged_digit_must_be_read() -> None:
    before, boxes = draw()
    for old, at in DIGITS.items():
        for new in set(range(10)) - {old}:
            scene, _ = draw({digit: place for digit, place in DIGITS.items() if digit != old})
            write(scene, new, at)
            assert follow(before, move(scene, 3, -2), boxes) is None, f"{old} became {new}"


def test_wiped_digit_must_be_read() -> None:
    before, boxes = draw()
    for gone in DIGITS:
        scene, _ = draw({digit: place for digit, place in DIGITS.items() if digit != gone})
        assert follow(before, move(scene, 3, -2), boxes) is None


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_occluded_digit_must_be_read(share: float) -> None:
    before, boxes = draw()
    scene, _ = draw()
    x, y, width, _ = map(int, boxes[1])
    scene[y - 10 :, x : x + max(8, int(share * width))] = 130  # a finger from below
    assert follow(before, scene, boxes) is None


@pytest.mark.parametrize(("right", "down"), [(40, 0), (0, -36), (60, 50)])
def test_fast_sheet_must_be_read(right: int, down: int) -> None:
    scene, boxes = draw()
    assert follow(scene, move(scene, right, down), boxes) is None


@pytest.mark.parametrize(("high_px", "darkness"), [(10, 0.75), (12, 0.75), (16, 0.6), (24, 0.4)])
@pytest.mark.parametrize("shift", [0, 3, 8])
def test_small_new_digit_is_noticed_wherever_it_appears(high_px: int, darkness: float, shift: int) -> None:
    """12 gray pixels are 16 of a picture of 640 x 480."""
    before, boxes = draw()
    places = [(70, 50), (390, 52), (255, 70), (150, 200), (330, 260), (240, 240), (75, 290), (380, 180)]
    for number, at in enumerate(places):
        scene, _ = draw()
        write(scene, number, at, high_px, darkness)
        assert follow(before, move(scene, shift, shift // 2), boxes) is None, f"{number} at {at}"


def test_light_may_flicker_and_not_go_out() -> None:
    scene, boxes = draw()
    assert follow(scene, scene * 0.93, boxes)
    assert follow(scene, scene * 0.5, boxes) is None


def test_digits_in_the_dark_are_followed_and_new_ones_noticed() -> None:
    scene, boxes = draw()
    assert follow(scene * 0.3, move(scene, 3, 2) * 0.3, boxes)
    after, _ = draw()
    write(after, 4, (150, 220), 20)
    assert follow(scene * 0.3, after * 0.3, boxes) is None


def test_box_without_ink_cannot_be_followed() -> None:
    blank = np.full((ROWS, COLUMNS), 200, np.uint8)
    assert follow_digits(KeptFrame(blank), halve(blank), [(50.0, 50.0, 30.0, 40.0)]) is None


@functools.cache
def keep_scene() -> KeptFrame:
    return KeptFrame(shoot(draw()[0]))


sides = st.floats(-300, 900, width=32)


@given(st.lists(st.tuples(sides, sides, st.floats(0, 600, width=32), st.floats(0, 600, width=32)), max_size=4))
def test_boxes_may_lie_anywhere(boxes: list[Box]) -> None:
    kept = keep_scene()
    moves = follow_digits(kept, kept.half, boxes)
    assert moves is None or len(moves) == len(boxes)


@pytest.mark.parametrize("shape", [(1, 1), (1, 640), (2, 3), (30, 20)])
def test_tiny_frames_are_followed_or_read(shape: tuple[int, int]) -> None:
    gray = np.full(shape, 128, np.uint8)
    assert follow_digits(KeptFrame(gray), halve(gray), []) == ()
    assert follow_digits(KeptFrame(gray), halve(gray), [(0.0, 0.0, 1.0, 1.0)]) is None


@pytest.mark.parametrize("appears_at", [21, 22, 23])
@pytest.mark.parametrize("high_px", [26, 60])
def test_new_digit_is_read_within_a_tenth_of_a_second(
    recognizer: FrameRecognizer, appears_at: int, high_px: int
) -> None:
    """Cameras at 30 frames/s; a frame's reading is there before the next frame."""
    rule, tracker, read = FollowRule(), DigitTracker(), []
    kept: KeptFrame | None = None
    digits: Sequence[Digit] = ()
    for number in range(appears_at + 5):
        captured_at, (scene, _) = 10 + number / 30, draw()
        if number >= appears_at:
            write(scene, 4, (200, 220), high_px)
        gray = shoot(move(scene, number % 7, number % 5), seed=number)
        if rule.allows(captured_at) and kept and follow_digits(kept, halve(gray), half_boxes(digits)) is not None:
            continue
        rule.record_request(captured_at)
        kept, digits = KeptFrame(gray), recognizer.read([gray])[0]
        rule.record_reading(digits, captured_at)
        tracker.update(digits, captured_at)
        read.append(number)
    assert len(read) < appears_at  # some were followed, so this test says something
    seen = [digit.digit for digit in tracker.seen_at(10 + read[-1] / 30)]
    assert sorted(seen) == [0, 2, 4, 7]
    assert next(number for number in read if number >= appears_at) - appears_at <= 3


def half_boxes(digits: Sequence[Digit]) -> list[Box]:
    return [digit.scaled(0.5).box for digit in digits]
