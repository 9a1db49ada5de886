"""The sockets: the queue binds a BrokerSocket, and every other process connects a ClientSocket, which reconnects.

No call blocks for ever, and no message is kept for later. A send that cannot go now returns False, because the next
message will be newer; a high-water mark would keep the oldest (docs/decisions/0001).
"""

import errno
import logging
import math
import os
import socket as socketlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import zmq

from shared.messaging.bind_address import describe_bind_error, resolve_bind_address
from shared.messaging.clock import QueueClock
from shared.messaging.codec import MAX_PAYLOAD_BYTES, MalformedError, OtherProtocolError, decode, encode
from shared.messaging.frame_store import FrameStore
from shared.messaging.keys import load_pair, load_queue_key
from shared.messaging.messages import Denial, Message, Ping, Pong
from shared.messaging.peer_access import PeerAccess
from shared.settings import ConfigError, Settings
from shared.state_files import set_aside
from shared.telemetry.metrics import MALFORMED

if TYPE_CHECKING:
    from zmq.auth.thread import ThreadAuthenticator

IPC = "ipc://"
HEARTBEAT_S = 0.5  # every Ready and CameraReport is repeated this often; see services/queue/registry.py
PING_INTERVAL_S = 0.5
SILENT_AFTER_S = 2.0  # four unanswered pings
LINGER_MS = 200  # for the last messages of a process that ends
# libzmq's own signs of life. TCP alone takes 15 minutes to notice that the other host is gone, and goes on sending to
# it although its address leads to another host by now
PROBE_MS = 1000  # after so long without traffic a connection is probed
GIVE_UP_MS = 2000  # then it is closed and opened again: longer than a process hangs on a busy machine
CONNECT_MS = 1000  # for a host to accept a connection; the system's limit is over two minutes
MAX_SEND_BYTES = 256 * 1024 * 1024  # of one multipart send; 128 gray frames of 640 x 640 are 52 MB
RECEIVE_AHEAD = 16  # messages of each peer that the queue's socket reads ahead: credits allow about ten
HANDSHAKE_MS = 3000  # for it to become one of ZeroMQ; libzmq's limit is 30 s
MAX_REFUSED = 1024  # peers to remember
REOPEN_AFTER_S = 3.0  # with keys: libzmq never tries again where its key was refused, and it may be allowed now


class QueueLink(Protocol):
    """A connection to the queue: a ClientSocket, or a fake in a test."""

    def send(self, *messages: Message) -> bool:
        """Send at once; return False if that is not possible."""

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages of one send; an empty list after the timeout."""

    def now(self) -> float:
        """Return the queue's clock, in seconds."""

    @property
    def connected(self) -> bool:
        """Whether the queue has answered lately."""


class FrameLink(QueueLink, Protocol):
    """A connection of a process that handles the bytes of frames."""

    @property
    def store(self) -> FrameStore:
        """The queue's frame store, if this process shares its memory."""


class WorkerLink(FrameLink, Protocol):
    """A connection of a worker, which the queue may deny frames."""

    @property
    def denial(self) -> str:
        """Why the queue gives this process nothing to do; empty unless it said so lately."""


def _open_socket(kind: int, settings: Settings) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_PAYLOAD_BYTES)  # of a part: libzmq drops a connection that sends more
    socket.setsockopt(zmq.HEARTBEAT_IVL, PROBE_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, GIVE_UP_MS)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    if settings.queue_key:
        folder = Path(settings.queue_key)
        socket.curve_publickey, socket.curve_secretkey = load_pair(folder)  # of all processes of this machine
        if kind == zmq.ROUTER:
            socket.curve_server = True
        else:
            socket.curve_serverkey = load_queue_key(folder)
    return socket


def _make_poller(socket: zmq.Socket[bytes]) -> zmq.Poller:
    """Return a poller for incoming messages; Socket.poll would make a new one for each message."""
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    return poller


def _receive_first(socket: zmq.Socket[bytes], poller: zmq.Poller, timeout_s: float) -> zmq.Frame | None:
    """Return the first part of a multipart message; None after the timeout. Without one there is nothing to poll."""
    if timeout_s > 0 and not poller.poll(_milliseconds(timeout_s)):
        return None
    try:
        return socket.recv(zmq.DONTWAIT, copy=False)
    except zmq.Again:
        return None


def _receive_rest(socket: zmq.Socket[bytes], frame: zmq.Frame) -> list[bytes]:
    """Return the parts that follow a part. recv_multipart would read a socket option after each of them.

    Raises MalformedError if they are too large as a whole; the others are thrown away.
    """
    parts: list[bytes] = []
    size_bytes = 0
    while frame.more:
        frame = socket.recv(copy=False)
        size_bytes += len(frame)
        if size_bytes <= MAX_SEND_BYTES:
            parts.append(frame.bytes)
    if size_bytes > MAX_SEND_BYTES:
        raise MalformedError(f"messages of {size_bytes} bytes in one send are too large")
    return parts


def _milliseconds(seconds: float) -> int:
    return max(0, math.ceil(seconds * 1000))  # rounded up, or the last millisecond would be a busy loop


def is_listening(address: str) -> bool:
    """Return whether a process has bound this ipc address; its file may be left over from one that was killed."""
    if not address.startswith(IPC):
        return False
    with socketlib.socket(socketlib.AF_UNIX) as probe:
        return probe.connect_ex(address.removeprefix(IPC)) == 0


def close_sockets() -> None:
    """Close every socket of this process, as soon as its last messages are sent. For one that ends by os._exit()."""
    zmq.Context.instance().destroy(LINGER_MS)


class BrokerSocket:
    """The queue's socket: answers pings, and addresses each peer by its identity."""

    def __init__(self, settings: Settings, store_name: str = "") -> None:
        """Bind, and tell peers the name of the queue's store. Raises ConfigError if the address is in use or wrong."""
        self._store_name = store_name
        self._file: Path | None = None
        self._refused: set[bytes] = set()  # peers of another version
        address = resolve_bind_address(settings)
        if is_listening(address):  # libzmq would take the ipc address from its owner
            raise describe_bind_error(settings, "it is in use", errno.EADDRINUSE)
        self._access = PeerAccess(Path(settings.queue_key)) if settings.queue_key else None
        self._authenticator = self._start_authenticator(self._access) if self._access else None
        self._socket = _open_socket(zmq.ROUTER, settings)
        self._socket.setsockopt(zmq.RCVHWM, RECEIVE_AHEAD)  # what a peer sends beyond that stays with it
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # an error for a peer that is gone, instead of silence
        if address.startswith(IPC) and (place := Path(address.removeprefix(IPC))).is_dir():
            set_aside(place, "it is no socket")
        try:
            self._socket.setsockopt(zmq.IPV6, "[" in address)
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise describe_bind_error(settings, number=error.errno or 0) from error
        if address.startswith(IPC):
            self._file = Path(address.removeprefix(IPC))
        self._poller = _make_poller(self._socket)

    @staticmethod
    def _start_authenticator(access: PeerAccess) -> "ThreadAuthenticator":
        from zmq.auth.thread import ThreadAuthenticator  # noqa: PLC0415  asyncio, which no other process needs

        authenticator = ThreadAuthenticator(zmq.Context.instance())
        authenticator.start()
        authenticator.configure_curve_callback(credentials_provider=access)
        return authenticator

    def receive(self, timeout_s: float) -> tuple[bytes, list[Message]] | None:
        """Return the identity of a peer and its messages, or None after the timeout.

        Raises MalformedError, also for the messages of a peer that is not allowed to send them.
        """
        if self._access:
            self._access.reload(self.now())
        first = _receive_first(self._socket, self._poller, timeout_s)
        if first is None:
            return None
        identity = first.bytes
        try:
            messages = decode(_receive_rest(self._socket, first))
        except OtherProtocolError as error:
            return self._refuse(identity, error)
        if self._access:
            self._access.check(str(first.get("User-Id")), identity, messages, self.now())
        for ping in [message for message in messages if isinstance(message, Ping)]:
            self.send(identity, Pong(ping.sent_at, self.now(), self._store_name))
        return identity, [message for message in messages if not isinstance(message, Ping)]

    def _refuse(self, identity: bytes, error: OtherProtocolError) -> tuple[bytes, list[Message]]:
        """Answer a peer of another version with any message, which shows it this version. Raises the error once."""
        self.send(identity, Pong(0.0, self.now()))
        if identity in self._refused:
            return identity, []
        if len(self._refused) >= MAX_REFUSED:
            self._refused.clear()
        self._refused.add(identity)
        raise error

    def send(self, identity: bytes, *messages: Message) -> bool:
        """Send at once; return False if the peer is gone, its buffer is full, or its key was revoked."""
        if self._access and self._access.is_shut_out(identity):
            return False
        try:
            self._socket.send_multipart([identity, *encode(messages)], zmq.DONTWAIT)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                return False
            raise
        return True

    def now(self) -> float:
        """Return the pipeline's clock, in seconds."""
        return time.monotonic()

    def close(self) -> None:
        """Close the socket, and remove its file."""
        self._socket.close()
        if self._file:
            self._file.unlink(missing_ok=True)
        if self._authenticator:
            self._authenticator.stop()


class ClientSocket:
    """A process's connection to the queue, for use from one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = QueueClock()
        self.store = FrameStore(is_wanted=settings.frames != "inline")
        self._pinged_at = self._heard_at = self._denied_at = -1e9
        self._denial = ""
        self._open()

    def _open(self) -> None:
        self._socket = _open_socket(zmq.DEALER, self._settings)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)  # without a queue a send fails now, and nothing piles up
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        self._socket.setsockopt(zmq.IPV6, "[" in self._settings.queue_address)
        try:  # in the background, again and again; each time a name is looked up anew
            self._socket.connect(self._settings.queue_address)
        except zmq.ZMQError as error:
            self._socket.close()
            reason = os.strerror(error.errno or 0).lower()
            raise ConfigError(f"QUEUE={self._settings.queue_address} is no address ({reason}).") from error
        self._poller = _make_poller(self._socket)
        self._opened_at = self._clock.local()

    @property
    def connected(self) -> bool:
        """Whether the queue has answered lately."""
        return self._clock.local() - self._heard_at < SILENT_AFTER_S

    @property
    def denial(self) -> str:
        """Why the queue gives this process nothing to do; empty unless it said so lately."""
        return self._denial if self._clock.local() - self._denied_at < SILENT_AFTER_S else ""

    def now(self) -> float:
        """Return the queue's clock, in seconds."""
        return self._clock.now()

    def send(self, *messages: Message) -> bool:
        """Send at once; return False if the queue is away or its buffer is full."""
        sent_at = self._clock.local()
        if self._settings.queue_key and sent_at - max(self._heard_at, self._opened_at) > REOPEN_AFTER_S:
            self._socket.close()
            self._open()
        if sent_at - self._pinged_at > PING_INTERVAL_S:
            self._pinged_at = sent_at
            messages = (*messages, Ping(sent_at))
        try:
            self._socket.send_multipart(encode(messages), zmq.DONTWAIT)
        except zmq.Again:
            self._pinged_at = -1e9
            return False
        return True

    def receive(self, timeout_s: float) -> list[Message]:
        """Return the messages of one send; an empty list after the timeout."""
        deadline = self._clock.local() + timeout_s
        while True:
            first = _receive_first(self._socket, self._poller, deadline - self._clock.local())
            if first is None:
                return []
            try:
                messages = decode([first.bytes, *_receive_rest(self._socket, first)])
                self._heard_at = self._clock.local()
            except OtherProtocolError as error:
                self._note_denial(f"QUEUE={self._settings.queue_address} can't be used: {error}")
                messages = []
            except MalformedError:
                MALFORMED.inc()
                messages = []
            for denial in [message for message in messages if isinstance(message, Denial)]:
                self._note_denial(denial.detail)
                messages.remove(denial)
            for pong in [message for message in messages if isinstance(message, Pong)]:
                self._clock.record_pong(pong)
                self.store.attach(pong.store)
                messages.remove(pong)
            if messages:
                return messages

    def add_to(self, poller: zmq.Poller) -> None:
        """Let a poller watch for messages."""
        poller.register(self._socket, zmq.POLLIN)

    def _note_denial(self, sentence: str) -> None:
        """Log a sentence unless it was said lately."""
        if self.denial != sentence:
            logging.warning("%s", sentence)
        self._denial, self._denied_at = sentence, self._clock.local()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def wait_for_any(clients: Iterable[ClientSocket], timeout_s: float) -> None:
    """Return as soon as one of several queues has sent a message, or after the timeout."""
    poller = zmq.Poller()  # a new one, since a client may have opened a new socket
    for client in clients:
        client.add_to(poller)
    poller.poll(_milliseconds(timeout_s))
