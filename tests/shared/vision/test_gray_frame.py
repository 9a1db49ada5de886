"""Any picture becomes a gray frame of bounded size, and anything else is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.gray_frame import flatten_light, make_gray_frame, measure_percentiles, to_gray


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((480, 640), np.uint8),
        ((480, 640, 1), np.uint8),
        ((480, 640, 3), np.uint8),
        ((480, 640, 4), np.uint8),
        ((480, 640, 3), np.uint16),
        ((480, 640, 4), np.uint16),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_every_kind_of_picture_keeps_its_brightness(
    shape: tuple[int, ...], dtype: type[np.uint8] | type[np.uint16], share: float
) -> None:
    picture: NDArray[np.generic] = np.full(shape, share * np.iinfo(dtype).max, dtype)
    if shape[2:] == (4,):
        picture[..., 3] = np.iinfo(dtype).max  # opaque
    gray, scale = make_gray_frame(picture)
    assert gray.dtype == np.uint8
    assert (gray.shape, scale) == ((480, 640), 1.0)
    assert np.abs(gray.astype(int) - round(share * 255)).max() <= 1


def test_transparent_background_becomes_white_paper() -> None:
    drawing = np.zeros((10, 10, 4), np.uint8)
    drawing[4:6, 4:6, 3] = 255  # black, opaque
    gray = to_gray(drawing)
    assert gray[0, 0] == 255
    assert gray[5, 5] == 0


@pytest.mark.parametrize(
    ("shape", "gray_shape"),
    [((1200, 1600), (480, 640)), ((1600, 1200), (640, 480)), ((300, 400), (300, 400)), ((1, 10_000), (1, 640))],
)
def test_long_side_is_bounded_and_nothing_is_enlarged(shape: tuple[int, int], gray_shape: tuple[int, int]) -> None:
    gray, scale = make_gray_frame(np.zeros(shape, np.uint8), long_side_px=640)
    assert gray.shape == gray_shape
    assert scale == pytest.approx(max(gray_shape) / max(shape))


def test_scale_maps_boxes_back_to_the_picture() -> None:
    picture = np.full((960, 1280), 255, np.uint8)
    picture[300:400, 500:540] = 0
    gray, scale = make_gray_frame(picture)
    rows, columns = np.nonzero(gray < 128)
    assert rows.min() / scale == pytest.approx(300, abs=2)
    assert (columns.max() + 1) / scale == pytest.approx(540, abs=2)


def test_one_pixel_is_a_gray_frame() -> None:
    gray, _ = make_gray_frame(np.array([[[10, 10, 10]]], np.uint8))
    assert gray.tolist() == [[10]]
    assert flatten_light(gray).shape == (1, 1)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (np.zeros((0, 0, 3), np.uint8), "empty"),
        (np.zeros((0, 640), np.uint8), "empty"),
        (np.full((4, 4), np.nan), "float64"),
        (np.zeros((4, 4), np.float32), "float32"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((4, 4), np.int16), "int16"),
        (np.zeros(16, np.uint8), "height x width"),
        (np.zeros((4, 4, 2), np.uint8), "height x width"),
        (np.zeros((1, 4, 4, 3), np.uint8), "height x width"),
    ],
)
def test_other_arrays_are_refused(picture: np.ndarray, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make_gray_frame(picture)


def test_huge_picture_is_refused_before_it_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = np.broadcast_to(np.uint8(0), (10_000, 5_001, 3))  # 50.01 megapixels in one byte
    monkeypatch.setattr("cv2.cvtColor", lambda *_: pytest.fail("it started to convert"))
    with pytest.raises(ValueError, match="5001 x 10000"):
        make_gray_frame(huge)


def test_flatten_light_removes_shadows_and_keeps_ink() -> None:
    light = np.linspace(80, 240, 640)[None].repeat(480, axis=0)
    light[:, :200] *= 0.6  # a shadow with an edge
    gray = light.copy()
    gray[200:280, 100:108] *= 0.3
    gray[200:280, 500:508] *= 0.3
    flat = flatten_light(gray.astype(np.uint8)).astype(int)
    paper = np.delete(flat, np.r_[90:118, 180:220, 490:518], axis=1)
    assert paper.min() >= 230
    assert flat[210:270, 102:106].max() <= 110
    assert flat[210:270, 502:506].max() <= 110


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 5), (31, 44)])
def test_percentiles_are_those_of_numpy(shape: tuple[int, int]) -> None:
    gray = np.random.default_rng(shape).integers(0, 256, shape, np.uint8)
    assert measure_percentiles(gray, 5, 50, 95) == pytest.approx(np.percentile(gray, (5, 50, 95)).tolist())
