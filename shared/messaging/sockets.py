"""Sockets: one Hub, the queue's, that binds; one Peer in every other process, that connects and reconnects.

Nothing here waits for ever and nothing is kept for later: a send that cannot go now returns False, because an old
message is worth less than the next one (a high-water mark would keep the oldest; see docs/decisions/0001).
"""

import math
import socket as socketlib
import time
from pathlib import Path

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator

from shared.messaging.clock import Clock
from shared.messaging.messages import MAX_PAYLOAD_BYTES, MalformedError, Message, Ping, Pong, decode, encode
from shared.settings import ConfigError, Settings
from shared.telemetry.metrics import MALFORMED

PING_EVERY_S = 0.5
SILENT_AFTER_S = 2.0  # four unanswered pings
LINGER_MS = 200  # for the last words of a process that ends
KEY_NAME = "digitcam"


def _open_socket(kind: int, settings: Settings) -> zmq.Socket[bytes]:
    keys = _load_keys(Path(settings.queue_key)) if settings.queue_key else None
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, 2 * MAX_PAYLOAD_BYTES)  # beyond any honest mistake: libzmq drops the connection
    if keys:
        public, secret = keys  # one pair for all processes of a pipeline
        socket.curve_publickey, socket.curve_secretkey = public, secret
        if kind == zmq.ROUTER:
            socket.curve_server = True
        else:
            socket.curve_serverkey = public
    return socket


def _load_keys(folder: Path) -> tuple[bytes, bytes]:
    try:
        public, secret = zmq.auth.load_certificate(folder / f"{KEY_NAME}.key_secret")
    except (OSError, ValueError) as error:
        raise ConfigError(f"QUEUE_KEY={folder} holds no keys ({error}): make them with `digitcam keys`.") from error
    if secret is None:
        raise ConfigError(f"QUEUE_KEY={folder} holds no secret key: make the keys again with `digitcam keys`.")
    return public, secret


def make_curve_keys(folder: Path) -> None:
    """Write a new pair of CURVE keys for all processes of a pipeline; the folder is for its owner only.

    Raises ConfigError where there are keys already: the machines that have them would be locked out.
    """
    if (folder / f"{KEY_NAME}.key_secret").exists():
        raise ConfigError(f"{folder} holds keys already: use those, or name another folder.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    zmq.auth.create_certificates(folder, KEY_NAME)


def _watch(socket: zmq.Socket[bytes]) -> zmq.Poller:
    """What tells that there is something to be received; Socket.poll would make one for each message."""
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    return poller


def _receive_parts(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The parts of one message: recv_multipart asks for a socket option after each, which a frame knows."""
    frame = socket.recv(copy=False)
    parts = [frame.bytes]
    while frame.more:
        frame = socket.recv(copy=False)
        parts.append(frame.bytes)
    return parts


def _milliseconds(seconds: float) -> int:
    return max(0, math.ceil(seconds * 1000))  # rounded up, or the last millisecond is a busy loop


def address_in_use(settings: Settings, why: str) -> str:
    """The sentence for an address that cannot be had."""
    return (
        f"QUEUE={settings.queue_address} cannot be opened ({why}): is another pipeline running? "
        "Stop it, or give this one another RUN_DIR or QUEUE."
    )


def is_listening(address: str) -> bool:
    """Whether somebody has this ipc address; the file alone may be left over from a process that was killed."""
    if not address.startswith("ipc://"):
        return False
    with socketlib.socket(socketlib.AF_UNIX) as probe:
        return probe.connect_ex(address.removeprefix("ipc://")) == 0


class BrokerSocket:
    """The queue's side: answers pings, and talks to each peer by its identity."""

    def __init__(self, settings: Settings) -> None:
        """Bind. Raises ConfigError where the address cannot be had."""
        if is_listening(settings.queue_address):  # libzmq would take an ipc address away from who has it
            raise ConfigError(address_in_use(settings, "it is in use"))
        self._guard = self._start_guard(settings) if settings.queue_key else None
        self._socket = _open_socket(zmq.ROUTER, settings)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # an error, not silence, for a peer that is gone
        try:
            self._socket.bind(settings.queue_address)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(address_in_use(settings, error.strerror)) from error
        self._poller = _watch(self._socket)

    @staticmethod
    def _start_guard(settings: Settings) -> ThreadAuthenticator:
        guard = ThreadAuthenticator(zmq.Context.instance())
        guard.start()
        guard.configure_curve(domain="*", location=settings.queue_key)
        return guard

    def receive(self, timeout_s: float) -> tuple[bytes, list[Message]] | None:
        """The next peer and its messages, or None after the timeout. Raises MalformedError."""
        if not self._poller.poll(_milliseconds(timeout_s)):
            return None
        peer, *parts = _receive_parts(self._socket)
        messages = decode(parts)
        for ping in [message for message in messages if isinstance(message, Ping)]:
            self.send(peer, Pong(ping.sent_at, self.now()))
        return peer, [message for message in messages if not isinstance(message, Ping)]

    def send(self, peer: bytes, *messages: Message) -> bool:
        """Send at once; False where the peer is gone or takes nothing more."""
        try:
            self._socket.send_multipart([peer, *encode(messages)], zmq.DONTWAIT)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                return False
            raise
        return True

    def now(self) -> float:
        """The pipeline's clock, in seconds."""
        return time.monotonic()

    def close(self) -> None:
        """Unbind."""
        self._socket.close()
        if self._guard:
            self._guard.stop()


class ClientSocket:
    """A process's one connection to the queue. Not for use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._clock = Clock()
        self._socket = _open_socket(zmq.DEALER, settings)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)  # without a queue a send fails now, instead of piling up for later
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self._socket.connect(settings.queue_address)
        self._poller = _watch(self._socket)
        self._pinged_at = self._heard_at = -1e9

    @property
    def connected(self) -> bool:
        """Whether the queue was heard lately."""
        return self._clock.local() - self._heard_at < SILENT_AFTER_S

    def now(self) -> float:
        """The queue's clock, in seconds."""
        return self._clock.now()

    def send(self, *messages: Message) -> bool:
        """Send at once; False where the queue is not there or takes nothing more."""
        sent_at = self._clock.local()
        if sent_at - self._pinged_at > PING_EVERY_S:
            self._pinged_at = sent_at
            messages = (*messages, Ping(sent_at))
        try:
            self._socket.send_multipart(encode(messages), zmq.DONTWAIT)
        except zmq.Again:
            self._pinged_at = -1e9
            return False
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        """One batch of messages; empty after the timeout."""
        deadline = self._clock.local() + timeout_s
        while self._poller.poll(_milliseconds(deadline - self._clock.local())):
            self._heard_at = self._clock.local()
            if messages := self._without_pongs(_receive_parts(self._socket)):
                return messages
        return []

    def _without_pongs(self, parts: list[bytes]) -> list[Message]:
        others: list[Message] = []
        try:
            for message in decode(parts):
                if isinstance(message, Pong):
                    self._clock.hear(message)
                else:
                    others.append(message)
        except MalformedError:  # a queue of another version
            MALFORMED.inc()
        return others

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
