"""Tracks show a digit quickly, change it slowly, and do not depend on the frame rate."""

import math
import random
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.vision.digit import Box, Digit
from shared.vision.tracks import (
    DECAY_S,
    MAX_SIZE_RATIO,
    MAX_UNSEEN_S,
    TIE,
    DigitTracker,
    Track,
    add_miss,
    add_reading,
    choose_shown,
    drop_gone,
    measure_distances,
    smooth_box,
    to_digit,
)
from tests.shared.vision.reading import digit_of

FRAME_S = 1 / 30
BOX: Box = (100, 100, 30, 50)


def text(digits: Iterable[Digit]) -> str:
    return "".join(str(digit.digit) for digit in digits)


def track(readings: Iterable[list[Digit]], frame_s: float = FRAME_S, start: float = 1000.0) -> list[str]:
    tracker = DigitTracker()
    tracker.update([], start - frame_s)
    return [text(tracker.update(digits, start + i * frame_s)) for i, digits in enumerate(readings)]


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.99])
def test_right_digit_is_shown_within_five_frames_and_stays(confidence: float) -> None:
    shown = track([[digit_of(7, confidence=confidence)]] * 90)
    assert set(shown[4:]) == {"7"}


def test_one_frame_of_a_false_digit_is_never_shown() -> None:
    assert set(track([[digit_of(3, confidence=0.99)], *[[]] * 30])) == {""}


def test_wrong_readings_now_and_then_do_not_flicker() -> None:
    chance = random.Random(1)
    readings = [[digit_of(1 if chance.random() < 0.2 else 7)] for _ in range(3000)]
    assert set(track([[digit_of(7)]] * 10 + readings)[5:]) == {"7"}


def test_even_race_between_two_classes_does_not_flicker() -> None:
    four, nine = [math.log(0.001)] * 11, [math.log(0.001)] * 11
    four[4], four[9], nine[4], nine[9] = math.log(0.55), math.log(0.44), math.log(0.44), math.log(0.55)
    start = [[digit_of(4)]] * 10
    shown = track(start + [[Digit(BOX, tuple(four))], [Digit(BOX, tuple(nine))]] * 100)
    assert set(shown[5:]) == {"4"}


def test_ones_read_as_sevens_never_become_fours() -> None:
    shown = track([[digit_of(1 if i % 2 else 7)] for i in range(60)])
    assert set(shown) <= {"", "1", "7"}


def test_unclear_character_is_not_shown() -> None:
    assert set(track([[digit_of(8, confidence=0.2)]] * 60)) == {""}


def test_exchanged_digit_is_shown_after_eight_frames() -> None:
    shown = track([[digit_of(2)]] * 30 + [[digit_of(5)]] * 30)
    assert shown[29] == "2"
    assert shown[37] == "5"


@pytest.mark.parametrize("gap_s", [0.1, 0.3])
def test_short_gap_does_not_hide_a_digit(gap_s: float) -> None:
    shown = track([[digit_of(6)]] * 30 + [[]] * round(gap_s / FRAME_S) + [[digit_of(6)]] * 10)
    assert set(shown[5:]) == {"6"}


def test_digit_that_left_is_hidden_after_the_gap() -> None:
    shown = track([[digit_of(6)]] * 30 + [[]] * 30)
    assert shown[30 + math.ceil(MAX_UNSEEN_S / FRAME_S)] == ""


@pytest.mark.parametrize(("px_a_frame", "shown"), [(0, "7"), (1, "7"), (8, "")])
def test_digit_of_a_sheet_that_is_pulled_away_does_not_stay_behind(px_a_frame: int, shown: str) -> None:
    readings = [[digit_of(7, (100, 100 + px_a_frame * frame, 30, 50))] for frame in range(30)]
    assert track([*readings, [], []])[-1] == shown


def test_digit_whose_box_jitters_outlasts_a_gap() -> None:
    readings = [[digit_of(7, (100 + 3 * (frame % 2), 100, 30, 50))] for frame in range(30)]
    assert track([*readings, *[[]] * 9])[-1] == "7"


def test_digits_of_a_moving_sheet_keep_their_places() -> None:
    def sheet(frame: int) -> list[Digit]:  # a third of a digit's height a frame: 600 px/s at 60 px
        return [digit_of(d, (20 * frame + 45 * i, 100, 30, 60)) for i, d in enumerate((2, 0, 1, 9))]

    assert set(track(sheet(frame) for frame in range(60))[5:]) == {"2019"}


@given(st.permutations(range(4)))
def test_order_of_the_digits_in_a_reading_does_not_matter(order: list[int]) -> None:
    digits = [digit_of(i, (60.0 * i, 0, 30, 50)) for i in range(4)]
    tracker = DigitTracker()
    tracker.update(digits, 0.0)
    assert set(tracker.update([digits[i] for i in order], 0.1)) == set(tracker.update(digits, 0.1))


@pytest.mark.parametrize("fps", [5, 10, 15, 60])
def test_frame_rate_does_not_change_when_a_digit_is_shown(fps: int) -> None:
    def shown_after_s(rate: float) -> float:
        return track([[digit_of(7)]] * 60, 1 / rate).index("7") / rate

    assert shown_after_s(fps) == pytest.approx(shown_after_s(30), abs=1 / min(fps, 30))


@pytest.mark.parametrize("fps", [5, 10, 15, 60])
def test_frame_rate_does_not_change_the_confidence(fps: int) -> None:
    def confidence(rate: float) -> float:
        tracker = DigitTracker()
        return [tracker.update([digit_of(7, confidence=0.9)], i / rate) for i in range(60)][-1][0].confidence

    assert confidence(fps) == pytest.approx(confidence(30), abs=0.03)


def test_more_frames_of_one_sheet_do_not_raise_the_confidence() -> None:
    tracker = DigitTracker()
    shown = [tracker.update([digit_of(7, confidence=0.9)], i * FRAME_S) for i in range(300)][-1]
    assert shown[0].confidence == pytest.approx(0.9, abs=0.03)


def test_first_reading_is_shown_at_once() -> None:
    assert text(DigitTracker().update([digit_of(7)], 5.0)) == "7"


def test_boxes_of_a_still_sheet_jitter_less() -> None:
    chance = random.Random(2)
    tracker, raw, shown = DigitTracker(), [], []
    for i in range(300):
        box = (100 + chance.gauss(0, 0.5), 100 + chance.gauss(0, 0.5), 30.0, 50.0)
        raw.append(box[0])
        shown.append(tracker.update([digit_of(7, box)], i * FRAME_S)[0].box[0])
    assert spread(shown) < 0.6 * spread(raw)


def spread(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def test_box_of_a_digit_that_jumps_follows_at_once() -> None:
    tracker = DigitTracker()
    tracker.update([digit_of(7, BOX)], 0.0)
    assert tracker.update([digit_of(7, (112, 100, 30, 50))], 0.1)[0].box == (112, 100, 30, 50)


def test_box_that_loses_half_its_height_is_the_same_digit() -> None:
    """On crumpled paper the detector finds the whole 0 in one frame and only its bowl in the next."""
    whole, bowl = digit_of(0, (100, 100, 35, 54)), digit_of(0, (98, 124, 36, 29))
    assert set(track([[whole], [bowl]] * 20)[5:]) == {"0"}


def test_unseen_digit_is_dropped_where_another_box_takes_its_place() -> None:
    narrow, wide = digit_of(1, (100, 100, 8, 50)), digit_of(2, (92, 96, 45, 60))
    assert track([[narrow, wide]] * 20 + [[wide]])[-1] == "2"


def test_digits_outlast_frames_without_a_reading_for_a_while() -> None:
    tracker = DigitTracker()
    tracker.update([digit_of(7)], 0.0)
    assert text(tracker.digits_at(MAX_UNSEEN_S - 0.01)) == "7"
    assert text(tracker.digits_at(MAX_UNSEEN_S + 0.01)) == ""


def test_digits_seen_are_those_of_the_last_reading() -> None:
    tracker = DigitTracker()
    for step in range(5):
        tracker.update([digit_of(7), digit_of(2, (200, 100, 30, 50))], step / 10)
    tracker.update([digit_of(7)], 0.5)
    assert text(tracker.digits_at(0.5)) == "72"
    assert text(tracker.seen_at(0.5)) == "7"


def test_digits_are_dropped_also_if_the_clock_steps_back() -> None:
    tracker = DigitTracker()
    tracker.update([digit_of(7)], 1000.0)
    for i in range(30):
        shown = tracker.update([], 5.0 + i * FRAME_S)
    assert shown == ()


@given(
    st.lists(
        st.lists(
            st.builds(digit_of, st.integers(0, 9), st.tuples(*[st.floats(0, 1e4)] * 4), st.floats(0.01, 0.999)),
            max_size=5,
        ),
        max_size=20,
    )
)
def test_any_boxes_give_probabilities_that_sum_to_one(readings: list[list[Digit]]) -> None:
    tracker = DigitTracker()
    for i, digits in enumerate(readings):
        for digit in tracker.update(digits, i * FRAME_S):
            assert sum(map(math.exp, digit.log_p)) == pytest.approx(1)


def test_character_that_is_missing_now_and_then_does_not_flicker() -> None:
    chance = random.Random(1)
    tracker = DigitTracker()
    shown = []
    for i in range(900):
        share = 0.2 if i < 300 or i >= 600 else 0.8
        reading = replace(digit_of(7), unread_px=20.0 if chance.random() < share else 0.0)
        shown += [bool(digit.unread_px) for digit in tracker.update([reading], i * FRAME_S)]
    changes = sum(before != after for before, after in pairwise(shown[10:]))
    assert (shown[250], shown[550], shown[850]) == (False, True, False)
    assert changes <= 4


def test_followed_digits_move_and_become_no_surer() -> None:
    unsure = digit_of(7, confidence=0.6)
    tracker = DigitTracker()
    for number in range(20):
        tracker.update([unsure], number * 0.1)
    before = tracker.digits_at(1.9)
    for number in range(1, 6):
        tracker.follow([unsure.moved((20.0 * number, -10.0 * number))], 1.9 + number / 60)
    (digit,) = tracker.digits_at(1.9 + 5 / 60)
    assert digit.box[:2] == pytest.approx((BOX[0] + 100, BOX[1] - 50), abs=3)
    assert [digit.log_p] == [one.log_p for one in before]


def test_reading_after_followed_frames_counts_as_if_there_had_been_none() -> None:
    shown = []
    for is_followed in (False, True):
        tracker = DigitTracker()
        for number in range(10):
            tracker.update([digit_of(7 if number < 5 else 1)], number * 0.1)
            for between in (1, 2) if is_followed else ():
                tracker.follow([digit_of(7)], number * 0.1 + between / 30)
        shown.append(tracker.digits_at(0.9))
    assert shown[0] == shown[1]


def test_digit_that_was_never_read_is_not_shown_by_following() -> None:
    tracker = DigitTracker()
    tracker.update([], 0.0)
    assert not any(tracker.follow([digit_of(7)], number / 30) for number in range(1, 5))


def test_followed_frames_do_not_keep_a_digit_that_is_no_longer_read() -> None:
    tracker = DigitTracker()
    for number in range(5):
        tracker.update([digit_of(7)], number * 0.1)
    tracker.update([], 0.5)
    assert tracker.follow([digit_of(7)], 0.4 + MAX_UNSEEN_S - 0.01)
    assert not tracker.follow([digit_of(7)], 0.4 + MAX_UNSEEN_S + 0.01)


@pytest.mark.parametrize(
    ("other", "distance"),
    [
        (BOX, 0.0),
        ((150, 100, 30, 50), 1.0),
        ((100, 50, 30, 50), 1.0),
        ((130, 140, 30, 50), 1.0),
        ((95, 90, 40, 70), 0.0),
        ((100, 100, 30, 70), 10 / 70),
        ((100, 100, 50, 50), 10 / 50),
        ((100, 100, 30, 50 * MAX_SIZE_RATIO), (50 * MAX_SIZE_RATIO - 50) / 2 / (50 * MAX_SIZE_RATIO)),
        ((100, 100, 30, 51 * MAX_SIZE_RATIO), math.inf),
        ((100, 100, 0, 0), math.inf),
    ],
)
def test_distance_is_that_of_the_centres_in_units_of_the_longer_side(other: Box, distance: float) -> None:
    (forth,), (back,) = measure_distances([BOX], [other]), measure_distances([other], [BOX])
    assert (forth, back) == (pytest.approx(distance), pytest.approx(distance))


def test_distance_of_wide_boxes_is_in_units_of_their_width() -> None:
    assert measure_distances([(100, 100, 50, 30)], [(150, 100, 50, 30)]) == 1.0


def test_character_that_is_no_digit_is_not_shown_however_sure_that_is() -> None:
    assert choose_shown(Track(BOX, (-9.0,) * 10 + (0.0,), weight=1.0)).shown is None
    assert choose_shown(Track(BOX, (-9.0,) * 9 + (0.0, -9.0), weight=1.0)).shown == 9


@pytest.mark.parametrize(
    ("old", "share"),
    [((0, 0, 40, 20), 0.25 + 1 / 6), ((0, 0, 20, 40), 0.25 + 1 / 6), ((0, 0, 4, 5), 1.0), ((0, 0, 0, 0), 1.0)],
    ids=["wide", "tall", "large move", "no size"],
)
def test_small_move_of_a_box_is_followed_by_a_share_that_grows_with_it(old: Box, share: float) -> None:
    """The share is 1/4, and more by the move in units of 15 % of the longer side."""
    new = (1.0, *old[1:])
    assert smooth_box(old, new) == pytest.approx((share, *old[1:]))


def test_track_goes_on_until_it_is_unseen_for_too_long() -> None:
    tracks = [Track(BOX, unseen_s=seconds) for seconds in (0.3, 0.4, 0.5, 9.0)]
    assert drop_gone(tracks) == tracks[:2]
    assert drop_gone([]) == []


def test_unseen_track_goes_on_unless_another_digit_is_seen_in_its_place() -> None:
    near, far = Track((105, 105, 30, 50)), Track((300, 100, 30, 50))
    unseen = Track(BOX, unseen_s=0.1)
    assert drop_gone([unseen, far]) == [unseen, far]
    assert drop_gone([unseen, near, far]) == [near, far]
    assert drop_gone([near, Track(BOX)]) == [near, Track(BOX)]


def test_page_of_many_digits_takes_little_time() -> None:
    """One camera in front of a crowded page must not take the display's time from the others."""
    page = [digit_of(7, (28.0 * (i % 22), 28.0 * (i // 22), 20.0, 24.0)) for i in range(400)]
    tracker, took_s = DigitTracker(), []
    for number in range(4):
        began_at = time.thread_time()
        shown = tracker.update(page, 0.1 * number)
        took_s.append(time.thread_time() - began_at)
    assert len(shown) == len(page)
    assert min(took_s[1:]) < 0.1


def test_less_than_one_independent_reading_leaves_doubt() -> None:
    evidence = (-2.0,) * 7 + (0.0,) + (-2.0,) * 3
    half, whole, twice = (to_digit(Track(BOX, evidence, weight=weight)) for weight in (0.5, 1.0, 2.0))
    assert half == whole
    assert twice.confidence < whole.confidence


def test_boxes_without_a_size_are_far_apart() -> None:
    assert measure_distances([(1, 1, 0, 0)], [(1, 1, 0, 0)]) == math.inf


def test_digit_that_is_shown_leads_by_a_tie_over_one_that_was_read_more_often() -> None:
    evidence = [-9.0] * 11
    evidence[4], evidence[9] = -2.0, -1.5
    digit = to_digit(Track(BOX, tuple(evidence), weight=1.0, shown=4))
    assert digit.digit == 4
    assert digit.log_p[4] - digit.log_p[9] == pytest.approx(TIE)


def test_evidence_and_its_weight_decay_alike_while_a_digit_is_not_read() -> None:
    before = add_reading(Track(BOX), replace(digit_of(7), unread_px=3.0), 1.0)
    after = add_miss(before, 0.5)
    decay = after.weight / before.weight
    assert decay == pytest.approx(math.exp(-0.5 / DECAY_S))
    assert after.evidence == pytest.approx([decay * sum_ for sum_ in before.evidence])
    assert after.unread_weight == pytest.approx(decay * before.unread_weight)
    assert before.unread_weight > 0
    assert (after.unseen_s, add_reading(after, digit_of(7), 0.1).unseen_s) == (0.5, 0.0)
