"""The bench as the viewer of a peer: receives every reading and notes when, as benchmarks/viewer.py does for ours."""

import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener

BACKLOG = 128  # processes that may connect at the same time


@dataclass(frozen=True, slots=True)
class PeerReading:
    """A frame that was read: its camera, when it was due, and when its digits arrived (time.monotonic())."""

    camera: int
    due_at: float
    received_at: float


class ReadingReceiver:
    """Receives readings from every process of a peer, in a thread for each."""

    def __init__(self) -> None:
        self.readings: list[PeerReading] = []
        self._listener = Listener(backlog=BACKLOG)
        self.address = str(self._listener.address)
        self._is_closed = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop receiving."""
        self._is_closed = True
        Client(self.address).close()  # accept() waits for one more
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._is_closed:
            connection = self._listener.accept()
            threading.Thread(target=self._receive, args=(connection,), daemon=True).start()

    def _receive(self, connection: Connection) -> None:
        with connection:
            try:
                while True:
                    camera, due_at, _ = connection.recv()
                    self.readings.append(PeerReading(camera, due_at, time.monotonic()))
            except (EOFError, OSError):  # the process has ended
                return
