"""What the live view, the browser cameras and the stream do alike with their WebSockets."""

import asyncio
from collections.abc import Iterable

from aiohttp import WSCloseCode, web

from shared.telemetry import metrics

HEARTBEAT_S = 20.0  # a browser that answers no ping for this long is gone
CLOSE_TIMEOUT_S = 0.5  # the process has 1.5 s to end
MAX_REASON_BYTES = 120  # RFC 6455 allows 123


class ProtocolError(Exception):
    """A browser has violated the protocol; the text says how."""


async def close_full(socket: web.WebSocketResponse, sentence: str) -> None:
    """Refuse a browser, which may try again later."""
    metrics.REFUSED.labels("full").inc()
    await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=sentence.encode())


async def close_violation(socket: web.WebSocketResponse, error: ProtocolError) -> None:
    """Close the connection to a browser that violated the protocol."""
    metrics.REFUSED.labels("protocol").inc()
    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=str(error).encode()[:MAX_REASON_BYTES])


async def close_sockets(sockets: Iterable[web.WebSocketResponse]) -> None:
    """Close WebSockets at the end of the server, so that browsers try to connect again."""
    closing = [socket.close(code=WSCloseCode.GOING_AWAY) for socket in sockets]
    await asyncio.wait_for(asyncio.gather(*closing, return_exceptions=True), CLOSE_TIMEOUT_S)
