"""Things: photographed objects and views lie in a scene as they are."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.scenes.clutter import make_clutter, make_wood_grain
from training.scenes.stationery import lay_cable, lay_clip, lay_mug, lay_pencil
from training.scenes.things import NO_THINGS, Things, crop_view, draw_stamp

BALL = np.dstack([np.full((40, 60), 255, np.uint8), cv2.circle(np.zeros((40, 60), np.uint8), (30, 20), 18, 255, -1)])


def test_a_thing_covers_only_what_is_below_it() -> None:
    scene = np.full((128, 128), 90, np.float32)
    draw_stamp(np.random.default_rng(0), scene, BALL, 60)
    changed = int((scene != 90).sum())
    assert 0 < changed < 60 * 60


def test_a_view_is_shown_near_or_far_without_a_border() -> None:
    view = np.full((300, 500), 200, np.uint8)
    for seed in range(5):
        assert (crop_view(np.random.default_rng(seed), view, 128) == 200).all()


@pytest.mark.parametrize("found", [NO_THINGS, Things((BALL,), (np.full((300, 500), 200, np.uint8),))])
def test_clutter_can_be_made_with_and_without_things(found: Things) -> None:
    assert make_clutter(np.random.default_rng(2), 96, found).shape == (96, 96)


def test_grain_runs_in_one_direction() -> None:
    streaks = make_wood_grain(np.random.default_rng(0), 96)
    across, along = (np.abs(np.diff(streaks, axis=axis)).mean() for axis in (0, 1))
    assert max(across, along) > 1.5 * min(across, along)


@pytest.mark.parametrize("lay", [lay_pencil, lay_clip, lay_mug, lay_cable])
def test_stationery_covers_a_part_of_the_scene(lay: Callable[[np.random.Generator, NDArray[np.float32]], None]) -> None:
    rng, shares = np.random.default_rng(1), []
    for _ in range(20):
        scene = np.full((128, 128), 90, np.float32)
        lay(rng, scene)
        assert scene.min() >= 0
        shares.append(np.mean(scene != 90))
    assert 0.002 < np.mean(shares) < 0.5
