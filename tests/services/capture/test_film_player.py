"""FilmPlayer: the newest frame that is due, made when it is asked for; what was replaced is counted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from services.capture.film_player import FilmPlayer
from services.capture.frames import PAUSE_S, FrameStream, Schedule
from services.capture.sources import is_played
from shared.cameras.camera_list import Camera, SourceKind
from shared.cameras.options import CameraOptions
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.cameras.watchdog import FrameGrabbed, SourceLost, SourceOpening

RATE_HZ = 20.0
WAIT_S = 0.1


class Cinema:
    """A film of numbered frames, its player, and a clock that only waiting moves."""

    def __init__(self, open_film: Callable[[Schedule], FrameStream] | None = None) -> None:
        self.now = 100.0
        self.replaced: list[int] = []
        self.made: list[int] = []
        self.closed = 0
        self.player = FilmPlayer(
            open_film or self.play, on_replaced=self.replaced.append, clock=lambda: self.now, sleep=self.sleep
        )

    def play(self, schedule: Schedule) -> FrameStream:
        try:
            for tick in schedule(RATE_HZ):
                self.made.append(tick.number)
                yield CapturedFrame(bytes([tick.number]), tick.due_at)
        finally:
            self.closed += 1

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def take(self) -> int:
        frame = self.player.take_frame()
        assert frame
        return frame.jpeg[0]


def test_frames_come_when_they_are_due_and_none_is_replaced() -> None:
    cinema, seen = Cinema(), []
    for _ in range(5):
        assert cinema.player.wait_for_frame(WAIT_S)
        seen.append((cinema.take(), round(cinema.now, 6)))
    assert seen == [(number, 100 + number / RATE_HZ) for number in range(5)]
    assert not cinema.replaced


def test_frame_that_nobody_asks_for_is_not_made_but_counted() -> None:
    cinema = Cinema()
    assert cinema.player.wait_for_frame(WAIT_S)
    cinema.sleep(0.99)
    assert cinema.player.wait_for_frame(WAIT_S)
    assert cinema.take() == 19
    assert cinema.made == [0, 19]
    assert sum(cinema.replaced) == 19


def test_first_frame_is_taken_if_it_is_still_the_newest() -> None:
    cinema = Cinema()
    assert cinema.player.wait_for_frame(WAIT_S)
    cinema.sleep(0.04)
    assert cinema.take() == 0
    assert cinema.made == [0]


def test_waiting_lasts_no_longer_than_asked() -> None:
    cinema = Cinema()
    cinema.player.wait_for_frame(WAIT_S)
    cinema.take()
    before = cinema.now
    assert not cinema.player.wait_for_frame(0.01)
    assert cinema.now == pytest.approx(before + 0.01)


def test_film_stands_still_while_nobody_asks_for_long() -> None:
    cinema = Cinema()
    cinema.player.wait_for_frame(WAIT_S)
    cinema.take()
    cinema.sleep(PAUSE_S + 60)
    assert cinema.player.wait_for_frame(WAIT_S)
    assert cinema.take() == 1
    assert not cinema.replaced


def test_broken_film_is_noticed_unasked_and_opened_until_it_can_be_read() -> None:
    opened = 0

    def play(schedule: Schedule) -> FrameStream:
        nonlocal opened
        opened += 1
        if opened < 3:
            raise CameraAbsentError(CameraProblem.ENDED)
        yield from cinema.play(schedule)

    cinema = Cinema(play)
    while not cinema.player.wait_for_frame(WAIT_S):
        assert cinema.player.take_frame() is None
        assert cinema.now < 110
    events = cinema.player.drain_events()
    assert [type(event) for event in events] == [SourceLost, SourceOpening, SourceLost, SourceOpening, FrameGrabbed]
    assert isinstance(events[0], SourceLost)
    assert events[0].detail == "it gives no more frames"
    assert cinema.take() == 0


def test_film_that_is_lost_while_it_plays_is_opened_again() -> None:
    def play(schedule: Schedule) -> FrameStream:
        for _, frame in zip(range(2), cinema.play(schedule), strict=False):
            yield frame
        raise CameraAbsentError(CameraProblem.ENDED)

    cinema = Cinema(play)
    for _ in range(2):
        cinema.player.wait_for_frame(WAIT_S)
        cinema.take()
    cinema.sleep(30)
    assert cinema.player.take_frame() is None
    while not cinema.player.wait_for_frame(WAIT_S):
        assert cinema.now < 140
    kinds = [type(event) for event in cinema.player.drain_events()]
    assert kinds == [FrameGrabbed, SourceLost, SourceOpening, FrameGrabbed]


def test_closing_closes_the_film_and_reopening_opens_it_again() -> None:
    cinema = Cinema()
    cinema.player.wait_for_frame(WAIT_S)
    cinema.player.request_reopen()
    assert cinema.closed == 1
    assert cinema.player.wait_for_frame(WAIT_S)
    assert cinema.player.close(0)
    assert cinema.closed == 2


def test_only_what_gives_its_frames_at_once_is_played(tmp_path: Path) -> None:
    film, pipe = tmp_path / "film.mp4", tmp_path / "pipe.mp4"
    film.touch()
    cameras = {
        Camera("demo", SourceKind.DEMO, "demo"): True,
        Camera("film", SourceKind.VIDEO, str(film)): True,
        Camera("turned", SourceKind.VIDEO, str(film), CameraOptions(rotate=90)): True,
        Camera("pipe", SourceKind.VIDEO, str(pipe)): False,
        Camera("slowed", SourceKind.VIDEO, str(film), CameraOptions(fps=1)): False,
        Camera("photo", SourceKind.IMAGES, str(film)): False,
        Camera("webcam", SourceKind.WEBCAM, "0"): False,
        Camera("network", SourceKind.STREAM, "http://camera/"): False,
    }
    assert {camera.name: is_played(camera) for camera in cameras} == {
        camera.name: wanted for camera, wanted in cameras.items()
    }
