"""The broker and the frames of files: none is lost while the queue lives, and none is read twice while it is held."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from services.queue.broker import Broker
from services.queue.file_frames import WINDOW
from services.queue.scheduler import EVERY_FRAME_WINDOW
from shared.messaging import shared_memory
from shared.messaging.frame_store import FrameRing, make_store
from shared.messaging.messages import Credit, FilePosition, Frame, Message, Recorded, Refusal, View
from shared.messaging.sockets import BrokerSocket
from shared.pipeline import CameraState, DropReason, Outcome
from tests.services.queue.test_broker import (
    DISPLAY,
    INFERENCE,
    LIVE,
    PREPROCESS,
    FakeSocket,
    gray_frame,
    reading,
    received,
    send,
    total,
)

STAMP = "0123456789abcdef"


@pytest.fixture
def broker() -> Broker:
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15)
    send(broker, b"p", replace(PREPROCESS, credit=8))
    send(broker, b"i", replace(INFERENCE, credit=8))
    return broker


def frame(seq: int, index: int) -> Frame:
    position = FilePosition(STAMP, index)
    return Frame(camera="cam", seq=seq, captured_at=100.0, every_frame=True, jpeg=b"jpeg", position=position)


def read(broker: Broker, *frames: Frame) -> None:
    """Send frames as the camera, and work on them."""
    send(broker, b"c", LIVE, *frames)
    for one in frames:
        send(broker, b"p", gray_frame(one.seq))
        send(broker, b"i", reading(one.seq))


def shown(broker: Broker, viewer: bytes) -> list[int]:
    return [view.position.index for view in received(broker, viewer, View) if view.position]


def record(broker: Broker, *indices: int) -> Message:
    message = Recorded("cam", STAMP, indices)
    send(broker, b"d", message)
    return message


def test_frames_that_no_display_has_recorded_are_shown_to_the_next_one(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    read(broker, *(frame(seq, 10 + seq) for seq in range(4)))
    assert shown(broker, b"d") == [10, 11, 12, 13]
    record(broker, 10, 12)
    send(broker, b"e", DISPLAY)
    assert shown(broker, b"e") == [11, 13]


def test_frames_wait_for_a_display_and_hold_their_camera_back(broker: Broker) -> None:
    for begin in (0, EVERY_FRAME_WINDOW):
        read(broker, *(frame(begin + number, begin + number) for number in range(EVERY_FRAME_WINDOW)))
    assert WINDOW == 2 * EVERY_FRAME_WINDOW
    assert received(broker, b"c", Credit)[-1] == Credit("cam", 0)
    send(broker, b"d", replace(DISPLAY, credit=64))
    assert shown(broker, b"d") == list(range(WINDOW))
    assert received(broker, b"c", Credit)[-1] == Credit("cam", 0)
    record(broker, *range(3))
    assert received(broker, b"c", Credit)[-1] == Credit("cam", 3)


def test_camera_is_told_what_is_recorded(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    read(broker, frame(0, 0))
    message = record(broker, 0)
    assert message in received(broker, b"c", Recorded)
    send(broker, b"d", Recorded("unknown", STAMP, (0,)))


def test_only_a_display_can_record(broker: Broker) -> None:
    """One that the queue does not know yet asks for views before long; the frames then come again."""
    read(broker, frame(0, 0))
    for peer in (b"unknown", b"p", b"c"):
        send(broker, peer, Recorded("cam", STAMP, (0,)))
    assert received(broker, b"c", Recorded) == []
    send(broker, b"d", DISPLAY)
    assert shown(broker, b"d") == [0]


def test_frame_that_comes_again_while_it_is_held_is_counted_and_not_read_again(broker: Broker) -> None:
    resent = total("digitcam_resent_total", camera="cam", stage="queue")
    frames = total("digitcam_frames_total", camera="cam", stage="queue")
    send(broker, b"d", DISPLAY)
    read(broker, frame(1, 0))
    send(broker, b"c", frame(2, 0), frame(3, 1), frame(4, 1))
    assert [message.seq for message in received(broker, b"p", Frame)] == [1, 3]
    assert total("digitcam_resent_total", camera="cam", stage="queue") == resent + 2
    assert total("digitcam_frames_total", camera="cam", stage="queue") == frames + 2
    send(broker, b"p", gray_frame(3))
    message = record(broker, 0)
    assert send(broker, b"c", frame(5, 0)).count(message) == 1
    assert [message.seq for message in received(broker, b"p", Frame)] == [1, 3]
    assert total("digitcam_resent_total", camera="cam", stage="queue") == resent + 3


def test_capture_process_that_restarts_sends_what_the_one_before_has_sent(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    read(broker, frame(1, 0), frame(2, 1))
    send(broker, b"n", LIVE, frame(1001, 0), frame(1002, 1), frame(1003, 2))
    assert [message.seq for message in received(broker, b"p", Frame)] == [1, 2, 1003]
    record(broker, 0, 1)
    assert received(broker, b"n", Recorded)


def test_frame_whose_bytes_were_lost_is_not_shown_but_asked_for_again(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    send(broker, b"c", LIVE, frame(1, 0))
    send(broker, b"p", Refusal("cam", 1, DropReason.REPLACED))
    assert shown(broker, b"d") == []
    read(broker, frame(2, 0))
    assert shown(broker, b"d") == [0]
    assert received(broker, b"d", View)[-1].outcome is Outcome.READ


def test_frame_that_cannot_be_read_is_shown_with_its_reason(broker: Broker) -> None:
    send(broker, b"d", DISPLAY)
    send(broker, b"c", LIVE, frame(1, 0))
    send(broker, b"p", Refusal("cam", 1, DropReason.MALFORMED))
    assert [(view.position, view.outcome) for view in received(broker, b"d", View)] == [
        (FilePosition(STAMP, 0), Outcome.MALFORMED)
    ]


def test_camera_that_has_left_leaves_nothing_behind(broker: Broker) -> None:
    read(broker, frame(1, 0))
    send(broker, b"c", replace(LIVE, state=CameraState.LEFT))
    send(broker, b"d", DISPLAY)
    assert shown(broker, b"d") == []
    assert broker.files.list_ended() == []


def test_slot_of_a_frame_that_comes_again_is_free_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    store = make_store()
    broker = Broker(cast(BrokerSocket, FakeSocket()), max_age_s=0.15, store=store)
    ring = FrameRing(store.name, 64, 0)
    send(broker, b"c", replace(LIVE, ring=ring.name))
    tickets = [ring.put_jpeg(b"jpeg") for _ in range(2)]
    for seq, ticket in enumerate(tickets):
        send(broker, b"c", replace(frame(seq, 0), jpeg=b"", ticket=ticket))
    assert [ring._is_used(ticket.slot) for ticket in tickets if ticket] == [True, False]


def test_two_readings_of_a_frame_are_one(broker: Broker) -> None:
    """A worker that was thought lost answers as well."""
    send(broker, b"d", DISPLAY)
    read(broker, frame(1, 0))
    send(broker, b"i", reading(1))
    assert shown(broker, b"d") == [0]
