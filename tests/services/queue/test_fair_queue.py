"""Turns go by weight, no camera starves, and none saves up turns."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.queue.fair_queue import FairQueue
from shared.messaging.message_fields import WEIGHTS
from tests.memory import find_kept

WEIGHT = st.floats(*WEIGHTS)


def serve_turns(weights: dict[str, float], turns: int) -> list[str]:
    """Return which camera is served at each turn, when every camera always has an item waiting."""
    queue: FairQueue[str] = FairQueue()
    served = []
    for camera, weight in weights.items():
        queue.add_item(camera, camera, weight=weight)
    for _ in range(turns):
        (camera,) = queue.take_items(1)
        served.append(camera)
        queue.add_item(camera, camera, weight=weights[camera])
    return served


@given(st.lists(WEIGHT, min_size=2, max_size=8), st.integers(1, 300))
def test_shares_match_the_weights_within_one_turn_a_camera(weights: list[float], turns: int) -> None:
    cameras = {f"cam{number}": weight for number, weight in enumerate(weights)}
    served = Counter(serve_turns(cameras, turns))
    for camera, weight in cameras.items():
        share = weight / sum(weights)
        assert (turns - len(weights)) * share - 1e-6 <= served[camera] <= turns * share + 1 + 1e-6


@given(st.lists(WEIGHT, min_size=2, max_size=8))
def test_lightest_camera_waits_no_longer_than_its_share(weights: list[float]) -> None:
    lightest = min(range(len(weights)), key=weights.__getitem__)
    longest = sum(weights) / weights[lightest] + len(weights)
    served = serve_turns({f"cam{number}": weight for number, weight in enumerate(weights)}, 2 * int(longest) + 2)
    times = [-1, *(turn for turn, camera in enumerate(served) if camera == f"cam{lightest}")]
    assert max(after - before for before, after in pairwise(times)) <= longest + 1e-6


def test_equal_weights_are_served_in_turn() -> None:
    assert serve_turns(dict.fromkeys("abc", 1.0), 9) == list("abcabcabc")


def test_camera_of_weight_two_has_two_turns_for_one() -> None:
    assert Counter(serve_turns({"a": 2.0, "b": 1.0, "c": 1.0}, 400)) == {"a": 200, "b": 100, "c": 100}


def test_camera_saves_up_no_turns_while_it_is_away() -> None:
    queue: FairQueue[str] = FairQueue()
    for camera in "ab":
        queue.add_item(camera, camera, keep_all=True)
    served = []
    for turn in range(20):
        queue.add_item("a", "a", keep_all=True)
        queue.add_item("b", "b", keep_all=True)
        if turn >= 10:
            queue.add_item("late", "late")
        served += queue.take_items(1)
    assert Counter(served[10:])["late"] <= 4


@pytest.mark.parametrize("limit", [1, 9])
def test_item_that_was_put_back_is_served_next(limit: int) -> None:
    queue: FairQueue[int] = FairQueue()
    for item in range(3):
        queue.add_item("file", item, keep_all=True)
        queue.add_item("other", 10 + item, keep_all=True, weight=10.0)
    first = queue.take_items(3)
    queue.put_back_item("file", first[0], weight=1.0)
    assert queue.take_items(limit)[0] == first[0]


def test_only_item_that_was_put_back_keeps_its_turn() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.add_item("file", 1, keep_all=True, weight=2.0)
    queue.put_back_item("file", queue.take_items(1)[0], weight=2.0)
    assert queue.take_items(1) == [1]


def test_item_that_was_put_back_comes_before_others_whose_turn_it_is_too() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add_item("a", "waits")
    queue.put_back_item("b", "was put back", weight=1.0)
    assert queue.take_items(1) == ["was put back"]


def test_item_of_a_live_camera_replaces_the_one_that_waits() -> None:
    queue: FairQueue[int] = FairQueue()
    assert [queue.add_item("live", item) for item in (1, 2, 3)] == [None, 1, 2]
    assert queue.take_items(9) == [3]


def test_items_that_are_wanted_stay_in_their_order() -> None:
    queue: FairQueue[int] = FairQueue()
    for item in range(5):
        queue.add_item("file", item, keep_all=True)
    queue.add_item("live", 9)
    assert queue.remove_items(lambda item: item in {0, 2, 9}) == [0, 2, 9]
    assert (len(queue), queue.count_items("live")) == (3, 0)
    assert queue.take_items(9) == [1, 3, 4]


def test_nothing_is_kept_of_a_camera_that_left_though_others_always_wait() -> None:
    queue: FairQueue[str] = FairQueue()
    for camera in ("busy", "guest"):
        queue.add_item(camera, "item")
    queue.add_item("busy", "another", keep_all=True)
    queue.take_items(2)
    queue.forget_camera("guest")
    assert find_kept([queue], "guest") == []
    assert queue.take_items(2) == ["another"]
