"""JPEGs that are small and costly: many scans, many markers, many pixels."""

import cv2
import numpy as np

from benchmarks.chaos.hostile_camera import make_bomb as add_scans

__all__ = ["add_scans", "encode", "flood", "split_scans"]

START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


def encode(height: int, width: int, *options: int) -> bytes:
    """Return a flat gray-blue picture as JPEG."""
    return cv2.imencode(".jpg", np.full((height, width, 3), (130, 128, 128), np.uint8), options)[1].tobytes()


def split_scans(rounds: int, height: int = 2400, width: int = 3200, names: bytes = b"\1\2\3") -> bytes:
    """Return a baseline JPEG with a scan for each component, and all of them again and again."""
    gray = cv2.imencode(".jpg", np.full((height, width), 128, np.uint8))[1].tobytes()
    frame_at, scan_at = gray.index(b"\xff\xc0"), gray.index(START_OF_SCAN)
    frame_end = frame_at + 2 + int.from_bytes(gray[frame_at + 2 : frame_at + 4], "big")
    components = b"".join(bytes((name, 0x11, 0)) for name in names)
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    frame = b"\xff\xc0" + (8 + len(components)).to_bytes(2, "big") + b"\x08" + size + bytes([len(names)]) + components
    scans = b"".join(b"\xff\xda\x00\x08\x01" + bytes((name, 0)) + gray[scan_at + 7 : -2] for name in names)
    return gray[:frame_at] + frame + gray[frame_end:scan_at] + scans * rounds + END_OF_IMAGE


def flood(segment: bytes, size_bytes: int, *, before_scan: bool) -> bytes:
    """Return a small JPEG with a segment repeated before or after its pixels."""
    jpeg = encode(48, 64)
    at = 2 if before_scan else len(jpeg) - 2
    return jpeg[:at] + segment * (size_bytes // len(segment)) + jpeg[at:]
