"""An HTTP camera whose pictures take long to decode: some too long, with thousands of scans, some just not."""

import http.server
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

SCANS = (3000, 5)
INTERVAL_S = 0.1


@contextmanager
def serve_hostile_camera() -> Iterator[str]:
    """Serve the camera; yield its address."""
    pictures, is_over = [make_bomb(scans) for scans in SCANS], threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
            self.end_headers()
            for picture in itertools.cycle(pictures):
                head = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
                try:
                    self.wfile.write(head + picture + b"\r\n")
                except OSError:
                    return
                if is_over.wait(INTERVAL_S):
                    return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/camera"
        is_over.set()
        server.shutdown()


def make_bomb(scans: int, height: int = 2400, width: int = 3200) -> bytes:
    """Return a JPEG whose last scan comes again and again."""
    picture = np.full((height, width, 3), (130, 128, 128), np.uint8)
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    return jpeg[:-2] + jpeg[jpeg.rfind(b"\xff\xda") : -2] * scans + b"\xff\xd9"
