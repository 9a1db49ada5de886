"""Viewers that connect and then read nothing: of the stream of the API, and of the live view."""

import base64
import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

KEY = base64.b64encode(bytes(16)).decode()
WEBSOCKET = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
CONNECT_S = 1.0
MAX_LIVE_CAMERAS = 64  # whose pictures a browser may ask for


@contextmanager
def connect_viewers(port: int, count: int) -> Iterator[int]:
    """Connect viewers until the block ends; yield how many were let in."""
    let_in = 0
    tiles = make_websocket_frame({"kind": "tiles", "cameras": list_cameras(port)})
    with ExitStack() as stack:
        for number in range(count):
            path, more = ("/api/stream", "") if number % 2 else ("/ws", WEBSOCKET)
            with suppress(OSError):
                viewer = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), CONNECT_S)))
                viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}\r\n".encode())
                let_in += viewer.recv(12) in {b"HTTP/1.1 200", b"HTTP/1.1 101"}
                if path == "/ws":
                    viewer.sendall(tiles)
        yield let_in


def list_cameras(port: int) -> list[str]:
    """Return the names of cameras; none if the display does not answer."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/cameras", timeout=CONNECT_S) as answer:
        return [camera["name"] for camera in json.load(answer)["cameras"]][:MAX_LIVE_CAMERAS]
    return []


def make_websocket_frame(message: object) -> bytes:
    """Return a text frame of RFC 6455 with a mask of zeros."""
    payload = json.dumps(message).encode()
    length = bytes([0x80 + len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + payload
