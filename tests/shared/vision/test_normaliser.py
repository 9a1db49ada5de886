"""The normaliser turns any crop into MNIST's form, whatever its paper and size, with dark or light ink."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.demo.paper import load_digits
from shared.networks.runtimes import load_network
from shared.vision.digit import Box
from shared.vision.gray_frame import as_uint8
from shared.vision.normaliser import (
    CENTRE_PX,
    CROP_PX,
    EDGE,
    check_range,
    crop_around,
    extract_ink,
    find_crop_corner,
    find_ink_box,
    find_strokes,
    keep_strokes,
    make_dark_on_light,
    measure_slant,
    normalise,
    shrink_crop,
)

ROOT = Path(__file__).parents[3]
DIGITS = load_digits().reshape(-1, 28, 28)
LABELS = np.repeat(np.arange(10), 30)


def on_paper(digit: NDArray[np.uint8], size_px: int, *, dark_ink: bool = True) -> NDArray[np.uint8]:
    """Return a crop of a digit on grainy paper in uneven light, with some paper around it."""
    ink = cv2.resize(np.pad(digit, 4), (size_px, size_px), interpolation=cv2.INTER_LINEAR) / 255
    grain = np.random.default_rng(1).normal(0, 3, ink.shape)
    shade = np.linspace(-25, 25, size_px)[None]
    return as_uint8(np.clip((200 - 120 * ink if dark_ink else 50 + 120 * ink) + shade + grain, 0, 255))


def mean_change(images: NDArray[np.uint8]) -> float:
    normal = [normalise(image) for image in images]
    assert all(image is not None for image in normal)
    return float(np.abs(np.stack(normal) - images / 255).mean())  # type: ignore[arg-type]  # none is None


def test_mnist_images_come_back_almost_unchanged() -> None:
    assert mean_change(DIGITS) < 0.001


@pytest.mark.skipif(not (ROOT / "data/MNIST/raw").is_dir(), reason="MNIST is not in data/ (a training fetches it)")
def test_a_thousand_training_images_come_back_almost_unchanged() -> None:
    from training.data import load_mnist  # noqa: PLC0415  only where the files are

    images, _ = load_mnist("train", ROOT / "data")
    assert mean_change(images[:1000]) < 0.001


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda digit: 255 - digit, id="no margin"),
        pytest.param(lambda digit: on_paper(digit, 22), id="small"),
        pytest.param(lambda digit: on_paper(digit, 72), id="middling"),
        pytest.param(lambda digit: on_paper(digit, 300), id="large"),
        pytest.param(lambda digit: on_paper(digit, 72, dark_ink=False), id="chalk"),
    ],
)
def test_network_reads_extracted_ink_as_well_as_mnist(write: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> None:
    images = [normalise(extract_ink(as_uint8(write(digit)))) for digit in DIGITS]
    assert all(image is not None for image in images)
    network = load_network(ROOT / "models" / "blog.onnx", "onnx")
    answers = network(np.stack(images)[:, None]).argmax(axis=1)  # type: ignore[arg-type]  # none is None
    assert (answers == LABELS).mean() >= 0.96


@pytest.mark.parametrize("shift", [(0, 0), (15, 3), (40, 60)])
def test_place_of_the_ink_does_not_matter(shift: tuple[int, int]) -> None:
    ink = cv2.resize(DIGITS[42], (56, 56), interpolation=cv2.INTER_CUBIC)
    sheet = np.zeros((160, 160), np.uint8)
    sheet[shift[0] : shift[0] + 56, shift[1] : shift[1] + 56] = ink
    first, second = normalise(as_uint8(ink)), normalise(sheet)
    np.testing.assert_array_equal(first, second)


def test_centre_of_mass_lies_within_a_pixel_of_the_middle() -> None:
    for digit in DIGITS:
        image = normalise(as_uint8(np.pad(digit, ((0, 30), (20, 0)))))
        assert image is not None
        rows, columns = np.indices(image.shape)
        for axis in (rows, columns):
            assert abs(float((axis * image).sum() / image.sum()) - CENTRE_PX) <= 1


def test_strokes_keep_soft_edges() -> None:
    image = normalise(extract_ink(on_paper(DIGITS[100], 72)))
    assert image is not None
    assert len(np.unique(image)) > 30


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (28, 28), (300, 200)])
@pytest.mark.parametrize("brightness", [0, 128, 255])
def test_blank_crop_holds_no_ink(size: tuple[int, int], brightness: int) -> None:
    assert normalise(extract_ink(np.full(size, brightness, np.uint8))) is None


def test_large_ink_is_averaged_not_sampled() -> None:
    """Grain finer than a pixel of the image becomes one grey."""
    ink = np.zeros((160, 160), np.uint8)
    ink[::2] = 255
    image = normalise(ink)
    assert image is not None
    assert np.ptp(image[5:23, 5:23]) < 0.1


def test_grain_of_the_paper_is_hardly_ever_ink() -> None:
    rng = np.random.default_rng(2)
    papers = [as_uint8(np.clip(rng.normal(190, 4, (60, 50)), 0, 255)) for _ in range(100)]
    assert sum(normalise(extract_ink(paper)) is not None for paper in papers) <= 5


def test_piece_of_a_neighbour_at_the_edge_is_removed() -> None:
    alone = np.full((80, 80), 220, np.uint8)
    cv2.line(alone, (40, 12), (40, 68), 40, 5)
    crowded = alone.copy()
    cv2.line(crowded, (70, 30), (79, 50), 40, 5)
    first, second = normalise(extract_ink(alone)), normalise(extract_ink(crowded))
    assert first is not None
    assert second is not None
    assert np.abs(first - second).mean() < 0.01


def mask_of(*pieces: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Return a mask of 40 x 60 with rectangles (x, y, width, height)."""
    mask = np.zeros((40, 60), np.uint8)
    for x, y, width, height in pieces:
        mask[y : y + height, x : x + width] = 255
    return mask


CHARACTER, DOT = (20, 5, 10, 30), (40, 10, 5, 5)


@pytest.mark.parametrize(
    ("piece", "is_kept"),
    [
        (DOT, True),
        ((40, 10, 2, 1), False),  # a speck
        ((0, 10, 10, 10), False),
        ((40, 0, 10, 10), False),
        ((50, 10, 10, 10), False),
        ((40, 30, 10, 10), False),
        ((1, 1, 10, 10), True),
        ((49, 29, 10, 10), True),
    ],
    ids=["dot", "speck", "left edge", "upper edge", "right edge", "lower edge", "near a corner", "near the other"],
)
def test_piece_is_kept_unless_it_is_a_speck_or_cut_by_the_edge(piece: tuple[int, int, int, int], is_kept: bool) -> None:
    strokes = find_strokes(mask_of(CHARACTER, piece))
    wanted = mask_of(CHARACTER, *([piece] if is_kept else []))
    np.testing.assert_array_equal(strokes > 0, wanted > 0)


def test_largest_piece_is_kept_also_at_the_edge() -> None:
    mask = mask_of((0, 0, 12, 40), DOT, (30, 20, 6, 6))
    np.testing.assert_array_equal(find_strokes(mask) > 0, mask > 0)


def test_ink_is_dark_afterwards_whatever_it_was() -> None:
    for paper, ink in ((200, 40), (40, 200), (120, 10), (120, 250)):
        crop = np.full((20, 20), paper, np.uint8)
        crop[8:12, 8:12] = ink
        dark = make_dark_on_light(crop)
        assert dark[10, 10] < dark[0, 0]
        assert abs(int(dark[10, 10]) - int(dark[0, 0])) == abs(paper - ink)


@pytest.mark.parametrize("turns", range(4))
def test_paper_is_what_most_of_the_edge_is(turns: int) -> None:
    """A line along one of the long sides is not the paper."""
    crop = np.full((10, 30), 200, np.uint8)
    crop[9] = 40
    turned = as_uint8(np.rot90(crop, turns))
    np.testing.assert_array_equal(make_dark_on_light(turned), turned)


@pytest.mark.parametrize(("side", "rim_px"), [(27, 1), (28, 2), (56, 3)])
def test_soft_edges_end_near_the_strokes(side: int, rim_px: int) -> None:
    strokes = np.zeros((side, side), np.uint8)
    strokes[10, 12] = 1
    rows, columns = np.nonzero(keep_strokes(np.full((side, side), 200, np.uint8), 100.0, strokes))
    assert (rows.min(), rows.max()) == (10 - rim_px, 10 + rim_px)
    assert (columns.min(), columns.max()) == (12 - rim_px, 12 + rim_px)


def test_ink_that_hardly_differs_from_the_paper_is_none() -> None:
    strokes = np.ones((5, 5), np.uint8)
    assert [keep_strokes(np.full((5, 5), level, np.uint8), 10.0, strokes).any() for level in (23, 24)] == [False, True]


def test_mean_of_the_strokes_is_white_and_half_of_the_threshold_is_black() -> None:
    ink = np.array([[200, 200, 125, 50, 20]], np.uint8).repeat(5, axis=0)
    strokes = np.array([[1, 1, 0, 0, 0]], np.uint8).repeat(5, axis=0)
    assert keep_strokes(ink, 100.0, strokes)[2].tolist() == [255, 255, 128, 0, 0]


@pytest.mark.parametrize("shape", [(100, 1), (1, 100), (1, 1), (90, 3)])
def test_thin_ink_keeps_at_least_a_pixel_and_lies_in_the_middle(shape: tuple[int, int]) -> None:
    image = normalise(np.full(shape, 255, np.uint8))
    assert image is not None
    rows, columns = np.nonzero(image)
    assert max(np.ptp(rows), np.ptp(columns)) == 19  # the longer side has 20 pixels
    for places in (rows, columns):
        assert abs(places.min() + places.max() - 27) <= 2


@pytest.mark.parametrize(("heavy", "first"), [(slice(40, 50), 0), (slice(0, 10), 8)], ids=["right", "left"])
def test_ink_whose_weight_lies_at_one_side_stays_whole(heavy: slice, first: int) -> None:
    """To lie in the middle, its centre of mass would have to leave the picture at the other side."""
    ink = np.full((50, 50), 1, np.uint8)
    ink[:, heavy] = 255
    image = normalise(ink)
    assert image is not None
    columns = np.nonzero(image)[1]
    assert (columns.min(), columns.max()) == (first, first + 19)


@pytest.mark.parametrize("slant", [-0.5, 0.0, 0.25, 1.0])
def test_slant_is_pixels_to_the_right_for_one_up(slant: float) -> None:
    lines = np.zeros((2, 28, 28), np.float32)
    for y in range(4, 24):
        lines[:, y, round(14 + slant * (14 - y))] = 1
    assert measure_slant(lines) == pytest.approx([slant] * 2, abs=0.02)


@pytest.mark.parametrize("scale", [1, 2])
def test_box_of_ink_is_in_pixels_of_the_frame_also_if_the_ink_was_scaled_down(scale: int) -> None:
    ink = np.zeros((50, 40), np.uint8)
    ink[10:40, 5:20] = EDGE
    ink[5, 5] = EDGE - 1  # too soft
    crop = np.zeros((50 * scale, 40 * scale), np.uint8)
    box = find_ink_box(crop, ink, (100, 200))
    assert box == (100 + 5 * scale, 200 + 10 * scale, 15 * scale, 30 * scale)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((28, 28), np.float32),
        np.full((28, 28), np.nan),
        np.zeros((28, 28), np.int32),
        np.zeros((28, 28), np.int8),
        np.zeros((28, 28, 3), np.uint8),
    ],
)
def test_other_types_are_refused(wrong: NDArray[np.uint8]) -> None:
    for function in (normalise, extract_ink):
        with pytest.raises(ValueError, match="uint8"):
            function(wrong)


def test_empty_crop_is_refused() -> None:
    with pytest.raises(ValueError, match="crop"):
        extract_ink(np.zeros((0, 10), np.uint8))


@pytest.mark.parametrize(
    "images",
    [
        np.full((1, 28, 28), 255, np.float32),
        np.full((1, 28, 28), -0.1, np.float32),
        np.full((1, 28, 28), np.nan, np.float32),
        np.zeros((1, 28, 28), np.float64),
        np.zeros((1, 28, 28), np.float16),
    ],
)
def test_network_input_outside_its_range_is_refused(images: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        check_range(images)


def test_network_input_may_be_all_ink_or_none() -> None:
    check_range(np.stack([np.zeros((28, 28), np.float32), np.ones((28, 28), np.float32)]))


def test_only_a_large_crop_is_shrunk() -> None:
    small, wide = np.zeros((CROP_PX, 30), np.uint8), np.zeros((30, 4 * CROP_PX), np.uint8)
    assert shrink_crop(small) is small
    assert shrink_crop(wide).shape == (8, CROP_PX)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((10.0, 20.0, 30.0, 40.0), slice(14, 66), slice(4, 46)),
        ((20.0, 10.0, 40.0, 30.0), slice(4, 46), slice(14, 66)),
        ((30.0, 40.0, 5.0, 5.0), slice(38, 47), slice(28, 37)),  # a margin of 2 pixels at least
        ((3.0, 4.0, 40.0, 40.0), slice(0, 50), slice(0, 49)),
    ],
)
def test_crop_has_a_margin_of_fifteen_percent_on_each_side(box: Box, rows: slice, columns: slice) -> None:
    gray = np.arange(100 * 100, dtype=np.uint16).reshape(100, 100).astype(np.uint8)
    np.testing.assert_array_equal(crop_around(gray, box), gray[rows, columns])
    assert find_crop_corner(box) == (columns.start, rows.start)


@pytest.mark.parametrize("box", [(0.0, 0.0, 10.0, 10.0), (45.0, 35.0, 5.0, 5.0), (-3.0, 10.0, 60.0, 8.0)])
def test_crop_ends_at_the_edge_of_the_frame(box: Box) -> None:
    crop = crop_around(np.zeros((40, 50), np.uint8), box)
    assert crop.size > 0
    assert crop.shape[0] <= 40
    assert crop.shape[1] <= 50
