"""Scenes: repeatable, true to their own labels, and full of what real pictures have."""

import numpy as np
import pytest

from shared.networks.detector_channels import BOX, CHANNELS, SCORE
from shared.vision.detection import LevelOutput, decode_cells, select_cells, sort_cells, suppress_duplicates
from shared.vision.digit import NOT_A_DIGIT
from training.docs_pictures.scenes import draw_truth
from training.label_maps import make_label_maps
from training.plots import make_contact_sheet
from training.scenes import EXAMPLES, Scene, make_example, make_scene
from training.scenes.fields import SIDE as FIELD_SIDE
from training.scenes.fields import make_body_field, make_line_field, thin_body
from training.scenes.glyphs import Glyph, Sources
from training.scenes.pens import Pen, draw_glyph
from training.scenes.strokes import DIGITS, SIGNS, rasterise_strokes


@pytest.fixture(scope="module")
def scenes(sources: Sources) -> list[Scene]:
    rng = np.random.default_rng(3)
    return [make_scene(rng, sources, numbers=1) for _ in range(60)]


def test_the_same_seed_gives_the_same_scene(sources: Sources) -> None:
    one, same, other = (make_scene(np.random.default_rng(seed), sources) for seed in (7, 7, 8))
    assert np.array_equal(one.picture, same.picture)
    assert np.array_equal(one.boxes, same.boxes)
    assert not np.array_equal(one.picture, other.picture)


def test_scenes_hold_every_digit_and_what_is_none(scenes: list[Scene]) -> None:
    labels = np.concatenate([scene.labels for scene in scenes])
    assert set(range(11)) <= set(labels.tolist())


def test_some_scenes_hold_no_digit(sources: Sources) -> None:
    rng = np.random.default_rng(4)
    counts = [int((make_scene(rng, sources).labels < NOT_A_DIGIT).sum()) for _ in range(60)]
    assert 0.2 < np.mean(np.array(counts) == 0) < 0.8


@pytest.mark.parametrize("kind", EXAMPLES)
def test_each_kind_of_scene_can_be_looked_at(kind: str, sources: Sources) -> None:
    scenes = [make_example(np.random.default_rng(seed), sources, kind) for seed in range(3)]  # one may have no room
    assert {scene.picture.shape for scene in scenes} == {(160, 160)}
    assert any(len(scene.labels) for scene in scenes) == (kind != "stationery")


def test_a_digit_stands_out_of_the_paper_in_its_box(scenes: list[Scene]) -> None:
    """Its greys spread wider than those of the paper around it, in nine of ten: noise and grids hide the rest."""
    clearer = []
    for scene in scenes:
        for (x, y, w, h), label in zip(scene.boxes.astype(int), scene.labels, strict=True):
            if 0 <= label < NOT_A_DIGIT and min(x, y) >= 0:
                inside = scene.picture[y : y + h, x : x + w].astype(float)
                clearer.append(inside.std() > 4)
    assert len(clearer) > 50
    assert np.mean(clearer) > 0.9


def test_the_target_decodes_to_the_scene_it_was_made_of(scenes: list[Scene]) -> None:
    """What the detector is taught, and how its answers are read, are the same language."""
    for scene in scenes:
        labels = make_label_maps(scene)
        maps = np.zeros((CHANNELS, *labels.score.shape), np.float32)
        maps[SCORE] = np.where(labels.score == 1, 6, -6)
        maps[BOX] = labels.box
        found = suppress_duplicates(decode_cells(sort_cells(select_cells(LevelOutput(maps[None]), 0.5))))
        middles = {tuple(np.rint(box[:2] + box[2:] / 2).astype(int)) for box in scene.boxes}
        for box in found.boxes:
            assert tuple(np.rint(box[:2] + box[2:] / 2).astype(int)) in middles


def test_a_thinned_stroke_is_one_pixel_wide() -> None:
    body = np.zeros((FIELD_SIDE, FIELD_SIDE), np.uint8)
    body[20:60, 35:47] = 1
    assert (thin_body(body)[30:50].sum(axis=1) == 1).all()


def test_a_field_is_negative_inside_a_body_and_grows_outwards() -> None:
    body = np.zeros((FIELD_SIDE, FIELD_SIDE), np.uint8)
    body[30:50, 30:50] = 1
    field = make_body_field(body)
    assert field[40, 40] < 0 < field[40, 55] < field[40, 70]


@pytest.mark.parametrize("name", SIGNS)
def test_a_sign_is_drawn_inside_its_square(name: str) -> None:
    mask = rasterise_strokes(SIGNS[name])
    assert mask.sum() > 1
    assert not mask[0].any()
    assert not mask[-1].any()


@pytest.mark.parametrize(("width", "px"), [(0.05, 2.0), (0.2, 8.0)])
def test_a_pen_draws_as_wide_as_it_is(width: float, px: float) -> None:
    glyph = Glyph(make_line_field(rasterise_strokes(DIGITS[1][0])), is_line=True, label=1)
    ink = draw_glyph(np.random.default_rng(0), glyph, 40, np.eye(2, dtype=np.float32), Pen(width, 0, 0, 0))
    assert ink[10:30].sum(axis=1).mean() == pytest.approx(px, rel=0.2)


def test_a_contact_sheet_shows_every_scene(scenes: list[Scene]) -> None:
    sheet = make_contact_sheet([draw_truth(scene) for scene in scenes[:9]], columns=4)
    assert sheet.shape == (3 * 320, 4 * 320, 3)
    assert sheet[-1, -1].max() == 0
