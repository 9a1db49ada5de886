"""Bytes of frames in shared memory: nobody ever reads another frame's, and nothing is lost or left behind for good."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.messaging import frame_store, shared_memory
from shared.messaging.frame_store import (
    JPEG_BYTES,
    MIN_FREE_BYTES,
    SLOTS,
    STUCK_S,
    FrameRing,
    FrameStore,
    GoneError,
    QueueStore,
    Ring,
    Ticket,
    make_store,
    open_store,
)

SIDE_PX = 64
GRAY = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of each test's own in place of /dev/shm."""
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def queue() -> QueueStore:
    return make_store()


def make_ring(queue: QueueStore, camera: str = "cam") -> FrameRing:
    ring = FrameRing(queue.name, SIDE_PX, next_seq=100)
    queue.adopt_ring(camera, ring.name)
    return ring


def put_jpeg(ring: FrameRing, jpeg: bytes) -> Ticket:
    ticket = ring.put_jpeg(jpeg)
    assert ticket
    return ticket


def attach(queue: QueueStore) -> FrameStore:
    store = FrameStore()
    store.attach(queue.name)
    return store


@pytest.mark.parametrize("has_files", [True, False])
def test_jpeg_and_gray_frame_are_read_by_other_processes_as_they_were_written(
    monkeypatch: pytest.MonkeyPatch, has_files: bool
) -> None:
    monkeypatch.setattr(shared_memory, "has_files", lambda: has_files)
    queue = make_store()
    ring = make_ring(queue)
    preprocess, inference = attach(queue), attach(queue)
    ticket = put_jpeg(ring, b"jpeg")
    assert preprocess.read_jpeg(ticket) == b"jpeg"
    assert preprocess.put_gray(ticket, GRAY)
    assert inference.holds(ticket, GRAY.size)
    assert (inference.view_gray(ticket, 48, 64) == GRAY).all()
    assert queue.read_gray(ticket, 48, 64) == GRAY.tobytes()
    ring.close()
    queue.close()


def test_slots_are_used_again_once_they_are_free(queue: QueueStore) -> None:
    ring = make_ring(queue)
    tickets = [put_jpeg(ring, bytes([number])) for number in range(SLOTS)]
    assert ring.put_jpeg(b"one too many") is None
    assert [queue.read_jpeg(ticket) for ticket in tickets] == [bytes([number]) for number in range(SLOTS)]
    queue.hold("cam", tickets[3])
    queue.free(tickets[3])
    assert put_jpeg(ring, b"next").slot == 3


def test_wrongly_freed_slot_costs_the_frame_and_shows_no_other(queue: QueueStore) -> None:
    ring, worker = make_ring(queue), attach(queue)
    before = put_jpeg(ring, b"before")
    worker.put_gray(before, GRAY)
    queue.free(before)
    after = put_jpeg(ring, b"after")
    assert after.slot == before.slot
    assert not worker.holds(before)
    uses: list[Callable[[], object]] = [
        lambda: worker.read_jpeg(before),
        lambda: worker.put_gray(before, GRAY),
        lambda: worker.read_gray(before, 48, 64),
    ]
    for use in uses:
        with pytest.raises(GoneError, match="another frame"):
            use()
    assert worker.read_jpeg(after) == b"after"


def test_slot_that_is_overwritten_while_it_is_read_is_noticed(
    queue: QueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, worker = make_ring(queue), attach(queue)
    ticket = put_jpeg(ring, b"before")
    read = Ring.jpeg

    def overwrite(self: Ring, ticket: Ticket) -> memoryview:
        monkeypatch.setattr(Ring, "jpeg", read)
        queue.free(ticket)
        put_jpeg(ring, b"after!")
        return read(self, ticket)

    monkeypatch.setattr(Ring, "jpeg", overwrite)
    with pytest.raises(GoneError):
        worker.read_jpeg(ticket)


def test_freeing_an_older_frame_does_not_free_the_slot(queue: QueueStore) -> None:
    ring = make_ring(queue)
    before = put_jpeg(ring, b"before")
    queue.free(before)
    after = put_jpeg(ring, b"after")
    queue.free(before)
    assert put_jpeg(ring, b"next").slot != after.slot
    assert queue.read_jpeg(after) == b"after"


def test_slot_of_a_lost_worker_is_not_used_again_and_the_camera_learns_of_it(queue: QueueStore) -> None:
    ring = make_ring(queue)
    ticket = put_jpeg(ring, b"lost")
    queue.hold("cam", ticket)
    queue.free(ticket, is_lost=True)
    assert put_jpeg(ring, b"next").slot != ticket.slot
    put_at = ring._put_at[ticket.slot]
    assert not ring.is_stuck(put_at + STUCK_S - 1)
    assert ring.is_stuck(put_at + STUCK_S + 1)


def test_jpeg_that_does_not_fit_a_slot_and_gray_frame_that_does_not_go_into_messages(queue: QueueStore) -> None:
    ring = make_ring(queue)
    assert ring.put_jpeg(bytes(JPEG_BYTES + 1)) is None
    assert ring.put_jpeg(b"") is None
    ticket = put_jpeg(ring, bytes(JPEG_BYTES))
    largest: NDArray[np.uint8] = np.full((SIDE_PX, SIDE_PX), 7, np.uint8)
    assert attach(queue).put_gray(ticket, largest)
    assert not attach(queue).put_gray(ticket, np.zeros((SIDE_PX + 1, SIDE_PX), np.uint8))
    assert not attach(queue).holds(ticket, (SIDE_PX + 1) * SIDE_PX)
    assert queue.read_gray(ticket, SIDE_PX, SIDE_PX) == largest.tobytes()
    assert queue.read_jpeg(ticket) == bytes(JPEG_BYTES)


def test_ring_of_a_dead_camera_stays_until_its_frames_have_ended(queue: QueueStore, folder: Path) -> None:
    ring, worker = make_ring(queue), attach(queue)
    tickets = [put_jpeg(ring, b"one"), put_jpeg(ring, b"two")]
    for ticket in tickets:
        queue.hold("cam", ticket)
    ring.close()
    again = make_ring(queue)  # its capture process was killed and is back
    assert worker.read_jpeg(tickets[0]) == b"one"
    queue.free(tickets[0])
    assert (folder / f"digitcam-{ring.name}").exists()
    queue.free(tickets[1], is_lost=True)
    assert not (folder / f"digitcam-{ring.name}").exists()
    worker.attach(queue.name)  # with each pong
    assert not worker._rings  # so that the memory is freed
    assert worker.read_jpeg(put_jpeg(again, b"again")) == b"again"


def test_ticket_of_a_ring_that_is_gone_is_refused(queue: QueueStore) -> None:
    ring, other = make_ring(queue), make_ring(make_store())
    ticket = put_jpeg(ring, b"jpeg")
    queue.retire_ring("cam")
    for wrong in (ticket, put_jpeg(other, b"other"), ticket._replace(ring=f"{queue.name}-00000000")):
        with pytest.raises(GoneError):
            queue.hold("cam", wrong)
        with pytest.raises(GoneError):
            attach(queue).read_jpeg(wrong)
        queue.free(wrong)  # changes nothing


def test_camera_cannot_use_the_ring_of_another(queue: QueueStore) -> None:
    ring = make_ring(queue, "theirs")
    queue.adopt_ring("mine", ring.name)
    ticket = put_jpeg(ring, b"jpeg")
    with pytest.raises(GoneError):
        queue.hold("mine", ticket)
    queue.hold("theirs", ticket)


def test_camera_sees_how_far_it_may_send_and_the_queue_whether_it_waits(queue: QueueStore) -> None:
    ring = make_ring(queue)
    assert (ring.until_seq, queue.next_seq("cam")) == (0, 100)
    assert queue.let_send("cam", 101) is False
    ring.set_waiting(True)
    assert queue.let_send("cam", 102) is True
    assert ring.until_seq == 102
    queue.retire_ring("cam")
    assert ring.until_seq == 0
    assert queue.let_send("cam", 103) is None


def test_file_that_others_may_write_is_not_used(
    queue: QueueStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ring = FrameRing(queue.name, SIDE_PX, next_seq=0)
    (folder / f"digitcam-{ring.name}").chmod(0o666)
    queue.adopt_ring("cam", ring.name)
    queue.adopt_ring("cam", ring.name)
    assert queue.let_send("cam", 1) is None
    (line,) = caplog.messages
    assert "cam sends its frames inside messages" in line
    assert "belongs to another user" in line


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_store_of_another_user_is_not_used_and_not_removed(folder: Path) -> None:
    queue = make_store()
    os.chown(folder / f"digitcam-{queue.name}", 12345, 12345)
    assert attach(queue).name == ""
    open_store("auto")
    assert (folder / f"digitcam-{queue.name}").exists()


def test_link_is_not_followed(queue: QueueStore, folder: Path) -> None:
    (folder / f"digitcam-{queue.name}-00000000").symlink_to(folder / f"digitcam-{queue.name}")
    with pytest.raises(GoneError):
        attach(queue).read_jpeg(Ticket(f"{queue.name}-00000000", 0, 1, 1))


@pytest.mark.parametrize("size_bytes", [0, 100, 4096])
def test_file_that_is_too_small_for_a_ring_is_refused(queue: QueueStore, folder: Path, size_bytes: int) -> None:
    path = folder / f"digitcam-{queue.name}-00000000"
    path.write_bytes(bytes(size_bytes))
    path.chmod(0o600)
    with pytest.raises(GoneError):
        attach(queue).read_jpeg(Ticket(f"{queue.name}-00000000", 0, 1, 1))


def test_process_that_does_not_share_the_memory_has_no_store() -> None:
    store = FrameStore()
    store.attach("0123abcd")
    assert store.name == ""


def test_process_that_is_to_send_bytes_inside_messages_has_no_store(queue: QueueStore) -> None:
    store = FrameStore(is_wanted=False)
    store.attach(queue.name)
    assert store.name == ""


def test_memory_that_is_full_is_an_error_before_anything_is_written(
    queue: QueueStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = make_ring(queue)

    def fail(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(OSError, match="No space left"):
        ring.put_jpeg(b"jpeg")
    monkeypatch.undo()
    assert ring.put_jpeg(b"jpeg") == Ticket(ring.name, 0, 1, 4)


@pytest.mark.parametrize("case", ["too small", "not there"])
def test_missing_memory_is_said_in_one_sentence_and_frames_travel_inside_messages(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if case == "too small":
        monkeypatch.setattr(frame_store, "count_free_bytes", lambda: MIN_FREE_BYTES - 1)
    else:
        monkeypatch.setattr(shared_memory, "FOLDER", folder / "nowhere")
    assert open_store("auto").name == ""
    (line,) = caplog.messages
    assert "frames travel inside messages" in line
    with pytest.raises(OSError):  # noqa: PT011 - its text is the system's
        open_store("shared")
    assert not list(folder.iterdir())


def test_setting_inline_makes_no_file(folder: Path) -> None:
    assert open_store("inline").name == ""
    assert not list(folder.iterdir())


def test_store_removes_its_files_at_the_end(queue: QueueStore, folder: Path) -> None:
    make_ring(queue)
    assert len(list(folder.iterdir())) == 2
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    queue.close()
    assert not list(folder.iterdir())


def test_no_ring_is_made_where_the_queue_has_ended(queue: QueueStore, folder: Path) -> None:
    queue.close()
    with pytest.raises(FileNotFoundError):
        FrameRing(queue.name, SIDE_PX, next_seq=0)
    assert not list(folder.iterdir())


HOLD_A_STORE = """
import sys, time
from pathlib import Path
from shared.messaging import shared_memory
shared_memory.FOLDER = Path(sys.argv[1])
from shared.messaging.frame_store import FrameRing, make_store
store = make_store()
ring = FrameRing(store.name, 64, 0)
print(store.name, flush=True)
time.sleep(60)
"""


def test_what_a_killed_queue_has_left_is_removed_at_the_next_start(folder: Path) -> None:
    living = make_store()
    make_ring(living)
    (folder / "digitcam-of-another-program").touch()
    command = [sys.executable, "-c", HOLD_A_STORE, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        assert len(list(folder.glob(f"digitcam-{name}*"))) == 2
        open_store("auto")
        assert len(list(folder.glob(f"digitcam-{name}*"))) == 2  # its queue lives
        process.send_signal(signal.SIGKILL)
    started = open_store("auto")
    assert not list(folder.glob(f"digitcam-{name}*"))
    assert len(list(folder.glob(f"digitcam-{living.name}*"))) == 2
    assert (folder / f"digitcam-{started.name}").exists()
    assert (folder / "digitcam-of-another-program").exists()


OPEN_A_SEGMENT = """
import sys
from shared.messaging.memory_segment import MemorySegment
memory = MemorySegment(sys.argv[1])
print(bytes(memory.buffer[:4]))
"""


def test_segment_outlives_a_process_that_opened_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python before 3.13 removes a segment when any process that opened it ends (bpo-38119)."""
    monkeypatch.setattr(shared_memory, "has_files", lambda: False)
    memory = shared_memory.make_memory("deadbeef", 4096)
    memory.buffer[:4] = b"here"
    for _ in range(2):
        command = [sys.executable, "-c", OPEN_A_SEGMENT, "digitcam-deadbeef"]
        output = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        assert (output.stdout.strip(), output.stderr) == ("b'here'", "")
    memory.close()
    with pytest.raises(FileNotFoundError):
        shared_memory.open_memory("deadbeef")
