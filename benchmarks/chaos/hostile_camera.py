"""An HTTP camera that harms: its pictures take long to decode, or are no pictures, or come without end."""

import http.server
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import cv2
import numpy as np

SCANS = (3000, 5)  # some take too long, some just not
GARBAGE = b"\xff\xd8" + b"no picture" * 1000 + b"\xff\xd9"
ENDLESS = b"\xff\xd8" + b"\0" * 1_000_000


class CameraHarm(StrEnum):
    """What a camera sends."""

    BOMBS = "bombs"  # pictures with scans by the thousand, ten a second
    GARBAGE = "garbage"  # a flood of what is no picture
    ENDLESS = "endless"  # parts of a picture, without its end or its size


@contextmanager
def serve_hostile_camera(harm: CameraHarm) -> Iterator[str]:
    """Serve the camera; yield its address."""
    pictures = {
        CameraHarm.BOMBS: [make_bomb(scans) for scans in SCANS] if harm is CameraHarm.BOMBS else [],
        CameraHarm.GARBAGE: [GARBAGE],
        CameraHarm.ENDLESS: [ENDLESS],
    }[harm]
    interval_s = 0.1 if harm is CameraHarm.BOMBS else 0.005
    is_over = threading.Event()

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
                    self.wfile.write(picture if harm is CameraHarm.ENDLESS else head + picture + b"\r\n")
                except OSError:
                    return
                if is_over.wait(interval_s):
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
