"""Viewers that connect and then read nothing: of the stream of the API, and of the live view."""

import base64
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

KEY = base64.b64encode(bytes(16)).decode()
WEBSOCKET = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
CONNECT_S = 1.0


@contextmanager
def connect_viewers(port: int, count: int) -> Iterator[int]:
    """Connect viewers until the block ends; yield how many were let in."""
    let_in = 0
    with ExitStack() as stack:
        for number in range(count):
            path, more = ("/api/stream", "") if number % 2 else ("/ws", WEBSOCKET)
            with suppress(OSError):
                viewer = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), CONNECT_S)))
                viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}\r\n".encode())
                let_in += viewer.recv(12) in {b"HTTP/1.1 200", b"HTTP/1.1 101"}
        yield let_in
