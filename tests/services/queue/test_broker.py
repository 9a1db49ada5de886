"""The broker as its peers see it, over a fake socket."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import pytest
from prometheus_client import REGISTRY

from services.queue.broker import MAX_RECEIVES, Broker
from services.queue.registry import MAX_CAMERAS, SILENT_AFTER_S
from services.queue.scheduler import EVERY_FRAME_WINDOW, EndedFrame, Job
from services.queue.view_fanout import make_view
from shared.messaging import shared_memory
from shared.messaging.codec import OtherProtocolError
from shared.messaging.frame_store import FrameRing, QueueStore, Ticket, make_store
from shared.messaging.messages import (
    CameraReport,
    Credit,
    Denial,
    Followed,
    Frame,
    GrayFrame,
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
from shared.telemetry import metrics
from shared.telemetry.camera_series import KEPT_S
from shared.vision.digit import Digit
from tests.memory import find_kept

M = TypeVar("M", bound=Message)


@dataclass
class FakeSocket:
    """A socket that keeps messages in lists, with a clock that tests set."""

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
def broker() -> Broker:
    return Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15)


def fake(broker: Broker) -> FakeSocket:
    return cast(FakeSocket, broker.socket)


def send(broker: Broker, peer: bytes, *messages: Message) -> list[Message]:
    """Send messages as a peer, and return what that peer receives at once."""
    socket = fake(broker)
    before = len(socket.to(peer))
    socket.inbox.append((peer, list(messages)))
    broker.run_once(0)
    return socket.to(peer)[before:]


def received(broker: Broker, peer: bytes, kind: type[M]) -> list[M]:
    return [message for message in fake(broker).to(peer) if isinstance(message, kind)]


def frame(seq: int, at: float = 100.0, every_frame: bool = False, camera: str = "cam") -> Frame:
    return Frame(camera=camera, seq=seq, captured_at=at, every_frame=every_frame, jpeg=b"jpeg")


def gray_frame(seq: int, at: float = 100.0, sketch: bytes = b"") -> GrayFrame:
    pixels = b"\0" * 8
    return GrayFrame(
        camera="cam", seq=seq, captured_at=at, width=4, height=2, rows=2, columns=4, pixels=pixels, sketch=sketch
    )


def reading(seq: int, at: float = 100.0, digits: tuple[Digit, ...] = ()) -> Reading:
    return Reading(camera="cam", seq=seq, captured_at=at, width=4, height=2, digits=digits)


def view(seq: int, outcome: Outcome, at: float = 100.0, digits: tuple[Digit, ...] = ()) -> View:
    width, height = (4, 2) if outcome.has_digits else (0, 0)
    return View(
        camera="cam",
        seq=seq,
        captured_at=at,
        outcome=outcome,
        width=width,
        height=height,
        digits=digits,
        jpeg=b"jpeg",
    )


SEVEN = Digit((1.0, 2.0, 3.0, 4.0), tuple(math.log(0.99 if digit == 7 else 0.001) for digit in range(11)))
LIVE = CameraReport(camera="cam", state=CameraState.LIVE, detail="", began_at=99.0)
PREPROCESS = Ready(role=Stage.PREPROCESS, name="preprocess.1", credit=1, with_jpeg=False)
INFERENCE = Ready(role=Stage.INFERENCE, name="inference.1", credit=4, with_jpeg=False)
DISPLAY = Ready(role=Stage.DISPLAY, name="display.1", credit=8, with_jpeg=True)


def total(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_frame_becomes_gray_frame_reading_and_view(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    send(broker, b"c", LIVE, frame(1))
    assert send(broker, b"p", PREPROCESS) == [frame(1)]
    send(broker, b"p", gray_frame(1), PREPROCESS)
    assert send(broker, b"i", INFERENCE) == [gray_frame(1)]
    send(broker, b"i", reading(1), INFERENCE)
    assert received(broker, b"d", View) == [view(1, Outcome.READ)]


def test_frames_that_arrived_together_go_into_one_batch(broker: Broker) -> None:
    cameras = [f"cam{number}" for number in range(MAX_RECEIVES + 1)]
    send(broker, b"p", replace(PREPROCESS, credit=99))
    fake(broker).inbox = [(b"c", [frame(1, camera=camera)]) for camera in cameras]
    broker.run_once(0)
    (batch,) = [messages for peer, messages in fake(broker).sent if peer == b"p"]
    assert batch == tuple(frame(1, camera=camera) for camera in cameras[:MAX_RECEIVES])


def test_sends_that_take_long_are_taken_one_in_a_turn(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else sixteen of them would keep the queue from its heartbeat, and it would be taken for one that hangs."""
    taken = 0

    def receive(timeout_s: float) -> tuple[bytes, list[Message]]:
        nonlocal taken
        taken += 1
        fake(broker).at += 0.9  # 256 readings of 512 digits
        return b"w", []

    monkeypatch.setattr(fake(broker), "receive", receive)
    broker.run_once(0.1)
    assert taken == 1


def test_dropped_frame_is_shown_and_counted_with_its_reason(broker: Broker) -> None:
    before = total("digitcam_drops_total", camera="cam", stage="preprocess", reason="replaced")
    send(broker, b"d", DISPLAY)
    send(broker, b"c", LIVE, frame(1), frame(2))
    assert received(broker, b"d", View) == [view(1, Outcome.REPLACED)]
    assert total("digitcam_drops_total", camera="cam", stage="preprocess", reason="replaced") == before + 1


def test_unchanged_frame_is_shown_and_counted_as_a_reading() -> None:
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15, reread_s=1.0)
    readings = total("digitcam_readings_total", camera="cam")
    unchanged = total("digitcam_unchanged_total", camera="cam")
    send(broker, b"d", DISPLAY)
    for seq, sketch in ((1, b"sketch"), (2, b"")):
        fake(broker).at = at = 100.0 + 0.6 * seq
        send(broker, b"c", frame(seq, at))
        send(broker, b"p", PREPROCESS)
        send(broker, b"p", gray_frame(seq, at, sketch))
        send(broker, b"i", INFERENCE)
        send(broker, b"i", reading(seq, at, (SEVEN,)))
    send(broker, b"c", frame(3, at))
    assert received(broker, b"p", Frame)[-1] == replace(frame(3, at), gate=Gate.SKIP, sketch=b"sketch")
    send(broker, b"p", Unchanged("cam", 3))
    assert received(broker, b"d", View)[-1] == view(3, Outcome.UNCHANGED, at, (SEVEN,))
    assert total("digitcam_readings_total", camera="cam") == readings + 3
    assert total("digitcam_unchanged_total", camera="cam") == unchanged + 1


def test_followed_frame_is_shown_and_not_counted_as_a_reading() -> None:
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15, follow=True)
    readings = total("digitcam_readings_total", camera="cam")
    followed = total("digitcam_followed_total", camera="cam")
    digits = total("digitcam_digits_total", camera="cam")
    send(broker, b"d", DISPLAY)
    for seq in range(1, 9):
        fake(broker).at = at = 100 + seq / 30
        send(broker, b"c", frame(seq, at))
        send(broker, b"p", PREPROCESS)
        send(broker, b"p", gray_frame(seq, at))
        send(broker, b"i", INFERENCE)
        send(broker, b"i", reading(seq, at, (SEVEN,)))
    send(broker, b"d", DISPLAY)
    fake(broker).at = at = 100.3
    send(broker, b"c", frame(9, at))
    assert received(broker, b"p", Frame)[-1] == replace(frame(9, at), gate=Gate.FOLLOW, read_seq=8, boxes=(SEVEN.box,))
    send(broker, b"p", Followed("cam", 9, ((5.0, 6.0),)))
    assert received(broker, b"d", View)[-1] == view(9, Outcome.FOLLOWED, at, (SEVEN.moved((5.0, 6.0)),))
    assert total("digitcam_readings_total", camera="cam") == readings + 8
    assert total("digitcam_digits_total", camera="cam") == digits + 8
    assert total("digitcam_followed_total", camera="cam") == followed + 1


def test_viewer_that_wants_no_jpegs_is_sent_none(broker: Broker) -> None:
    send(broker, b"d", replace(DISPLAY, credit=8, with_jpeg=False))
    send(broker, b"c", LIVE, frame(1), frame(2))
    assert [one.jpeg for one in received(broker, b"d", View)] == [b""]


def test_slow_viewer_sees_only_the_newest(broker: Broker) -> None:
    send(broker, b"d", replace(DISPLAY, credit=0))
    send(broker, b"c", LIVE, *(frame(seq) for seq in range(5)))
    send(broker, b"d", DISPLAY)
    assert [one.seq for one in received(broker, b"d", View)] == [3]


def test_slow_viewer_of_a_file_sees_every_frame_and_slows_its_camera(broker: Broker) -> None:
    send(broker, b"d", replace(DISPLAY, credit=0, with_jpeg=False))
    send(broker, b"p", replace(PREPROCESS, credit=8))
    send(broker, b"i", replace(INFERENCE, credit=8))
    send(broker, b"c", LIVE, *(frame(seq, every_frame=True) for seq in range(EVERY_FRAME_WINDOW)))
    gray_frames = [gray_frame(seq) for seq in range(EVERY_FRAME_WINDOW)]
    send(broker, b"p", *gray_frames)
    send(
        broker,
        b"i",
        *(reading(seq) for seq in range(EVERY_FRAME_WINDOW)),
    )
    assert received(broker, b"c", Credit)[-1] == Credit("cam", 0)
    send(broker, b"d", DISPLAY)
    assert [one.seq for one in received(broker, b"d", View)] == list(range(8))
    assert received(broker, b"c", Credit)[-1] == Credit("cam", EVERY_FRAME_WINDOW)


def test_live_camera_sends_again_once_its_frame_went_to_a_worker(broker: Broker) -> None:
    assert send(broker, b"c", LIVE, frame(1)) == [Credit("cam", 1)]
    send(broker, b"p", replace(PREPROCESS, credit=1))
    assert received(broker, b"c", Credit) == [Credit("cam", 1)] * 2


def test_new_viewer_receives_the_state_of_each_camera(broker: Broker) -> None:
    send(broker, b"c", LIVE)
    assert send(broker, b"d", DISPLAY) == [LIVE]


def test_viewers_receive_changes_of_state_only(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    frozen = CameraReport(camera="cam", state=CameraState.FROZEN, detail="the same picture for 1.5 s", began_at=101.0)
    send(broker, b"c", LIVE, LIVE, frozen, frozen)
    assert received(broker, b"d", CameraReport) == [LIVE, frozen]


def test_silent_camera_is_down(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    send(broker, b"c", LIVE)
    fake(broker).at += SILENT_AFTER_S[Stage.CAPTURE] + 0.1
    broker.run_once(0)
    down = received(broker, b"d", CameraReport)[-1]
    assert isinstance(down, CameraReport)
    assert (down.state, down.began_at) == ("down", 100.0 + SILENT_AFTER_S[Stage.CAPTURE] + 0.1)


def test_report_of_one_camera_too_many_is_malformed(broker: Broker) -> None:
    for number in range(MAX_CAMERAS):
        send(broker, b"c", CameraReport(camera=f"cam{number}", state=CameraState.LIVE, detail="", began_at=99.0))
    before = total("digitcam_malformed_total")
    assert (
        send(broker, b"c", CameraReport(camera="one too many", state=CameraState.LIVE, detail="", began_at=99.0)) == []
    )
    assert total("digitcam_malformed_total") == before + 1


def test_restarted_worker_is_recognised_by_its_name(broker: Broker) -> None:
    send(broker, b"c", LIVE, frame(1, every_frame=True))
    assert send(broker, b"old", PREPROCESS) == [frame(1, every_frame=True)]
    assert send(broker, b"new", PREPROCESS) == [frame(1, every_frame=True)]


def test_two_workers_of_one_name_are_logged_with_the_remedy(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    for peer in (b"here", b"there", b"here", b"there"):
        send(broker, peer, PREPROCESS)
    (line,) = caplog.messages  # one a second
    assert line.startswith("preprocess.1 reconnected from a new socket")
    assert "two machines share the name: rename one" in line


def test_two_cameras_of_one_name_are_logged_with_the_remedy(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    send(broker, b"here", LIVE, frame(1))
    send(broker, b"there", frame(2))
    (line,) = caplog.messages
    assert line.startswith("cam reconnected from a new socket")
    assert "two cameras share the name: rename one" in line


def test_frame_over_a_new_connection_keeps_the_state_of_its_camera(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    frozen = CameraReport(camera="cam", state=CameraState.FROZEN, detail="the same picture for 1.5 s", began_at=101.0)
    send(broker, b"old", frozen)
    assert send(broker, b"new", frame(1)) == [Credit("cam", 1)]
    assert received(broker, b"d", CameraReport) == [frozen]


def test_frames_of_an_unreachable_worker_go_to_another(broker: Broker) -> None:
    send(broker, b"gone", PREPROCESS)
    fake(broker).gone.add(b"gone")
    send(broker, b"c", LIVE, frame(1, every_frame=True))
    assert send(broker, b"p", replace(PREPROCESS, name="preprocess.2")) == [frame(1, every_frame=True)]


def test_silent_worker_is_given_no_frames_until_it_is_heard_again(broker: Broker) -> None:
    send(broker, b"p", PREPROCESS)
    fake(broker).at += SILENT_AFTER_S[Stage.PREPROCESS] + 1
    broker.run_once(0)
    send(
        broker, b"c", LIVE, Frame(camera="cam", seq=1, captured_at=broker.socket.now(), every_frame=False, jpeg=b"jpeg")
    )
    assert not received(broker, b"p", Frame)
    send(broker, b"p", PREPROCESS)
    assert received(broker, b"p", Frame)


@pytest.mark.parametrize(
    "message",
    [
        Credit("cam", 1),
        View(camera="cam", seq=1, captured_at=1.0, outcome=Outcome.READ, width=1, height=1, digits=(), jpeg=b""),
    ],
)
def test_message_that_is_not_for_the_queue_is_counted_as_malformed(broker: Broker, message: Message) -> None:
    before = total("digitcam_malformed_total")
    send(broker, b"x", message)
    assert total("digitcam_malformed_total") == before + 1


@pytest.mark.parametrize("reason", [DropReason.MALFORMED, DropReason.TOO_LARGE, DropReason.TOO_COSTLY])
def test_picture_that_was_refused_is_shown_to_no_viewer(reason: DropReason) -> None:
    """A browser would decode it, for ten seconds of a core each."""
    taken = Frame(camera="cam", seq=1, captured_at=1.0, every_frame=False, jpeg=b"a bomb")
    refused = EndedFrame(Job(taken, taken, 1.0), Stage.PREPROCESS, Outcome(reason))
    assert make_view(refused, with_jpeg=True).jpeg == b""
    replaced = EndedFrame(Job(taken, taken, 1.0), Stage.PREPROCESS, Outcome.REPLACED)
    assert make_view(replaced, with_jpeg=True).jpeg == b"a bomb"


def test_malformed_messages_are_logged_once_a_second(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(100):
        send(broker, b"x", Credit("cam", 1))
    assert len(caplog.records) == 1


def test_answer_of_an_unknown_peer_changes_nothing(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    send(broker, b"c", LIVE, frame(1))
    send(
        broker,
        b"x",
        reading(1),
        gray_frame(1),
        Ping(1.0),
    )
    assert not received(broker, b"d", View)
    assert send(broker, b"p", PREPROCESS) == [frame(1)]


def test_drop_counters_of_a_new_camera_start_at_0(broker: Broker) -> None:
    send(broker, b"c", CameraReport(camera="new", state=CameraState.CONNECTING, detail="", began_at=99.0))
    labels = {"camera": "new", "stage": "inference", "reason": "worker lost"}
    assert REGISTRY.get_sample_value("digitcam_drops_total", labels) == 0.0


LEFT = CameraReport(camera="cam", state=CameraState.LEFT, detail="taken off the list", began_at=99.5)


def test_report_that_a_camera_left_is_the_last_that_viewers_receive(broker: Broker) -> None:
    send(broker, b"d", replace(DISPLAY, credit=0, with_jpeg=False))
    send(broker, b"p", PREPROCESS)
    send(broker, b"c", LIVE, frame(1), frame(2), frame(3))
    send(broker, b"c", LEFT)
    send(
        broker,
        b"p",
        gray_frame(1),
        PREPROCESS,
    )
    send(broker, b"i", INFERENCE)
    send(broker, b"i", reading(1), INFERENCE)
    send(broker, b"d", DISPLAY)
    assert received(broker, b"d", CameraReport)[-1] == LEFT
    assert not received(broker, b"d", View)
    assert send(broker, b"d2", replace(DISPLAY, name="display.2")) == []


def test_camera_that_left_may_come_back(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    send(broker, b"c", LIVE, frame(1))
    send(broker, b"c", LEFT)
    send(broker, b"c2", LIVE, frame(2), frame(3))
    assert [one.seq for one in received(broker, b"d", View)][-1] == 2


@pytest.mark.parametrize(
    ("sent", "max_age_s"),
    [(frame(1), 0.15), (replace(frame(1), max_age_s=0.5), 0.5), (frame(1, every_frame=True), math.inf)],
)
def test_max_age_of_each_camera_is_exported(broker: Broker, sent: Frame, max_age_s: float) -> None:
    send(broker, b"c", LIVE, sent)
    assert REGISTRY.get_sample_value("digitcam_camera_max_age_seconds", {"camera": "cam"}) == max_age_s


def test_restarted_camera_may_number_its_frames_from_the_start(broker: Broker) -> None:
    """Its first number is the time of day, and that clock may have been set back."""
    send(broker, b"p", PREPROCESS)
    send(broker, b"c", LIVE, frame(1000))
    send(broker, b"c2", LIVE, frame(500))
    send(broker, b"c2", LEFT)
    send(broker, b"c2", LIVE, frame(1))
    send(broker, b"p", Refusal("cam", 1000, DropReason.MALFORMED), Refusal("cam", 500, DropReason.MALFORMED))
    assert received(broker, b"p", Frame) == [frame(1000), frame(500), frame(1)]


def test_camera_that_left_is_asked_for_nothing(broker: Broker) -> None:
    send(broker, b"p", PREPROCESS)
    for seq in range(3):  # two go to preprocess, and the third is what it takes next
        send(broker, b"other", frame(seq, camera="other"))
    send(broker, b"c", LIVE)
    assert broker.scheduler.frame_requests.count_items("cam") == 1
    send(broker, b"c", LEFT)
    assert broker.scheduler.frame_requests.count_items("cam") == 0


def test_camera_that_left_is_not_reported_as_down(broker: Broker) -> None:
    send(broker, b"c", LIVE)
    assert REGISTRY.get_sample_value("digitcam_camera_up", {"camera": "cam"}) == 1.0
    send(broker, b"c", LEFT)
    fake(broker).at += SILENT_AFTER_S[Stage.CAPTURE] + 1
    broker.run_once(0)
    assert REGISTRY.get_sample_value("digitcam_camera_up", {"camera": "cam"}) is None


def test_frames_of_an_every_frame_camera_that_left_are_still_read(broker: Broker) -> None:
    before = total("digitcam_readings_total", camera="cam")
    send(broker, b"p", PREPROCESS)
    send(broker, b"i", INFERENCE)
    send(broker, b"c", LIVE, frame(1, every_frame=True))
    send(broker, b"c", LEFT)
    send(broker, b"p", gray_frame(1))
    send(broker, b"i", reading(1))
    assert total("digitcam_readings_total", camera="cam") == before + 1


@pytest.mark.parametrize("age_s", [-1e9, -2.0, 25 * 3600.0, 1e9])
def test_frame_whose_time_cannot_be_true_is_malformed(broker: Broker, age_s: float) -> None:
    before = total("digitcam_malformed_total")
    send(broker, b"p", PREPROCESS)
    send(broker, b"c", LIVE, frame(1, at=100.0 - age_s))
    assert total("digitcam_malformed_total") == before + 1
    assert received(broker, b"p", Frame) == []


def test_metrics_forget_a_camera_that_left_and_keep_one_that_is_only_down(broker: Broker) -> None:
    names = ("of a left camera", "of a camera that is down")
    for name in names:
        send(broker, name.encode(), replace(LIVE, camera=name), frame(1, camera=name))
    send(broker, names[0].encode(), replace(LIVE, camera=names[0], state=CameraState.LEFT))
    for _ in range(3):
        fake(broker).at += KEPT_S
        broker.run_once(0)
    cameras = {sample.labels.get("camera") for metric in REGISTRY.collect() for sample in metric.samples}
    assert cameras.isdisjoint(names[:1])
    assert names[1] in cameras


@pytest.mark.parametrize("leaves_after", range(6))
def test_nothing_is_kept_of_a_camera_that_left_wherever_its_last_frame_was(leaves_after: int) -> None:
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15, reread_s=1.0, follow=True)
    send(broker, b"d", DISPLAY)
    steps: list[tuple[bytes, Message]] = [
        (b"c", replace(LIVE, camera="guest")),
        (b"c", frame(1, camera="guest")),
        (b"p", PREPROCESS),
        (b"p", replace(gray_frame(1, sketch=b"sketch"), camera="guest")),
        (b"i", INFERENCE),
        (b"i", replace(reading(1, digits=(SEVEN,)), camera="guest")),
    ]
    for step, (peer, message) in enumerate(steps):
        if step <= leaves_after or peer != b"c":
            send(broker, peer, message)
        if step == leaves_after:
            send(broker, b"c", replace(LEFT, camera="guest"))
    for _ in range(3):
        fake(broker).at += KEPT_S
        broker.run_once(0)
    fake(broker).sent.clear()
    assert find_kept([broker, *vars(metrics).values()], "guest") == []


def test_camera_that_is_refused_leaves_no_metrics(broker: Broker) -> None:
    for number in range(MAX_CAMERAS):
        send(broker, b"c", replace(LIVE, camera=f"cam.{number}"))
    send(broker, b"c", replace(LIVE, camera="refused"))
    assert "refused" not in {s.labels.get("camera") for metric in REGISTRY.collect() for s in metric.samples}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QueueStore:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    return make_store()


@pytest.fixture
def ring(store: QueueStore) -> FrameRing:
    return FrameRing(store.name, 64, next_seq=1)


@pytest.fixture
def sharing(store: QueueStore, ring: FrameRing) -> Broker:
    """A queue with a camera whose frames are in shared memory."""
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15, store=store)
    send(broker, b"c", replace(LIVE, ring=ring.name))
    return broker


def put(ring: FrameRing, seq: int, every_frame: bool = False) -> Frame:
    """Return a frame whose JPEG is in the ring."""
    return replace(frame(seq, every_frame=every_frame), jpeg=b"", ticket=ring.put_jpeg(b"jpeg"))


def put_gray(store: QueueStore, given: Frame) -> GrayFrame:
    """Return the gray frame of a frame in shared memory."""
    assert given.ticket
    assert store.put_gray(given.ticket, np.full((2, 4), 7, np.uint8))
    return replace(gray_frame(given.seq), pixels=b"", ticket=given.ticket)


def is_free(ring: FrameRing, given: Frame) -> bool:
    """Return whether the slot of a frame can be used again."""
    assert given.ticket
    return not ring._is_used(given.ticket.slot)


def test_frame_in_shared_memory_travels_as_a_ticket_and_its_slot_is_free_at_the_end(
    sharing: Broker, store: QueueStore, ring: FrameRing
) -> None:
    preprocess, inference = (replace(ready, store=store.name) for ready in (PREPROCESS, INFERENCE))
    send(sharing, b"p", preprocess)
    send(sharing, b"i", inference)
    given = put(ring, 1)
    send(sharing, b"c", given)
    assert received(sharing, b"p", Frame) == [given]
    gray = put_gray(store, given)
    send(sharing, b"p", gray)
    assert received(sharing, b"i", GrayFrame) == [gray]
    assert not is_free(ring, given)
    send(sharing, b"i", reading(1))
    assert is_free(ring, given)


def test_queue_puts_the_bytes_in_for_a_worker_that_does_not_share_its_memory(
    sharing: Broker, store: QueueStore, ring: FrameRing
) -> None:
    send(sharing, b"p", PREPROCESS)
    send(sharing, b"i", replace(INFERENCE, store="0123abcd"))
    given = put(ring, 1)
    send(sharing, b"c", given)
    assert received(sharing, b"p", Frame) == [replace(given, jpeg=b"jpeg", ticket=None)]
    gray = put_gray(store, given)
    send(sharing, b"p", gray)
    assert received(sharing, b"i", GrayFrame) == [replace(gray, pixels=bytes([7] * 8), ticket=None)]


def test_viewer_gets_the_jpeg_of_a_frame_whose_slot_is_used_again(sharing: Broker, ring: FrameRing) -> None:
    send(sharing, b"d", replace(DISPLAY, credit=0))
    first, second = put(ring, 1), put(ring, 2)
    send(sharing, b"c", first, second)
    assert is_free(ring, first)
    put(ring, 3)
    send(sharing, b"d", DISPLAY)
    assert [(one.seq, one.jpeg) for one in received(sharing, b"d", View)] == [(1, b"jpeg")]


def test_frame_that_is_refused_by_the_queue_frees_its_slot(sharing: Broker, ring: FrameRing) -> None:
    first, late = put(ring, 2), put(ring, 1)
    send(sharing, b"c", first)
    send(sharing, b"c", late)
    assert is_free(ring, late)
    assert not is_free(ring, first)


@pytest.mark.parametrize("ring_name", ["", "0123abcd-0123abcd"])
def test_ticket_of_a_ring_that_is_gone_is_a_malformed_message(sharing: Broker, ring: FrameRing, ring_name: str) -> None:
    before = total("digitcam_malformed_total")
    ticket = Ticket(ring_name or ring.name, 0, 1, 4)
    send(sharing, b"other", replace(frame(1, camera="other"), jpeg=b"", ticket=ticket))
    assert total("digitcam_malformed_total") == before + 1


def test_gray_frame_in_the_slot_of_another_frame_is_malformed(sharing: Broker, ring: FrameRing) -> None:
    before = total("digitcam_drops_total", camera="cam", stage="preprocess", reason="malformed")
    send(sharing, b"p", PREPROCESS)
    given, other = put(ring, 1), put(ring, 2)
    send(sharing, b"c", given)
    send(sharing, b"p", replace(gray_frame(1), pixels=b"", ticket=other.ticket))
    assert total("digitcam_drops_total", camera="cam", stage="preprocess", reason="malformed") == before + 1


def test_slot_that_a_lost_preprocess_worker_may_still_write_into_is_not_used_again(
    sharing: Broker, store: QueueStore, ring: FrameRing
) -> None:
    send(sharing, b"p", PREPROCESS)
    send(sharing, b"i", INFERENCE)
    lost, read = put(ring, 1), put(ring, 2)
    send(sharing, b"c", lost)
    fake(sharing).at += SILENT_AFTER_S[Stage.PREPROCESS] + 1
    sharing.run_once(0)
    send(sharing, b"p2", replace(PREPROCESS, name="preprocess.2"))
    send(sharing, b"c", replace(read, captured_at=fake(sharing).at))
    send(sharing, b"p2", put_gray(store, read))
    send(sharing, b"i", INFERENCE)
    send(sharing, b"i", reading(2))
    assert (is_free(ring, lost), is_free(ring, read)) == (False, True)


def test_frame_of_a_file_that_was_lost_once_keeps_its_slot_until_it_is_read(
    sharing: Broker, store: QueueStore, ring: FrameRing
) -> None:
    send(sharing, b"p", replace(PREPROCESS, store=store.name))
    given = put(ring, 1, every_frame=True)
    send(sharing, b"c", given)
    assert send(sharing, b"new", replace(PREPROCESS, store=store.name)) == [given]
    assert store.read_jpeg(given.ticket or Ticket("", 0, 0, 0)) == b"jpeg"


def test_camera_that_does_not_wait_is_sent_no_credit(sharing: Broker, ring: FrameRing) -> None:
    sent = len(received(sharing, b"c", Credit))
    send(sharing, b"p", PREPROCESS)
    send(sharing, b"c", put(ring, 1))
    assert ring.until_seq == 3  # the second frame may be sent
    assert len(received(sharing, b"c", Credit)) == sent
    ring.set_waiting(True)
    send(sharing, b"p", Refusal("cam", 1, DropReason.MALFORMED))
    send(sharing, b"c", put(ring, 2))
    assert ring.until_seq == 4
    assert received(sharing, b"c", Credit)[sent:] == [Credit("cam", 1)]


def test_camera_goes_on_in_its_ring_over_a_new_connection(sharing: Broker, ring: FrameRing) -> None:
    ring.set_next_seq(500)
    send(sharing, b"new", replace(LIVE, ring=ring.name))
    assert ring.until_seq == 501


def test_ring_of_a_camera_that_left_is_removed(sharing: Broker, ring: FrameRing, tmp_path: Path) -> None:
    assert (tmp_path / f"digitcam-{ring.name}").exists()
    send(sharing, b"c", LEFT)
    assert not (tmp_path / f"digitcam-{ring.name}").exists()


def test_queue_without_a_store_sends_credit_by_messages(ring: FrameRing) -> None:
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15)
    assert send(broker, b"c", replace(LIVE, ring=ring.name)) == [Credit("cam", 1)]
    assert ring.until_seq == 0


OURS, THEIRS = replace(INFERENCE, weights="a+b"), replace(INFERENCE, name="inference.2", weights="a+c")


def test_worker_with_other_networks_gets_a_sentence_and_no_frames(broker: Broker) -> None:
    before = total("digitcam_denied_total", reason="weights")
    send(broker, b"i", OURS)
    (denial,) = send(broker, b"j", THEIRS)
    assert isinstance(denial, Denial)
    assert "its networks are a+c, and those of the workers that read are a+b" in denial.detail
    assert len(send(broker, b"j", THEIRS)) == 1  # again, so that it knows that this goes on
    assert total("digitcam_denied_total", reason="weights") == before + 1
    assert total("digitcam_workers", stage="inference") == 1
    send(broker, b"c", LIVE, frame(1))
    send(broker, b"p", PREPROCESS)
    send(broker, b"p", gray_frame(1))
    assert (received(broker, b"i", GrayFrame), received(broker, b"j", GrayFrame)) == ([gray_frame(1)], [])


def test_worker_with_other_networks_reads_when_none_of_the_others_is_left(broker: Broker) -> None:
    send(broker, b"i", OURS)
    send(broker, b"j", THEIRS)
    fake(broker).at += 2.0
    send(broker, b"j", THEIRS)
    fake(broker).at += 2.0  # the first is silent for 4 s
    send(broker, b"j", THEIRS)
    assert send(broker, b"j", THEIRS) == []
    assert list(broker.scheduler.workers) == ["inference.2"]


def test_worker_that_loads_other_networks_takes_the_pipeline_with_it(broker: Broker) -> None:
    """As `digitcam learn` does: each worker loads the new ones within a second, and meanwhile they do not mix."""
    send(broker, b"i", OURS)
    send(broker, b"j", replace(OURS, name="inference.2"))
    send(broker, b"c", LIVE, frame(1))
    send(broker, b"p", PREPROCESS)
    send(broker, b"i", replace(OURS, weights="a+learned"))
    send(broker, b"p", gray_frame(1))
    assert (received(broker, b"i", GrayFrame), received(broker, b"j", GrayFrame)) == ([gray_frame(1)], [])
    assert send(broker, b"j", replace(OURS, name="inference.2", weights="a+learned")) == []
    assert set(broker.scheduler.workers) == {"preprocess.1", "inference.1", "inference.2"}


def test_worker_that_is_denied_finishes_what_it_holds(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    send(broker, b"i", OURS)
    send(broker, b"j", replace(OURS, name="inference.2"))
    send(broker, b"c", LIVE, frame(1))
    send(broker, b"p", PREPROCESS)
    send(broker, b"p", gray_frame(1))
    send(broker, b"j", replace(OURS, name="inference.2", weights="a+learned"))
    send(broker, b"i", reading(1), OURS)
    assert received(broker, b"d", View) == [view(1, Outcome.READ)]


def test_networks_mix_if_that_is_wanted() -> None:
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15, mix_weights=True)
    assert send(broker, b"i", OURS) == []
    assert send(broker, b"j", THEIRS) == []
    assert set(broker.scheduler.workers) == {"inference.1", "inference.2"}


def test_process_of_another_version_is_counted_apart(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    before = total("digitcam_denied_total", reason="protocol"), total("digitcam_malformed_total")

    def receive(timeout_s: float) -> None:
        raise OtherProtocolError("2")

    monkeypatch.setattr(fake(broker), "receive", receive)
    broker.receive_messages(0)
    assert (total("digitcam_denied_total", reason="protocol"), total("digitcam_malformed_total")) == (
        before[0] + 1,
        before[1],
    )
