"""Bytes to the queue's TCP port, with and without keys, before and after ZMTP's greeting."""

import random
import socket
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from shared.messaging.codec import MalformedError, encode
from shared.messaging.keys import make_pair
from shared.messaging.messages import Ready
from shared.messaging.sockets import BrokerSocket, ClientSocket
from shared.pipeline import Stage
from shared.settings import Settings, load_settings
from tests.fuzz.mutations import mutate
from tests.pipeline.pipeline import find_free_port

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
CURVE = GREETING.replace(b"NULL\0", b"CURVE")
READY_COMMAND = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
READY = Ready(role=Stage.INFERENCE, name="inference.1", credit=4, with_jpeg=False)
FRAMES = b"".join(bytes([more, len(part)]) + part for more, part in zip((1, 0), encode([READY]), strict=True))
PIECES = (
    GREETING,
    CURVE,
    READY_COMMAND,
    FRAMES,
    b"\x02" + b"\xff" * 8,
    b"\x06HELLO",
    b"\x04\xc8\x05HELLO" + bytes(194),
)


class ZmtpTarget:
    """The queue's socket, without keys or with them; after each hundred inputs a peer must still get through."""

    def __init__(self, *, with_keys: bool) -> None:
        self.name = "ZMTP with keys" if with_keys else "ZMTP"
        self._folder = tempfile.TemporaryDirectory()
        self._settings = self._load_settings(with_keys)
        self._port = int(self._settings.queue_address.rpartition(":")[2])
        self._good = [GREETING, GREETING + READY_COMMAND + FRAMES, CURVE, CURVE + PIECES[-1], FRAMES]
        self._broker = BrokerSocket(self._settings)
        self._fed = 0

    def _load_settings(self, with_keys: bool) -> Settings:
        keys = Path(self._folder.name) / "keys"
        if with_keys:
            make_pair(keys)
        given = {"QUEUE": f"tcp://127.0.0.1:{find_free_port()}", "QUEUE_KEY": str(keys) if with_keys else ""}
        return load_settings(given, keys / "no.env")

    def make_input(self, rng: random.Random) -> bytes:
        """Return what a peer might send first."""
        return mutate(rng.choice(self._good), rng, PIECES)

    def feed(self, given: bytes) -> str:
        """Send it, and let the queue receive what came through."""
        self._fed += 1
        with socket.create_connection(("127.0.0.1", self._port), 5) as connection, suppress(OSError):
            connection.sendall(given)
        outcome = self._receive()
        if self._settings.queue_key and outcome != "nothing":
            raise AssertionError("bytes without a key got through")
        if self._fed % 100 == 0 and not self._is_open():
            raise AssertionError("a peer no longer gets through")
        return outcome

    def _receive(self, timeout_s: float = 0.0) -> str:
        try:
            return "taken" if self._broker.receive(timeout_s) else "nothing"
        except MalformedError:
            return "refused"

    def _is_open(self) -> bool:
        client, ends_at = ClientSocket(self._settings), time.monotonic() + 5
        try:
            while not client.connected and time.monotonic() < ends_at:
                client.send(READY)
                self._receive()
                client.receive(0.01)
            return client.connected
        finally:
            client.close()
            while self._receive(0.1) != "nothing":  # what this peer had sent
                pass

    def close(self) -> list[str]:
        """Close the socket."""
        self._broker.close()
        self._folder.cleanup()
        return []
