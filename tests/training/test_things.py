"""Things: photographed objects lie on a scene as they are, and training does without them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training import things
from training.clutter import clutter
from training.things import NO_THINGS, Things, drop_stamp, load_things, look_out, stamp_files

BALL = np.dstack([np.full((40, 60), 255, np.uint8), cv2.circle(np.zeros((40, 60), np.uint8), (30, 20), 18, 255, -1)])


def test_a_thing_covers_only_what_is_below_it() -> None:
    scene = np.full((128, 128), 90, np.float32)
    drop_stamp(np.random.default_rng(0), scene, BALL, 60)
    changed = int((scene != 90).sum())
    assert 0 < changed < 60 * 60


def test_a_view_is_shown_near_or_far_without_a_border() -> None:
    view = np.full((300, 500), 200, np.uint8)
    for seed in range(5):
        assert (look_out(np.random.default_rng(seed), view, 128) == 200).all()


@pytest.mark.parametrize("found", [NO_THINGS, Things((BALL,), (np.full((300, 500), 200, np.uint8),))])
def test_clutter_can_be_made_with_and_without_things(found: Things) -> None:
    assert clutter(np.random.default_rng(2), 96, found).shape == (96, 96)


def test_pictures_with_digits_and_drawings_are_left_out(tmp_path: Path) -> None:
    for name in ("animals/cat.png", "symbols/math/7.png", "animals/cartoon/dog.png", "food/pear_mirror.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in stamp_files(tmp_path)] == ["cat.png"]


def test_kept_things_come_back(tmp_path: Path) -> None:
    source, kept = tmp_path / "package", tmp_path / "things"
    (source / things.STAMPS).mkdir(parents=True)
    cv2.imwrite(str(source / things.STAMPS / "ball.png"), np.full((700, 350, 4), 255, np.uint8))
    (source / things.VIEWS).mkdir(parents=True)
    cv2.imwrite(str(source / things.VIEWS / "dune.jpg"), np.full((100, 200, 3), 128, np.uint8))
    things.keep_things(source, kept)
    found = load_things(tmp_path)
    assert [stamp.shape for stamp in found.stamps] == [(320, 160, 2)]
    assert [view.shape for view in found.views] == [(100, 200)]


def test_without_apt_training_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    things.fetch_things(tmp_path)
    assert "goes on without" in capsys.readouterr().out
    assert load_things(tmp_path) == NO_THINGS
