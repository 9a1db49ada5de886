"""Limits connections, so that strangers can neither use up the file descriptors nor keep others out."""

import asyncio
from collections import Counter
from collections.abc import Callable

from services.display.web.guesses import group_address
from shared.service.signals import descriptor_limit
from shared.telemetry import metrics

MAX_IN_ALL = 512
MAX_PER_ADDRESS = 128  # all viewers, listeners and browser cameras that there can be, behind one proxy
MAX_STRANGER_BYTES = 128 * 1024  # that a stranger may send: a browser needs 2 kB for each request to sign in

Transport = asyncio.BaseTransport


class ConnectionLimit:
    """Makes the protocol of each connection. Where there are too many, the oldest stranger's is closed.

    A stranger is a connection without a request that was let in. If there is none to close, the new one is.
    """

    def __init__(self, make_protocol: Callable[[], asyncio.Protocol], max_in_all: int | None = None) -> None:
        self.make_protocol = make_protocol
        self._max_in_all = max_in_all or min(MAX_IN_ALL, descriptor_limit() // 2)
        self._addresses: dict[Transport, str] = {}  # of all open connections, the oldest first
        self._strangers: dict[Transport, str] = {}
        self._counts: Counter[str] = Counter()

    def __call__(self) -> asyncio.Protocol:
        return LimitedConnection(self)

    def admit(self, transport: Transport) -> bool:
        """Count a new connection; return False if it must be closed."""
        peer = transport.get_extra_info("peername")
        address = group_address(peer[0]) if isinstance(peer, tuple) else ""
        if self._counts[address] >= MAX_PER_ADDRESS and not self._close_stranger(address):
            return False
        if len(self._addresses) >= self._max_in_all and not self._close_stranger():
            return False
        self._addresses[transport] = self._strangers[transport] = address
        self._counts[address] += 1
        return True

    def is_stranger(self, transport: Transport) -> bool:
        """Return whether no request on this connection was let in."""
        return transport in self._strangers

    def trust(self, transport: Transport | None) -> None:
        """Note that a request on this connection was let in."""
        if transport:
            self._strangers.pop(transport, None)

    def release(self, transport: Transport) -> None:
        """Forget a connection that is closed."""
        self._strangers.pop(transport, None)
        if address := self._addresses.pop(transport, None):
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def _close_stranger(self, address: str | None = None) -> bool:
        for transport, its_address in self._strangers.items():
            if address in (None, its_address):
                self.release(transport)
                close_now(transport)
                return True
        return False


class LimitedConnection(asyncio.Protocol):
    """Passes everything on to the protocol of the web server, if the connection is admitted."""

    def __init__(self, limit: ConnectionLimit) -> None:
        self._limit = limit
        self._transport: Transport | None = None
        self._protocol: asyncio.Protocol | None = None
        self._received_bytes = 0

    def connection_made(self, transport: Transport) -> None:
        if not self._limit.admit(transport):
            close_now(transport)
            return
        self._transport, self._protocol = transport, self._limit.make_protocol()
        self._protocol.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._transport and self._protocol:
            self._limit.release(self._transport)
            self._protocol.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if not self._transport or not self._protocol:
            return
        self._received_bytes += len(data)
        if self._received_bytes > MAX_STRANGER_BYTES and self._limit.is_stranger(self._transport):
            close_now(self._transport)
            return
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received() if self._protocol else None

    def pause_writing(self) -> None:
        if self._protocol:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol:
            self._protocol.resume_writing()


def close_now(transport: Transport) -> None:
    """Close a connection without waiting for what it still has to send."""
    metrics.REFUSED.labels("connections").inc()
    if isinstance(transport, asyncio.Transport):
        transport.abort()
