"""digitcam record: an MP4 of what is shown, as long as was asked for."""

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from digitcam.commands.record import draw, record, run
from digitcam.video_writer import VideoWriter
from services.display.display_state import DisplayFrame
from shared.messaging.messages import Message, Ready, View
from shared.pipeline import CameraState, Outcome
from shared.settings import ConfigError
from tests.conftest import MakeSettings
from tests.services.feed import Feed, pictures

JPEG = bytes(simplejpeg.encode_jpeg(np.full((48, 64, 3), 200, np.uint8), 85, "BGR", "420"))


def test_film_is_as_long_as_asked_and_shows_what_was_read(tmp_path: Path) -> None:
    pictures(0), pictures(1)  # drawn once, which takes seconds
    film = VideoWriter(tmp_path / "film.mp4")
    run(Feed("demo", "desk"), "demo", film, 0.5, threading.Event())
    film.close()
    assert film.length_s == pytest.approx(0.5, abs=0.2)
    video = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    mint = 0
    while (read := video.read())[0]:
        blue, green, red = (read[1][:, :, channel].astype(int) for channel in range(3))
        mint = max(mint, int(np.sum((green > blue + 30) & (green > red + 60) & (green > 150))))
    video.release()
    assert mint > 100  # the boxes


def test_camera_that_is_not_there_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("digitcam.commands.record.PATIENCE_S", 0.3)
    film = VideoWriter(tmp_path / "film.mp4")
    run(Feed("demo"), "nobody", film, 0.5, threading.Event())
    assert film.length_s == 0


class Unplugged(Feed):
    """A camera that is gone after its first picture."""

    def receive(self, timeout_s: float) -> list[Message]:
        batch = super().receive(timeout_s)
        if any(isinstance(message, View) for message in batch):
            self.set_state("demo", CameraState.ABSENT, "unplugged")
        return batch


def test_camera_that_stops_ends_its_film_and_what_is_there_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digitcam.commands.record.PATIENCE_S", 0.1)
    film = VideoWriter(tmp_path / "film.mp4")
    run(Unplugged("demo"), "demo", film, 60.0, threading.Event())
    film.close()
    assert (tmp_path / "film.mp4").stat().st_size > 0


def test_queue_whose_clock_jumps_ends_no_film(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is on another host, whose clock is known from its first answer on."""
    film, feed = VideoWriter(tmp_path / "film.mp4"), Feed("demo")
    monkeypatch.setattr(feed, "now", lambda: time.monotonic() + 1000 * bool(feed.asked))
    run(feed, "demo", film, 0.3, threading.Event())
    film.close()
    assert film.length_s >= 0.3


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_length_that_is_none_is_one_sentence(make_settings: MakeSettings, tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ConfigError, match=r"--seconds .* is not right: it takes a number above 0"):
        record(make_settings(), "demo", seconds, tmp_path / "film.mp4")


def test_file_that_cannot_be_written_is_one_sentence(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digitcam.commands.record.stop_on_signals", threading.Event)
    monkeypatch.setattr("digitcam.commands.record.ClientSocket", lambda _: closing_feed("demo"))
    with pytest.raises(ConfigError, match=r"no/film\.mp4 can't be written: name another file with --to"):
        record(make_settings(), "demo", 1, tmp_path / "no" / "film.mp4")


def closing_feed(camera: str) -> Feed:
    feed = Feed(camera)
    feed.close = lambda: None  # type: ignore[attr-defined]
    return feed


class Crowd:
    """A queue with eight cameras, all ready at any time: no more views come than were asked for."""

    connected = True
    seq = left = 0

    def now(self) -> float:
        return time.monotonic()

    def send(self, *messages: Message) -> bool:
        self.left = next(message.credit for message in messages if isinstance(message, Ready))
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        time.sleep(0.002 if self.left else timeout_s)
        if not self.left:
            return []
        self.left, self.seq = self.left - 1, self.seq + 1
        return [
            View(
                camera=f"cam{self.seq % 8}",
                seq=self.seq,
                captured_at=self.now(),
                outcome=Outcome.READ,
                width=64,
                height=48,
                digits=(),
                jpeg=JPEG,
            )
        ]


def test_other_cameras_take_no_pictures_from_a_film(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    film = VideoWriter(tmp_path / "film.mp4")
    drawn: list[DisplayFrame] = []

    def note(film: VideoWriter, shown: DisplayFrame) -> None:
        drawn.append(shown)
        draw(film, shown)

    monkeypatch.setattr("digitcam.commands.record.draw", note)
    run(Crowd(), "cam0", film, 1.0, threading.Event())
    film.close()
    assert len(drawn) > 20  # asked for eight times 0.1 s, it would be 10


def test_film_of_another_kind_is_one_sentence(make_settings: MakeSettings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--to .*film\.avi is not right: it takes a file whose name ends in \.mp4"):
        record(make_settings(), "demo", 1, tmp_path / "film.avi")


def test_pipeline_that_does_not_run_is_one_sentence(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digitcam.commands.record.PATIENCE_S", 0.3)
    monkeypatch.setattr("digitcam.commands.record.stop_on_signals", threading.Event)
    with pytest.raises(ConfigError, match="demo gave no picture within 0 s: is the pipeline running"):
        record(make_settings(), "demo", 1, tmp_path / "film.mp4")
