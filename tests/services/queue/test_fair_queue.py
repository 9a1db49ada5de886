"""Turns go by weight, nobody is starved, and nobody saves up turns."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.queue.fair_queue import FairQueue
from shared.messaging.messages import WEIGHTS

WEIGHT = st.floats(*WEIGHTS)


def serve(weights: dict[str, float], turns: int) -> list[str]:
    """Who is served while everybody always has something waiting: a live camera's next frame comes at once."""
    slots: FairQueue[str] = FairQueue()
    served = []
    for camera, weight in weights.items():
        slots.put(camera, camera, weight=weight)
    for _ in range(turns):
        (camera,) = slots.take(1)
        served.append(camera)
        slots.put(camera, camera, weight=weights[camera])
    return served


@given(st.lists(WEIGHT, min_size=2, max_size=8), st.integers(1, 300))
def test_shares_are_as_the_weights_to_within_a_turn_for_each_camera(weights: list[float], turns: int) -> None:
    cameras = {f"cam{number}": weight for number, weight in enumerate(weights)}
    served = Counter(serve(cameras, turns))
    for camera, weight in cameras.items():
        share = weight / sum(weights)
        assert (turns - len(weights)) * share - 1e-6 <= served[camera] <= turns * share + 1 + 1e-6


@given(st.lists(WEIGHT, min_size=2, max_size=8))
def test_lightest_camera_waits_no_longer_than_its_share(weights: list[float]) -> None:
    lightest = min(range(len(weights)), key=weights.__getitem__)
    longest = sum(weights) / weights[lightest] + len(weights)
    served = serve({f"cam{number}": weight for number, weight in enumerate(weights)}, 2 * int(longest) + 2)
    times = [-1, *(turn for turn, camera in enumerate(served) if camera == f"cam{lightest}")]
    assert max(after - before for before, after in pairwise(times)) <= longest + 1e-6


def test_equal_weights_are_served_in_turn() -> None:
    assert serve(dict.fromkeys("abc", 1.0), 9) == list("abcabcabc")


def test_camera_of_weight_two_has_two_turns_for_one() -> None:
    assert Counter(serve({"a": 2.0, "b": 1.0, "c": 1.0}, 400)) == {"a": 200, "b": 100, "c": 100}


def test_camera_that_was_away_has_saved_up_no_turns() -> None:
    slots: FairQueue[str] = FairQueue()
    for camera in "ab":
        slots.put(camera, camera, keep_all=True)
    served = []
    for turn in range(20):
        slots.put("a", "a", keep_all=True)
        slots.put("b", "b", keep_all=True)
        if turn >= 10:
            slots.put("late", "late")
        served += slots.take(1)
    assert Counter(served[10:])["late"] <= 4


@pytest.mark.parametrize("most", [1, 9])
def test_item_that_is_put_back_is_the_next(most: int) -> None:
    slots: FairQueue[int] = FairQueue()
    for item in range(3):
        slots.put("file", item, keep_all=True)
        slots.put("other", 10 + item, keep_all=True, weight=10.0)
    first = slots.take(3)
    slots.put_back("file", first[0])
    assert slots.take(most)[0] == first[0]


def test_item_that_is_put_back_alone_keeps_its_turn() -> None:
    slots: FairQueue[int] = FairQueue()
    slots.put("file", 1, keep_all=True, weight=2.0)
    slots.put_back("file", slots.take(1)[0])
    assert slots.take(1) == [1]
