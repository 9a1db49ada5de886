"""Noise alone is not a change; a small, pale digit always is."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shared.vision.change_detection import SKETCH_PX, is_unchanged, make_sketch

HEIGHT, WIDTH = 480, 640


def paper(brightness: float = 190) -> NDArray[np.float64]:
    """A sheet that is darker on one side, with a line of writing on it."""
    picture = np.tile(np.linspace(brightness - 60, brightness, WIDTH), (HEIGHT, 1))
    return write(picture, "2021", (60, 120), 2.0, 120)


def write(picture: NDArray[np.float64], text: str, at: tuple[int, int], size: float, ink: float) -> NDArray[np.float64]:
    """Lay ink (gray levels) on a picture; digits are 21 pixels high at size 1."""
    mask = cv2.putText(np.zeros((HEIGHT, WIDTH), np.uint8), text, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 2)
    return picture - np.asarray(mask, np.float64) * ink / 255


def shoot(picture: NDArray[np.float64], noise: float, blur: float, seed: int) -> NDArray[np.uint8]:
    """Return the sketch of what a camera makes of a picture; blur is how far neighbours share their noise."""
    grain = np.random.default_rng(seed).normal(0, 1, picture.shape)
    grain = np.asarray(cv2.GaussianBlur(grain, (0, 0), blur)) if blur else grain
    exposed = np.clip(picture + grain * noise / grain.std(), 0, 255).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", exposed, (cv2.IMWRITE_JPEG_QUALITY, 80))[1]
    return make_sketch(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8))


@pytest.mark.parametrize(("noise", "blur"), [(0.5, 0), (2, 0), (8, 0), (2, 1), (5, 1)])
def test_noise_is_not_a_change(noise: float, blur: float) -> None:
    before = shoot(paper(), noise, blur, seed=0).tobytes()
    assert all(is_unchanged(before, shoot(paper(), noise, blur, seed)) for seed in range(1, 9))


@pytest.mark.parametrize(
    ("size", "ink", "noise", "blur"), [(0.7, 25, 2, 0), (0.7, 60, 4, 1), (1.4, 25, 2, 1), (1.4, 120, 5, 1)]
)
def test_digit_that_appears_is_a_change(size: float, ink: float, noise: float, blur: float) -> None:
    """The smallest are 15 pixels high, 11 on the gray frame, with strokes of two pixels."""
    before = shoot(paper(), noise, blur, seed=0).tobytes()
    places = np.random.default_rng(1).integers((40, 200), (580, 440), (8, 2)).tolist()
    for seed, (x, y) in enumerate(places):
        after = write(paper(), str(seed % 10), (x, y), size, ink)
        assert not is_unchanged(before, shoot(after, noise, blur, seed=100 + seed))


@pytest.mark.parametrize("shift", [4, 40])
def test_moved_sheet_is_a_change(shift: int) -> None:
    before = shoot(paper(), 2, 0, seed=0).tobytes()
    assert not is_unchanged(before, shoot(np.roll(paper(), shift, axis=1), 2, 0, seed=1))


def test_light_that_goes_out_is_a_change() -> None:
    before = shoot(paper(), 2, 0, seed=0).tobytes()
    assert not is_unchanged(before, shoot(paper() / 3, 2, 0, seed=1))


def test_picture_of_another_size_is_a_change() -> None:
    gray = np.full((HEIGHT, WIDTH), 200, np.uint8)
    assert is_unchanged(make_sketch(gray).tobytes(), make_sketch(gray))
    assert not is_unchanged(make_sketch(gray[:400]).tobytes(), make_sketch(gray))
    assert not is_unchanged(make_sketch(gray.T).tobytes(), make_sketch(gray[:, :400]))
    assert not is_unchanged(b"", make_sketch(gray))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (60, 80), (1080, 1920), (1920, 1080)])
def test_sketch_is_small_whatever_the_picture(height: int, width: int) -> None:
    made = make_sketch(np.full((height, width), 77, np.uint8))
    assert max(made.shape) <= SKETCH_PX
    assert (made == 77).all()
