"""The bytes of frames in shared memory, from capture to the frame's end. Messages carry tickets to them.

A camera has a ring of slots. Capture writes a JPEG into a free slot, preprocess writes the gray frame beside it, and
inference reads it there. The queue owns the store: when a frame has ended, it frees the slot by writing into the ring.
Each use of a slot has a generation, which is checked before and after. A slot that was wrongly freed costs a frame, and
nobody ever takes another frame's bytes for this one's. A process that does not share the queue's memory (on another
host, in another container, of another user) gets and sends bytes inside the messages.
"""

import errno
import logging
import re
import secrets
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.messaging.shared_memory import (
    FOLDER,
    NamedMemory,
    count_free_bytes,
    list_memory,
    make_memory,
    open_memory,
    remove_memory,
)

SLOTS = 12  # one waits and two are worked on by each of four workers; an every_frame camera has eight in flight
JPEG_BYTES = 2 * 1024 * 1024  # in a slot; larger ones go inside the message
PAGE_BYTES = 4096
BEACON_BYTES = PAGE_BYTES
MIN_FREE_BYTES = 16 * 1024 * 1024  # sixteen cameras take 10 to 20 MB at light load
STUCK_S = 10.0  # a slot in use for longer is probably lost: then the camera gets a new ring
STORE_NAME_LENGTH = 8
STORE_NAME = re.compile(r"[0-9a-f]{8}")
RING_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}")
# a ring's first page, as 64-bit numbers: each is written by one process
UNTIL_SEQ, IS_WAITING, GRAY_BYTES, NEXT_SEQ, FREED, GENERATIONS = 0, 1, 2, 3, 64, 128


class Ticket(NamedTuple):
    """Where the bytes of a frame are."""

    ring: str
    slot: int
    generation: int  # of the slot: another frame in it has another
    jpeg_bytes: int


class GoneError(Exception):
    """The slot holds another frame by now, or its ring is gone."""


class Ring:
    """A camera's ring, as every process maps it."""

    def __init__(self, memory: NamedMemory) -> None:
        """Raises ValueError if it is too small to be a ring."""
        self.memory = memory
        if len(memory.buffer) < PAGE_BYTES:
            raise ValueError("not a ring")
        self.numbers = memory.buffer[:PAGE_BYTES].cast("Q")
        self.gray_bytes = self.numbers[GRAY_BYTES]
        if len(memory.buffer) < ring_size(self.gray_bytes):
            raise ValueError("not a ring")

    def start(self, slot: int) -> int:
        """Return where a slot begins: the gray frame, then the JPEG."""
        return PAGE_BYTES + slot * slot_size(self.gray_bytes)

    def holds(self, ticket: Ticket) -> bool:
        """Return whether the slot still belongs to the frame."""
        return self.numbers[GENERATIONS + ticket.slot] == ticket.generation

    def jpeg(self, ticket: Ticket) -> memoryview:
        at = self.start(ticket.slot) + self.gray_bytes
        return self.memory.buffer[at : at + ticket.jpeg_bytes]

    def gray(self, slot: int, rows: int, columns: int) -> NDArray[np.uint8]:
        pixels = np.frombuffer(self.memory.buffer, np.uint8, rows * columns, self.start(slot))
        return pixels.reshape(rows, columns)


def slot_size(gray_bytes: int) -> int:
    """Return the bytes of a slot, a whole number of pages."""
    return -(-(gray_bytes + JPEG_BYTES) // PAGE_BYTES) * PAGE_BYTES


def ring_size(gray_bytes: int) -> int:
    return PAGE_BYTES + SLOTS * slot_size(gray_bytes)


class FrameRing:
    """A camera's own ring: capture puts JPEGs in, and sees here how far the queue lets it send."""

    def __init__(self, store: str, long_side_px: int, next_seq: int) -> None:
        """Make a ring for gray frames of up to long_side_px; its next frame has this number.

        Raises OSError: FileNotFoundError if the queue has ended, and nobody would remove the ring.
        """
        self.name = f"{store}-{secrets.token_hex(4)}"
        gray_bytes = -(-(long_side_px**2) // PAGE_BYTES) * PAGE_BYTES
        self._memory = make_memory(self.name, ring_size(gray_bytes))
        try:
            open_memory(store).close()
            self._memory.reserve(0, PAGE_BYTES)
        except OSError:
            self._memory.close()
            remove_memory(self.name)
            raise
        self._memory.buffer[:PAGE_BYTES].cast("Q")[GRAY_BYTES] = gray_bytes
        self._ring = Ring(self._memory)
        self._numbers = self._ring.numbers
        self.set_next_seq(next_seq)
        self._reserved_bytes = [0] * SLOTS
        self._put_at = [0.0] * SLOTS
        self._generation = 0

    @property
    def until_seq(self) -> int:
        """Frames below this number may be sent; 0 while the queue does not use the ring."""
        return self._numbers[UNTIL_SEQ]

    def set_next_seq(self, seq: int) -> None:
        """Tell the queue the number of the next frame."""
        self._numbers[NEXT_SEQ] = seq

    def set_waiting(self, is_waiting: bool) -> None:
        """Tell the queue whether to send a message when it raises until_seq."""
        self._numbers[IS_WAITING] = is_waiting

    def put_jpeg(self, jpeg: bytes) -> Ticket | None:
        """Copy a JPEG into a free slot; None if there is none or it is too large. Raises OSError if memory is full."""
        slot = next((slot for slot in range(SLOTS) if not self._is_used(slot)), None)
        if slot is None or not 0 < len(jpeg) <= JPEG_BYTES:
            return None
        size_bytes = self._ring.gray_bytes + len(jpeg)
        if size_bytes > self._reserved_bytes[slot]:
            self._memory.reserve(self._ring.start(slot), size_bytes)
            self._reserved_bytes[slot] = size_bytes
        self._generation += 1
        ticket = Ticket(self.name, slot, self._generation, len(jpeg))
        self._numbers[GENERATIONS + slot] = self._generation  # before the bytes: from here the old frame is gone
        self._ring.jpeg(ticket)[:] = jpeg
        self._put_at[slot] = time.monotonic()
        return ticket

    def is_stuck(self, now: float) -> bool:
        """Return whether a slot has been in use for so long that it is probably lost."""
        return any(self._is_used(slot) and now - self._put_at[slot] > STUCK_S for slot in range(SLOTS))

    def _is_used(self, slot: int) -> bool:
        return self._numbers[FREED + slot] != self._numbers[GENERATIONS + slot]

    def close(self) -> None:
        """Leave the ring; the queue removes it when its last frame has ended."""
        self._memory.close()


class FrameStore:
    """The queue's store as another process sees it."""

    def __init__(self, *, is_wanted: bool = True) -> None:
        self._is_wanted = is_wanted
        self._offered = ""
        self.name = ""  # of the queue's store, if this process shares its memory
        self._rings: dict[str, Ring] = {}

    def attach(self, name: str) -> None:
        """Use the store of this name, which the queue gave, if this process can open it."""
        if name != self._offered:
            self._offered, self.name, self._rings = name, "", {}
            if name and self._is_wanted:
                self.name = self._find_store(name)
        for ring in [ring for ring, opened in self._rings.items() if opened.memory.is_removed()]:
            del self._rings[ring]

    @staticmethod
    def _find_store(name: str) -> str:
        try:
            open_memory(name).close()
        except OSError as error:
            logging.info("frames come inside the messages: this process does not share the queue's memory (%s)", error)
            return ""
        return name

    def read_jpeg(self, ticket: Ticket) -> bytes:
        """Return a copy of the JPEG: what is checked and then decoded must not change meanwhile. Raises GoneError."""
        ring = self._open(ticket)
        jpeg = bytes(ring.jpeg(ticket))
        self._check(ring, ticket)
        return jpeg

    def put_gray(self, ticket: Ticket, gray: NDArray[np.uint8]) -> bool:
        """Write the gray frame into the slot; return False if it is too large. Raises GoneError."""
        ring = self._open(ticket)
        if gray.size > ring.gray_bytes:
            return False
        ring.gray(ticket.slot, *gray.shape)[:] = gray
        self._check(ring, ticket)
        return True

    def view_gray(self, ticket: Ticket, rows: int, columns: int) -> NDArray[np.uint8]:
        """Return the gray frame in the slot, not copied: check holds() before its first and after its last use."""
        return self._rings[ticket.ring].gray(ticket.slot, rows, columns)

    def read_gray(self, ticket: Ticket, rows: int, columns: int) -> bytes:
        """Return a copy of the gray frame. Raises GoneError."""
        ring = self._open(ticket)
        if rows * columns > ring.gray_bytes:
            raise GoneError(f"{rows} x {columns} pixels are not in {ticket.ring}")
        pixels = ring.gray(ticket.slot, rows, columns).tobytes()
        self._check(ring, ticket)
        return pixels

    def holds(self, ticket: Ticket, gray_bytes: int = 0) -> bool:
        """Return whether the slot still belongs to the frame and has room for a gray frame."""
        try:
            return gray_bytes <= self._open(ticket).gray_bytes
        except GoneError:
            return False

    def _open(self, ticket: Ticket) -> Ring:
        ring = self._rings.get(ticket.ring)
        if ring is None:
            if not self.name or not ticket.ring.startswith(self.name):
                raise GoneError(f"{ticket.ring} is not a ring of this queue")
            try:
                ring = self._rings[ticket.ring] = map_ring(ticket.ring)
            except (OSError, ValueError) as error:
                raise GoneError(f"{ticket.ring}: {error}") from error
        self._check(ring, ticket)
        return ring

    @staticmethod
    def _check(ring: Ring, ticket: Ticket) -> None:
        if not ring.holds(ticket):
            raise GoneError(f"slot {ticket.slot} of {ticket.ring} holds another frame")


INLINE = FrameStore(is_wanted=False)  # for frames whose messages carry their bytes


@dataclass(slots=True)
class HeldRing:
    """A ring in the queue, and how many of its frames have not ended."""

    ring: Ring
    camera: str
    held: int = 0
    is_retired: bool = False


class QueueStore(FrameStore):
    """The store as its owner, the queue, sees it: it opens each camera's ring and frees slots.

    Made without a name it holds nothing, and all bytes travel inside messages.
    """

    def __init__(self, name: str = "", beacon: NamedMemory | None = None) -> None:
        super().__init__()
        self.name, self._beacon = name, beacon
        self._held: dict[str, HeldRing] = {}
        self._current: dict[str, str] = {}  # each camera's ring

    def adopt_ring(self, camera: str, name: str) -> None:
        """Use a camera's ring; its earlier one is removed when the frames in it have ended. "" is none."""
        if self._current.get(camera, "") == name:
            return
        self.retire_ring(camera)
        self._current[camera] = name
        if self.name and name.startswith(self.name) and name not in self._held:
            try:
                ring = map_ring(name)
            except (OSError, ValueError) as error:
                logging.warning("%s sends its frames inside messages: its ring can't be opened (%s)", camera, error)
                return
            self._rings[name], self._held[name] = ring, HeldRing(ring, camera)

    def retire_ring(self, camera: str) -> None:
        """Remove a camera's ring as soon as the frames in it have ended."""
        held = self._held.get(self._current.pop(camera, ""))
        if held:
            held.is_retired = True
            held.ring.numbers[UNTIL_SEQ] = 0
            self._remove_if_done(held)

    def hold(self, camera: str, ticket: Ticket) -> None:
        """Keep a slot until it is freed. Raises GoneError if it is not in a ring of the camera."""
        held = self._held.get(ticket.ring)
        if held is None or held.camera != camera:
            raise GoneError(f"{ticket.ring} is not a ring of {camera}")
        held.held += 1

    def free(self, ticket: Ticket, *, is_lost: bool = False) -> None:
        """Give a slot back to its camera. A lost slot is not used again, since somebody may still write into it."""
        held = self._held.get(ticket.ring)
        if held is None:
            return
        held.held -= 1
        if not is_lost:
            held.ring.numbers[FREED + ticket.slot] = ticket.generation
        self._remove_if_done(held)

    def let_send(self, camera: str, until_seq: int) -> bool | None:
        """Let a camera send the frames below a number. Return whether it waits for a message; None without a ring."""
        held = self._held.get(self._current.get(camera, ""))
        if held is None:
            return None
        held.ring.numbers[UNTIL_SEQ] = until_seq
        return bool(held.ring.numbers[IS_WAITING])

    def next_seq(self, camera: str) -> int:
        """Return the number of the frame that the camera sends next; 0 without a ring."""
        held = self._held.get(self._current.get(camera, ""))
        return held.ring.numbers[NEXT_SEQ] if held else 0

    def _remove_if_done(self, held: HeldRing) -> None:
        if held.is_retired and not held.held:
            name = next(name for name, other in self._held.items() if other is held)
            del self._held[name], self._rings[name]
            remove_memory(name)

    def close(self) -> None:
        """Remove the store and every ring of it: the store first, so that no camera makes another ring."""
        if self.name:
            remove_memory(self.name)
            for name in [name for name in list_memory() if name.startswith(self.name)]:
                remove_memory(name)
        if self._beacon:
            self._beacon.close()


def map_ring(name: str) -> Ring:
    """Return a ring that another process made. Raises OSError or ValueError."""
    memory = open_memory(name)
    try:
        return Ring(memory)
    finally:
        memory.close()


def open_store(choice: str) -> QueueStore:
    """Return the queue's store by the setting FRAMES: "auto", "shared" or "inline". Raises OSError for "shared" only.

    What killed queues have left is removed first.
    """
    if choice == "inline":
        return QueueStore()
    try:
        remove_leftovers()
        free_bytes = count_free_bytes()
        if free_bytes < MIN_FREE_BYTES:
            raise OSError(errno.ENOSPC, f"only {free_bytes // 1_000_000} MB are free in {FOLDER}")
        return make_store()
    except OSError as error:
        if choice == "shared":
            raise
        logging.warning("frames travel inside messages, which takes more of the processor: %s", error)
        return QueueStore()


def make_store() -> QueueStore:
    """Return a new store. Raises OSError."""
    while True:
        name = secrets.token_hex(4)
        beacon = make_memory(name, BEACON_BYTES)
        if beacon.lock() and not beacon.is_removed():
            return QueueStore(name, beacon)
        beacon.close()  # a queue that starts at the same time took it for a leftover


def remove_leftovers() -> None:
    """Remove the stores of this user's queues that were killed: nobody holds the lock of their beacon."""
    for name in list_memory():
        if STORE_NAME.fullmatch(name) and _is_abandoned(name):
            remove_memory(name)
    names = set(list_memory())  # again: no camera makes a ring any more where the store is gone
    for name in names:
        if RING_NAME.fullmatch(name) and name[:STORE_NAME_LENGTH] not in names:
            remove_memory(name)


def _is_abandoned(name: str) -> bool:
    try:
        beacon = open_memory(name)
    except OSError:  # another user's
        return False
    try:
        return beacon.lock()
    finally:
        beacon.close()
