"""One display for the queues of several cells: View, CameraReport of each -> as if they came from one queue.

A camera `door` of the cell `hall` is shown as hall/door. No name of a cell has a slash, so two cells that name one
camera are never mixed up. Each queue has its own clock; what leaves here is in this process's. With the one queue of
QUEUE names and clock stay as they are.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from shared.messaging.message_fields import is_name
from shared.messaging.messages import CameraReport, Message, Recorded, Selection, View
from shared.messaging.sockets import SILENT_AFTER_S, ClientSocket, QueueLink, wait_for_any
from shared.messaging.subscription import EVERYTHING, ViewSubscription
from shared.pipeline import CameraState
from shared.service.stage_loop import worker_address
from shared.settings import Cell, Settings
from shared.telemetry import metrics
from shared.telemetry.health import QUEUE_SILENT, NotReady, Problem

FORGET_AFTER_S = 7.0  # a queue repeats its reports every 2 s: a camera in none of three has left
SAME_S = 0.5  # times of one event differ by less, though clocks are measured again and again
MAX_RECEIVES = 16  # of a queue before the screen is updated
SEPARATOR = "/"

log = logging.getLogger("digitcam")


@dataclass(frozen=True, slots=True)
class CellStatus:
    """Whether the queue of a cell answers, and since when (in seconds of the display's clock)."""

    name: str  # empty for the one queue of QUEUE
    is_up: bool
    since: float


def join_name(cell: str, camera: str) -> str:
    """Return the name that a camera of a cell is shown by."""
    return f"{cell}{SEPARATOR}{camera}" if cell else camera


def split_name(name: str) -> tuple[str, str]:
    """Return the cell of a shown name, and the camera's name there."""
    cell, _, camera = name.partition(SEPARATOR)
    return cell, camera


def list_cells(settings: Settings) -> tuple[Cell, ...]:
    """Return the cells of CELLS, or the one queue of QUEUE, without a name."""
    return settings.cells or (Cell("", settings.queue),)


def settings_of(cell: Cell, settings: Settings) -> Settings:
    """Return the settings to connect to a cell with. A cell with a key of its own has a folder of its name."""
    own = Path(settings.queue_key) / cell.name
    queue_key = str(own) if settings.queue_key and cell.name and own.is_dir() else settings.queue_key
    return replace(settings, queue=cell.address, queue_key=queue_key)


class CellConnection:
    """The connection to the queue of one cell, and what is known of its cameras, by the names that they have there."""

    def __init__(
        self, cell: Cell, queue: QueueLink, name: str, credit: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Subscribe as a viewer of this name. The clock is this process's own, because the queue's may jump."""
        self.name, self.queue = cell.name, queue
        self.now = clock if cell.name else queue.now  # the clock of what receive() returns
        self._address, self._clock = cell.address, clock
        self._subscription = ViewSubscription(queue, name, credit, clock)
        self._selections = (EVERYTHING, EVERYTHING)  # the last one, and the part of it that is about this cell
        self._reports: dict[str, CameraReport] = {}  # the last of each camera
        self._seen_at: dict[str, float] = {}  # when a queue last mentioned each of them
        self._is_up, self._since = False, self.now()
        self._opened_at = self._turned_at = clock()
        self._has_warned = False
        self._export()

    @property
    def status(self) -> CellStatus:
        return CellStatus(self.name, self._is_up, self._since)

    def receive(self, timeout_s: float, selection: Selection) -> list[Message]:
        """Return what has arrived; else a screen that draws slower than frames come would show the oldest first."""
        messages: list[Message] = []
        for _ in range(MAX_RECEIVES):
            batch = self._subscription.receive(timeout_s, self._select(selection))
            if not batch:
                break
            messages += batch
            timeout_s = 0.0
        return [*self._note_connection(), *self._show_all(messages), *self._forget_unseen()]

    def _select(self, selection: Selection) -> Selection:
        """Return the part of a selection that is about this cell."""
        if selection != self._selections[0]:
            own = replace(selection, pictures=self._own(selection.pictures), cameras=self._own(selection.cameras))
            self._selections = (selection, own)
        return self._selections[1]

    def _own(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Return the names of this cell's cameras, without what can be no name: browsers may send anything."""
        if names is None:
            return None
        split = map(split_name, names) if self.name else (("", name) for name in names)
        return tuple(camera for cell, camera in split if cell == self.name and is_name(camera))

    def _show_all(self, messages: Sequence[Message]) -> Iterator[Message]:
        """Yield views, and reports that are news, with the shown names and in the clock of now()."""
        shift_s = self.now() - self.queue.now() if self.name else 0.0
        for message in messages:
            if isinstance(message, View):
                self._seen_at[message.camera] = self._clock()
                yield self._show_view(message, shift_s)
            elif isinstance(message, CameraReport):
                report = replace(message, began_at=message.began_at + shift_s)
                if self._record(report):
                    yield self._show(report)

    def _show_view(self, view: View, shift_s: float) -> View:
        if not self.name:
            return view
        return replace(view, camera=join_name(self.name, view.camera), captured_at=view.captured_at + shift_s)

    def _record(self, report: CameraReport) -> bool:
        """Record a camera's state, and return whether it is news: queues repeat reports."""
        if report.state is CameraState.LEFT:
            self._seen_at.pop(report.camera, None)
            return bool(self._reports.pop(report.camera, None))
        self._seen_at[report.camera] = self._clock()
        known, self._reports[report.camera] = self._reports.get(report.camera), report
        if known is None or (known.state, known.detail) != (report.state, report.detail):
            return True
        return abs(known.began_at - report.began_at) > SAME_S

    def _show(self, report: CameraReport) -> CameraReport:
        return replace(report, camera=join_name(self.name, report.camera))

    def _note_connection(self) -> Iterator[CameraReport]:
        """Yield the states of all cameras when the queue has fallen silent, and when it answers again."""
        now, is_up = self._clock(), self.queue.connected
        if is_up or now - self._opened_at > SILENT_AFTER_S:
            self._log(is_up)
        if is_up == self._is_up:
            return
        self._is_up, self._since = is_up, self.now()
        self._export()
        self._seen_at = dict.fromkeys(self._reports, now)
        for report in self._reports.values():
            yield self._show(report if is_up else self._make_unreachable(report))

    def _make_unreachable(self, report: CameraReport) -> CameraReport:
        detail = f"the cell {self.name} does not answer" if self.name else QUEUE_SILENT.message
        return replace(report, state=CameraState.UNREACHABLE, detail=detail, began_at=self._since)

    def _export(self) -> None:
        if self.name:
            metrics.CELL_UP.labels(self.name).set(self._is_up)

    def _log(self, is_up: bool) -> None:
        """Log once that a cell does not answer, and once that it does again."""
        if is_up is not self._has_warned or not self.name:
            return
        self._has_warned = not is_up
        if is_up:
            log.info("the cell %s answers", self.name)
        else:
            log.warning("the cell %s does not answer at %s: start it, or correct CELLS", self.name, self._address)

    def _forget_unseen(self) -> Iterator[CameraReport]:
        """Yield that cameras have left which the queue does not mention any more: it is a new one without them."""
        now, was_at = self._clock(), self._turned_at
        self._turned_at = now
        if now - was_at > SILENT_AFTER_S:  # this process was suspended
            self._seen_at = dict.fromkeys(self._reports, now)
        for camera in [name for name in self._reports if now - self._seen_at[name] > FORGET_AFTER_S]:
            if self._is_up:
                report = self._reports.pop(camera)
                self._seen_at.pop(camera)
                yield self._show(replace(report, state=CameraState.LEFT, began_at=self.now()))


class FanIn:
    """The queues of all cells as one."""

    def __init__(
        self,
        cells: Sequence[CellConnection],
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """wait: returns after a time in seconds, or as soon as one of several queues has sent something."""
        self._cells, self._wait = {cell.name: cell for cell in cells}, wait
        self.now = cells[0].now if len(cells) == 1 else clock

    @property
    def statuses(self) -> tuple[CellStatus, ...]:
        return tuple(cell.status for cell in self._cells.values())

    @property
    def connected(self) -> bool:
        """Whether a queue answers."""
        return any(status.is_up for status in self.statuses)

    def receive(self, timeout_s: float, selection: Selection) -> list[Message]:
        """Return what all queues have sent; an empty list after the timeout."""
        if len(self._cells) == 1:
            return self._receive_now(timeout_s, selection)
        if not (messages := self._receive_now(0.0, selection)):
            self._wait(timeout_s)
            messages = self._receive_now(0.0, selection)
        return messages

    def _receive_now(self, timeout_s: float, selection: Selection) -> list[Message]:
        return [message for cell in self._cells.values() for message in cell.receive(timeout_s, selection)]

    def send(self, *messages: Recorded) -> bool:
        """Tell the queues of files what is recorded; return False if one could not be told."""
        is_sent = True
        for message in messages:
            name, camera = ("", message.camera) if "" in self._cells else split_name(message.camera)
            is_sent &= self._cells[name].queue.send(replace(message, camera=camera))
        return is_sent

    def find_problem(self) -> Problem | None:
        """Return what is wrong if no queue answers."""
        if self.connected:
            return None
        if "" in self._cells:
            return QUEUE_SILENT
        return Problem(NotReady.CELLS_SILENT, f"none of these cells answers: {', '.join(self._cells)}")

    def describe(self) -> str:
        """Return which cells answer, for /readyz; empty for one queue."""
        words = {True: "cells that answer", False: "cells that do not answer"}
        names = {is_up: [one.name for one in self.statuses if one.name and one.is_up is is_up] for is_up in words}
        return "; ".join(f"{words[is_up]}: {', '.join(found)}" for is_up, found in names.items() if found)


@contextmanager
def connect_cells(settings: Settings, name: str, credit: int) -> Iterator[FanIn]:
    """Yield connections to all cells, as a viewer of this name (display.1), until the context ends."""
    cells = list_cells(settings)
    queues = [ClientSocket(settings_of(cell, settings)) for cell in cells]
    names = [worker_address(f"{name}.{cell.name}" if cell.name else name) for cell in cells]
    connections = [CellConnection(*each, credit) for each in zip(cells, queues, names, strict=True)]
    try:
        yield FanIn(connections, partial(wait_for_any, queues))
    finally:
        for queue in queues:
            queue.close()
