"""Recorded cameras are deterministic, without repeated frames, and show the requested number of digits."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from benchmarks.bench_films import LENGTH_S, BenchFilm, load_jpegs, make_film, render, write_sheet, write_video
from services.capture.files import inspect_video
from services.capture.frames import encode_jpeg
from shared.demo.camera import HEIGHT, WIDTH


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


def test_film_is_mjpeg_at_the_requested_rate_without_repeated_frames(folder: Path) -> None:
    path = make_film(BenchFilm(1, fps=12, digits=3), folder)
    jpegs = load_jpegs(path)
    assert inspect_video(path).rate_hz == 12
    assert len(jpegs) == len(set(jpegs)) == 12 * LENGTH_S
    assert simplejpeg.decode_jpeg(jpegs[0]).shape == (HEIGHT, WIDTH, 3)


def test_film_is_made_once(folder: Path) -> None:
    path = make_film(BenchFilm(1, fps=12, digits=3), folder)
    path.write_bytes(b"existing film")
    assert make_film(BenchFilm(1, fps=12, digits=3), folder).read_bytes() == b"existing film"
    path.unlink()


def test_film_depends_only_on_its_name(tmp_path: Path) -> None:
    films = [
        BenchFilm(1, 2, 3),
        BenchFilm(1, 2, 3),
        BenchFilm(2, 2, 3),
        BenchFilm(1, 2, 4),
        BenchFilm(1, 2, 3, still=True),
    ]
    contents = [b"".join(map(encode_jpeg, render(film))) for film in films]
    assert contents[0] == contents[1]
    assert len(set(contents)) == len({film.name for film in films}) == 4


@pytest.mark.parametrize("digits", [0, 1, 5, 10, 20])
def test_sheet_has_the_requested_digits_and_they_stay_in_view(digits: int) -> None:
    assert len(write_sheet(np.random.default_rng(0), digits).digits) == digits
    assert len(list(render(BenchFilm(3, 4, digits)))) == 4 * LENGTH_S  # raises if one leaves the frame


def test_only_sensor_noise_changes_in_a_still_film() -> None:
    first, second = islice(render(BenchFilm(1, 30, 3, still=True)), 2)
    difference = cv2.absdiff(first, second)
    assert 0 < difference.mean() < 4
    assert difference.max() < 25


def test_film_in_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="can't be written"):
        write_video(tmp_path / "nowhere" / "film.avi", 30, iter([b""]))
