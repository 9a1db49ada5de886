"""What the live view, the browser cameras and the stream do alike with their WebSockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from shared.service.token_bucket import TokenBucket
from shared.telemetry import metrics

HEARTBEAT_S = 20.0  # a browser that answers no ping for this long is gone
CLOSE_TIMEOUT_S = 0.5  # for the other end to close as well; the process has 1.5 s to end
PINGS_PER_S, PING_BURST = 5.0, 50.0  # and pongs: programs send one in 20 s, and browsers answer the heartbeat
MAX_REASON_BYTES = 120  # RFC 6455 allows 123


class ProtocolError(Exception):
    """A browser has violated the protocol; the text says how."""


def make_socket(max_bytes: int, heartbeat_s: float = HEARTBEAT_S) -> web.WebSocketResponse:
    """Return a WebSocket for messages of up to max_bytes. Its pings are left to receive_messages()."""
    return web.WebSocketResponse(
        max_msg_size=max_bytes, compress=False, heartbeat=heartbeat_s, autoping=False, timeout=CLOSE_TIMEOUT_S
    )


async def receive_messages(socket: web.WebSocketResponse) -> AsyncIterator[WSMessage]:
    """Yield what a browser sends until it leaves, and answer its pings. Raises ProtocolError for too many of them.

    aiohttp would answer a flood of pings with the event loop to itself, so that the other browsers wait.
    """
    limiter = TokenBucket(rate_per_s=PINGS_PER_S, capacity=PING_BURST, updated_at=time.monotonic())
    async for message in socket:
        if message.type not in {WSMsgType.PING, WSMsgType.PONG}:
            yield message
        elif not limiter.take_token(time.monotonic()):
            raise ProtocolError("too many pings")
        elif message.type is WSMsgType.PING:
            await socket.pong(message.data)


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
