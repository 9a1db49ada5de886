"""digitcam record writes an MP4 of one camera, as long as requested."""

import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from digitcam.commands.record import find_cell, record, record_views, write_frame
from digitcam.video_writer import VideoWriter
from services.display.display_state import DisplayFrame
from shared.messaging.messages import Message, Ready, View
from shared.pipeline import CameraState, Outcome
from shared.settings import ConfigError
from tests.conftest import MakeSettings
from tests.services.feed import Feed, pictures

JPEG = bytes(simplejpeg.encode_jpeg(np.full((48, 64, 3), 200, np.uint8), 85, "BGR", "420"))


def test_video_has_the_requested_length_and_shows_the_readings(tmp_path: Path) -> None:
    pictures(0), pictures(1)  # drawing them first takes seconds
    video = VideoWriter(tmp_path / "film.mp4")
    record_views(Feed("demo", "desk"), "demo", video, 0.5, threading.Event())
    video.close()
    assert video.length_s == pytest.approx(0.5, abs=0.2)
    capture = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    mint = 0
    while (read := capture.read())[0]:
        blue, green, red = (read[1][:, :, channel].astype(int) for channel in range(3))
        mint = max(mint, int(np.sum((green > blue + 30) & (green > red + 60) & (green > 150))))
    capture.release()
    assert mint > 100  # the boxes


def test_missing_camera_ends_the_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("digitcam.commands.record.MAX_GAP_S", 0.3)
    video = VideoWriter(tmp_path / "film.mp4")
    record_views(Feed("demo"), "nobody", video, 0.5, threading.Event())
    assert video.length_s == 0


class Unplugged(Feed):
    """A camera that is gone after its first view."""

    def receive(self, timeout_s: float) -> list[Message]:
        batch = super().receive(timeout_s)
        if any(isinstance(message, View) for message in batch):
            self.set_state("demo", CameraState.ABSENT, "unplugged")
        return batch


def test_camera_that_stops_ends_the_recording_and_its_video_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digitcam.commands.record.MAX_GAP_S", 0.1)
    video = VideoWriter(tmp_path / "film.mp4")
    record_views(Unplugged("demo"), "demo", video, 60.0, threading.Event())
    video.close()
    assert (tmp_path / "film.mp4").stat().st_size > 0


def test_jump_of_the_queues_clock_does_not_end_the_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A queue on another host: its clock is known only after its first answer."""
    video, feed = VideoWriter(tmp_path / "film.mp4"), Feed("demo")
    monkeypatch.setattr(feed, "now", lambda: time.monotonic() + 1000 * bool(feed.asked))
    record_views(feed, "demo", video, 0.3, threading.Event())
    video.close()
    assert video.length_s >= 0.3


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_wrong_length_is_one_sentence(make_settings: MakeSettings, tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ConfigError, match=r"--seconds .* is not right: it takes a number above 0"):
        record(make_settings(), "demo", seconds, tmp_path / "film.mp4")


def test_file_that_cannot_be_written_is_one_sentence(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digitcam.commands.record.stop_on_signals", threading.Event)
    monkeypatch.setattr("digitcam.commands.record.ClientSocket", lambda _: closing_feed("demo"))
    with pytest.raises(ConfigError, match=r"no/film\.mp4 can't be written \(.*\): choose another file with --to"):
        record(make_settings(), "demo", 1, tmp_path / "no" / "film.mp4")


def closing_feed(camera: str) -> Feed:
    feed = Feed(camera)
    feed.close = lambda: None  # type: ignore[attr-defined]
    return feed


class Crowd:
    """A queue with eight cameras that always have a view, and sends as many views as there is credit."""

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


def test_other_cameras_do_not_slow_the_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "film.mp4")
    written: list[DisplayFrame] = []

    def note(video: VideoWriter, frame: DisplayFrame) -> None:
        written.append(frame)
        write_frame(video, frame)

    monkeypatch.setattr("digitcam.commands.record.write_frame", note)
    record_views(Crowd(), "cam0", video, 1.0, threading.Event())
    video.close()
    assert len(written) > 20  # 10 if it asked for eight views every 0.1 s


def test_file_that_is_not_an_mp4_is_one_sentence(make_settings: MakeSettings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--to .*film\.avi is not right: it takes a file name that ends in \.mp4"):
        record(make_settings(), "demo", 1, tmp_path / "film.avi")


def test_pipeline_that_is_not_running_is_one_sentence(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("digitcam.commands.record.MAX_GAP_S", 0.3)
    monkeypatch.setattr("digitcam.commands.record.stop_on_signals", threading.Event)
    with pytest.raises(ConfigError, match="no picture of demo came within 0 s: start the pipeline"):
        record(make_settings(), "demo", 1, tmp_path / "film.mp4")


def test_camera_of_a_cell_is_recorded_from_its_queue(make_settings: MakeSettings) -> None:
    settings = make_settings(CELLS="hall=tcp://127.0.0.1:5750,yard=tcp://127.0.0.1:5751")
    cell, name = find_cell(settings, "yard/door")
    assert (cell.address, name) == ("tcp://127.0.0.1:5751", "door")
    assert find_cell(make_settings(), "door")[1] == "door"


@pytest.mark.parametrize("camera", ["door", "attic/door", "yard/", "yard"])
def test_camera_of_no_cell_is_one_sentence(make_settings: MakeSettings, camera: str) -> None:
    settings = make_settings(CELLS="hall=tcp://127.0.0.1:5750,yard=tcp://127.0.0.1:5751")
    with pytest.raises(ConfigError, match="is no camera of CELLS: write CELL/NAME; the cells are hall, yard"):
        find_cell(settings, camera)
