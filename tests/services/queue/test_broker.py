"""The queue's process as its peers see it: with a hub that is a list, and once over a real socket."""

import math
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from prometheus_client import REGISTRY

from services.queue.broker import AT_ONCE, Broker
from services.queue.cameras import MAX_CAMERAS, SILENT_AFTER_S
from services.queue.scheduler import EVERY_FRAME_WINDOW, LOST_AFTER_S
from shared.messaging.messages import (
    CameraReport,
    Credit,
    Frame,
    GrayFrame,
    MalformedError,
    Message,
    Ping,
    Reading,
    Ready,
    Refusal,
    Unchanged,
    View,
)
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import CameraState, DropReason, Gate, Outcome, Stage
from shared.vision.digit import Digit


@dataclass
class FakeHub:
    """A hub whose messages are lists and whose clock stands still."""

    inbox: list[tuple[bytes, list[Message]]] = field(default_factory=list)
    sent: list[tuple[bytes, tuple[Message, ...]]] = field(default_factory=list)
    gone: set[bytes] = field(default_factory=set)
    at: float = 100.0

    def receive(self, timeout_s: float) -> tuple[bytes, list[Message]] | None:
        return self.inbox.pop(0) if self.inbox else None

    def send(self, peer: bytes, *messages: Message) -> bool:
        if peer in self.gone:
            return False
        self.sent.append((peer, messages))
        return True

    def now(self) -> float:
        return self.at

    def to(self, peer: bytes) -> list[Message]:
        return [message for receiver, messages in self.sent if receiver == peer for message in messages]


@pytest.fixture
def exchange() -> Broker:
    return Broker(cast(BrokerSocket, FakeHub()), max_age_s=0.15)


def fake(exchange: Broker) -> FakeHub:
    return cast(FakeHub, exchange.hub)


def say(exchange: Broker, peer: bytes, *messages: Message) -> list[Message]:
    """Let a peer say something; what it hears of it at once."""
    hub = fake(exchange)
    before = len(hub.to(peer))
    hub.inbox.append((peer, list(messages)))
    exchange.turn(0)
    return hub.to(peer)[before:]


def heard(exchange: Broker, peer: bytes, kind: type[Message]) -> list[Message]:
    hub = fake(exchange)
    return [message for message in hub.to(peer) if isinstance(message, kind)]


def frame(seq: int, every_frame: bool = False, camera: str = "cam") -> Frame:
    return Frame(camera, seq, 100.0, every_frame, b"jpeg")


SEVEN = Digit((1.0, 2.0, 3.0, 4.0), tuple(math.log(0.99 if digit == 7 else 0.001) for digit in range(11)))
LIVE = CameraReport("cam", CameraState.LIVE, "", 99.0)
PREPROCESS = Ready(Stage.PREPROCESS, "preprocess.1", 1, False)
INFERENCE = Ready(Stage.INFERENCE, "inference.1", 4, False)
DISPLAY = Ready(Stage.DISPLAY, "display.1", 8, True)


def total(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_frame_becomes_page_reading_and_view(exchange: Broker) -> None:
    say(exchange, b"d", DISPLAY)
    say(exchange, b"c", LIVE, frame(1))
    assert say(exchange, b"p", PREPROCESS) == [frame(1)]
    page, reading = GrayFrame("cam", 1, 100.0, 4, 2, 2, b"\0" * 8), Reading("cam", 1, 100.0, 4, 2, ())
    say(exchange, b"p", page, PREPROCESS)
    assert say(exchange, b"i", INFERENCE) == [page]
    say(exchange, b"i", reading, INFERENCE)
    assert heard(exchange, b"d", View) == [View("cam", 1, 100.0, Outcome.READ, 4, 2, (), b"jpeg")]


def test_frames_that_have_come_meanwhile_go_into_one_batch(exchange: Broker) -> None:
    cameras = [f"cam{number}" for number in range(AT_ONCE + 1)]
    say(exchange, b"p", Ready(Stage.PREPROCESS, "preprocess.1", 99, False))
    fake(exchange).inbox = [(b"c", [frame(1, camera=camera)]) for camera in cameras]
    exchange.turn(0)
    (batch,) = [messages for peer, messages in fake(exchange).sent if peer == b"p"]
    assert batch == tuple(frame(1, camera=camera) for camera in cameras[:AT_ONCE])


def test_dropped_frame_is_shown_and_counted_with_its_reason(exchange: Broker) -> None:
    before = total("digitcam_drops_total", camera="cam", stage="preprocess", reason="replaced")
    say(exchange, b"d", DISPLAY)
    say(exchange, b"c", LIVE, frame(1), frame(2))
    assert heard(exchange, b"d", View) == [View("cam", 1, 100.0, Outcome.REPLACED, 0, 0, (), b"jpeg")]
    assert total("digitcam_drops_total", camera="cam", stage="preprocess", reason="replaced") == before + 1


def test_unchanged_frame_is_shown_and_counted_as_a_reading() -> None:
    exchange = Broker(cast(BrokerSocket, FakeHub()), max_age_s=0.15, reread_s=1.0)
    readings = total("digitcam_readings_total", camera="cam")
    unchanged = total("digitcam_unchanged_total", camera="cam")
    say(exchange, b"d", DISPLAY)
    for seq, sketch in ((1, b"sketch"), (2, b"")):
        fake(exchange).at = at = 100.0 + 0.6 * seq
        say(exchange, b"c", Frame("cam", seq, at, False, b"jpeg"))
        say(exchange, b"p", PREPROCESS)
        say(exchange, b"p", GrayFrame("cam", seq, at, 4, 2, 2, b"\0" * 8, sketch))
        say(exchange, b"i", INFERENCE)
        say(exchange, b"i", Reading("cam", seq, at, 4, 2, (SEVEN,)))
    say(exchange, b"c", Frame("cam", 3, at, False, b"jpeg"))
    assert say(exchange, b"p", PREPROCESS) == [Frame("cam", 3, at, False, b"jpeg", Gate.SKIP, b"sketch")]
    say(exchange, b"p", Unchanged("cam", 3))
    assert heard(exchange, b"d", View)[-1] == View("cam", 3, at, Outcome.UNCHANGED, 4, 2, (SEVEN,), b"jpeg")
    assert total("digitcam_readings_total", camera="cam") == readings + 3
    assert total("digitcam_unchanged_total", camera="cam") == unchanged + 1


def test_viewer_that_wants_no_pictures_is_sent_none(exchange: Broker) -> None:
    say(exchange, b"d", Ready(Stage.DISPLAY, "display.1", 8, False))
    say(exchange, b"c", LIVE, frame(1), frame(2))
    assert [view.jpeg for view in heard(exchange, b"d", View) if isinstance(view, View)] == [b""]


def test_slow_viewer_sees_only_the_newest(exchange: Broker) -> None:
    say(exchange, b"d", Ready(Stage.DISPLAY, "display.1", 0, True))
    say(exchange, b"c", LIVE, *(frame(seq) for seq in range(5)))
    say(exchange, b"d", DISPLAY)
    assert [view.seq for view in heard(exchange, b"d", View) if isinstance(view, View)] == [3]


def test_viewer_of_a_file_sees_every_frame_and_holds_its_camera_back(exchange: Broker) -> None:
    say(exchange, b"d", Ready(Stage.DISPLAY, "display.1", 0, False))
    say(exchange, b"p", Ready(Stage.PREPROCESS, "preprocess.1", 8, False))
    say(exchange, b"i", Ready(Stage.INFERENCE, "inference.1", 8, False))
    say(exchange, b"c", LIVE, *(frame(seq, every_frame=True) for seq in range(EVERY_FRAME_WINDOW)))
    pages = [GrayFrame("cam", seq, 100.0, 4, 2, 2, b"\0" * 8) for seq in range(EVERY_FRAME_WINDOW)]
    say(exchange, b"p", *pages)
    say(exchange, b"i", *(Reading("cam", seq, 100.0, 4, 2, ()) for seq in range(EVERY_FRAME_WINDOW)))
    assert heard(exchange, b"c", Credit)[-1] == Credit("cam", 0)
    say(exchange, b"d", DISPLAY)
    assert [view.seq for view in heard(exchange, b"d", View) if isinstance(view, View)] == list(range(8))
    assert heard(exchange, b"c", Credit)[-1] == Credit("cam", EVERY_FRAME_WINDOW)


def test_live_camera_may_send_again_as_soon_as_its_frame_is_worked_on(exchange: Broker) -> None:
    assert say(exchange, b"c", LIVE, frame(1)) == [Credit("cam", 1)]
    say(exchange, b"p", Ready(Stage.PREPROCESS, "preprocess.1", 1, False))
    assert heard(exchange, b"c", Credit) == [Credit("cam", 1)] * 2


def test_new_viewer_hears_how_the_cameras_are(exchange: Broker) -> None:
    say(exchange, b"c", LIVE)
    assert say(exchange, b"d", DISPLAY) == [LIVE]


def test_viewers_hear_of_changes_only(exchange: Broker) -> None:
    say(exchange, b"d", DISPLAY)
    frozen = CameraReport("cam", CameraState.FROZEN, "the same picture for 1.5 s", 101.0)
    say(exchange, b"c", LIVE, LIVE, frozen, frozen)
    assert heard(exchange, b"d", CameraReport) == [LIVE, frozen]


def test_silent_camera_is_down(exchange: Broker) -> None:
    say(exchange, b"d", DISPLAY)
    say(exchange, b"c", LIVE)
    fake(exchange).at += SILENT_AFTER_S + 0.1
    exchange.turn(0)
    down = heard(exchange, b"d", CameraReport)[-1]
    assert isinstance(down, CameraReport)
    assert (down.state, down.since) == ("down", 100.0 + SILENT_AFTER_S + 0.1)


def test_more_cameras_than_there_may_be_are_malformed(exchange: Broker) -> None:
    for number in range(MAX_CAMERAS):
        say(exchange, b"c", CameraReport(f"cam{number}", CameraState.LIVE, "", 99.0))
    before = total("digitcam_malformed_total")
    assert say(exchange, b"c", CameraReport("one too many", CameraState.LIVE, "", 99.0)) == []
    assert total("digitcam_malformed_total") == before + 1


def test_restarted_worker_is_known_by_its_name(exchange: Broker) -> None:
    say(exchange, b"c", LIVE, frame(1, every_frame=True))
    assert say(exchange, b"old", PREPROCESS) == [frame(1, every_frame=True)]
    assert say(exchange, b"new", PREPROCESS) == [frame(1, every_frame=True)]


def test_two_workers_of_one_name_are_told_of(exchange: Broker, caplog: pytest.LogCaptureFixture) -> None:
    for peer in (b"here", b"there", b"here", b"there"):
        say(exchange, peer, PREPROCESS)
    (line,) = caplog.messages  # a second
    assert line.startswith("preprocess.1 comes over a new connection")
    assert "give one machine another" in line


def test_two_cameras_of_one_name_are_told_of_with_what_to_do(
    exchange: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    say(exchange, b"here", LIVE, frame(1))
    say(exchange, b"there", frame(2))
    (line,) = caplog.messages
    assert line.startswith("cam comes over a new connection")
    assert "give one camera another" in line


def test_frame_over_a_new_connection_changes_nothing_in_how_its_camera_is(exchange: Broker) -> None:
    say(exchange, b"d", DISPLAY)
    frozen = CameraReport("cam", CameraState.FROZEN, "the same picture for 1.5 s", 101.0)
    say(exchange, b"old", frozen)
    assert say(exchange, b"new", frame(1)) == [Credit("cam", 1)]
    assert heard(exchange, b"d", CameraReport) == [frozen]


def test_worker_that_can_not_be_reached_loses_its_work_to_another(exchange: Broker) -> None:
    say(exchange, b"gone", PREPROCESS)
    fake(exchange).gone.add(b"gone")
    say(exchange, b"c", LIVE, frame(1, every_frame=True))
    assert say(exchange, b"p", Ready(Stage.PREPROCESS, "preprocess.2", 1, False)) == [frame(1, every_frame=True)]


def test_silent_worker_is_forgotten_and_heard_again(exchange: Broker) -> None:
    say(exchange, b"p", PREPROCESS)
    fake(exchange).at += LOST_AFTER_S + 1
    exchange.turn(0)
    say(exchange, b"c", LIVE, Frame("cam", 1, exchange.hub.now(), False, b"jpeg"))
    assert not heard(exchange, b"p", Frame)
    say(exchange, b"p", PREPROCESS)
    assert heard(exchange, b"p", Frame)


@pytest.mark.parametrize("message", [Credit("cam", 1), View("cam", 1, 1.0, Outcome.READ, 1, 1, (), b"")])
def test_message_that_is_not_for_the_queue_costs_one_count(exchange: Broker, message: Message) -> None:
    before = total("digitcam_malformed_total")
    say(exchange, b"x", message)
    assert total("digitcam_malformed_total") == before + 1


def test_malformed_messages_are_logged_once_a_second(exchange: Broker, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(100):
        exchange.note_malformed(MalformedError("rubbish"))
    assert len(caplog.records) == 1


def test_answer_of_a_stranger_changes_nothing(exchange: Broker) -> None:
    say(exchange, b"d", DISPLAY)
    say(exchange, b"c", LIVE, frame(1))
    say(exchange, b"x", Reading("cam", 1, 100.0, 4, 2, ()), GrayFrame("cam", 1, 100.0, 4, 2, 2, b"\0" * 8), Ping(1.0))
    assert not heard(exchange, b"d", View)
    assert say(exchange, b"p", PREPROCESS) == [frame(1)]


def test_drops_of_a_new_camera_are_exported_from_0_on(exchange: Broker) -> None:
    say(exchange, b"c", CameraReport("new", CameraState.CONNECTING, "", 99.0))
    labels = {"camera": "new", "stage": "inference", "reason": "worker lost"}
    assert REGISTRY.get_sample_value("digitcam_drops_total", labels) == 0.0


LEFT = CameraReport("cam", CameraState.LEFT, "taken off the list", 99.5)


def test_camera_that_leaves_is_the_last_that_viewers_hear_of_it(exchange: Broker) -> None:
    say(exchange, b"d", Ready(Stage.DISPLAY, "display.1", 0, False))
    say(exchange, b"p", PREPROCESS)
    say(exchange, b"c", LIVE, frame(1), frame(2), frame(3))
    say(exchange, b"c", LEFT)
    say(exchange, b"p", GrayFrame("cam", 1, 100.0, 4, 2, 2, b"\0" * 8), PREPROCESS)
    say(exchange, b"i", INFERENCE)
    say(exchange, b"i", Reading("cam", 1, 100.0, 4, 2, ()), INFERENCE)
    say(exchange, b"d", DISPLAY)
    assert heard(exchange, b"d", CameraReport)[-1] == LEFT
    assert not heard(exchange, b"d", View)
    assert say(exchange, b"d2", Ready(Stage.DISPLAY, "display.2", 8, True)) == []


def test_camera_that_left_may_come_back(exchange: Broker) -> None:
    say(exchange, b"d", DISPLAY)
    say(exchange, b"c", LIVE, frame(1))
    say(exchange, b"c", LEFT)
    say(exchange, b"c2", LIVE, frame(2), frame(3))
    assert [view.seq for view in heard(exchange, b"d", View) if isinstance(view, View)][-1] == 2


@pytest.mark.parametrize(
    ("sent", "oldest_s"),
    [(frame(1), 0.15), (replace(frame(1), max_age_s=0.5), 0.5), (frame(1, every_frame=True), math.inf)],
)
def test_how_old_a_cameras_frames_may_become_is_exported(exchange: Broker, sent: Frame, oldest_s: float) -> None:
    say(exchange, b"c", LIVE, sent)
    assert REGISTRY.get_sample_value("digitcam_camera_max_age_seconds", {"camera": "cam"}) == oldest_s


def test_camera_that_comes_anew_may_number_its_frames_from_the_start(exchange: Broker) -> None:
    """Its clock was set back, from which a capture process takes its first number."""
    say(exchange, b"p", PREPROCESS)
    say(exchange, b"c", LIVE, frame(1000))
    say(exchange, b"c2", LIVE, frame(500))
    assert say(exchange, b"p", Refusal("cam", 1000, DropReason.MALFORMED), PREPROCESS) == [frame(500)]
    say(exchange, b"c2", LEFT)
    say(exchange, b"c2", LIVE, frame(1))
    assert say(exchange, b"p", Refusal("cam", 500, DropReason.MALFORMED), PREPROCESS) == [frame(1)]


def test_camera_that_left_is_asked_for_nothing(exchange: Broker) -> None:
    say(exchange, b"p", Ready(Stage.PREPROCESS, "preprocess.1", 0, False))
    say(exchange, b"c", LIVE)
    assert exchange.work.asking.count("cam") == 1
    say(exchange, b"c", LEFT)
    assert exchange.work.asking.count("cam") == 0


def test_camera_that_left_is_no_camera_that_is_down(exchange: Broker) -> None:
    say(exchange, b"c", LIVE)
    assert REGISTRY.get_sample_value("digitcam_camera_up", {"camera": "cam"}) == 1.0
    say(exchange, b"c", LEFT)
    fake(exchange).at += SILENT_AFTER_S + 1
    exchange.turn(0)
    assert REGISTRY.get_sample_value("digitcam_camera_up", {"camera": "cam"}) is None


def test_every_frame_camera_that_left_ends_its_frames_all_the_same(exchange: Broker) -> None:
    before = total("digitcam_readings_total", camera="cam")
    say(exchange, b"p", PREPROCESS)
    say(exchange, b"i", INFERENCE)
    say(exchange, b"c", LIVE, frame(1, every_frame=True))
    say(exchange, b"c", LEFT)
    say(exchange, b"p", GrayFrame("cam", 1, 100.0, 4, 2, 2, b"\0" * 8))
    say(exchange, b"i", Reading("cam", 1, 100.0, 4, 2, ()))
    assert total("digitcam_readings_total", camera="cam") == before + 1
