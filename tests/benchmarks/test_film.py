"""Recorded cameras: the same every time, no two pictures alike, and as many digits in view as asked."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from benchmarks.film import LENGTH_S, BenchFilm, load, record, render, write, write_sheet
from services.capture.files import read_frame_rate
from services.capture.frames import encode_jpeg
from shared.demo import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def test_a_film_is_mjpeg_at_the_rate_that_was_asked_and_no_two_pictures_are_alike(folder: Path) -> None:
    path = record(BenchFilm(1, fps=12, digits=3), folder)
    jpegs = load(path)
    assert read_frame_rate(path) == 12
    assert len(jpegs) == len(set(jpegs)) == 12 * LENGTH_S
    assert simplejpeg.decode_jpeg(jpegs[0]).shape == (HEIGHT, WIDTH, 3)


def test_a_film_is_made_once(folder: Path) -> None:
    path = record(BenchFilm(1, fps=12, digits=3), folder)
    path.write_bytes(b"the one that was made")
    assert record(BenchFilm(1, fps=12, digits=3), folder).read_bytes() == b"the one that was made"
    path.unlink()


def test_a_film_depends_on_nothing_but_what_it_is_called(tmp_path: Path) -> None:
    films = [
        BenchFilm(1, 2, 3),
        BenchFilm(1, 2, 3),
        BenchFilm(2, 2, 3),
        BenchFilm(1, 2, 4),
        BenchFilm(1, 2, 3, still=True),
    ]
    shown = [b"".join(encode_jpeg(picture) for picture in render(film)) for film in films]
    assert shown[0] == shown[1]
    assert len(set(shown)) == len({film.name for film in films}) == 4


@pytest.mark.parametrize("digits", [0, 1, 5, 10, 20])
def test_every_sheet_has_as_many_digits_as_asked_and_they_stay_in_view(digits: int) -> None:
    assert len(write_sheet(np.random.default_rng(0), digits).digits) == digits
    assert len(list(render(BenchFilm(3, 4, digits)))) == 4 * LENGTH_S  # it raises where one leaves the picture


def test_in_a_still_film_only_the_sensors_noise_moves() -> None:
    first, second = islice(render(BenchFilm(1, 30, 3, still=True)), 2)
    apart = cv2.absdiff(first, second)
    assert 0 < apart.mean() < 4
    assert apart.max() < 25


def test_a_folder_that_is_not_there_is_said_and_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be written"):
        write(tmp_path / "nowhere" / "film.avi", 30, iter([b""]))
