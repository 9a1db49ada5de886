"""What travels between the display and a browser: JSON, and for pictures a JSON header before the camera's JPEG."""

import json
from collections.abc import Mapping
from typing import Any

from services.display.display_state import DisplayFrame
from shared.messaging.messages import CameraReport
from shared.vision.digit import Box

LATEST = 1e15  # milliseconds: 30,000 years


def encode_picture(shown: DisplayFrame, now: float) -> bytes:
    """Return a WebSocket message: 4 bytes big-endian length of the header, the header as JSON, the JPEG."""
    header = encode(encode_reading(shown, now)).encode()
    return len(header).to_bytes(4, "big") + header + shown.jpeg


def encode_reading(shown: DisplayFrame, now: float) -> dict[str, Any]:
    """Return what is shown of a frame, without its picture, as values for JSON."""
    return {
        "camera": shown.camera,
        "seq": shown.seq,
        "captured_at": shown.captured_at,
        "age_s": round(now - shown.captured_at, 4),
        "outcome": shown.outcome,
        "width": shown.width,
        "height": shown.height,
        "digits": [{"digit": d.digit, "confidence": round(d.confidence, 4), "box": whole(d.box)} for d in shown.digits],
        "numbers": [{"text": n.text, "confidence": round(n.confidence, 4), "box": whole(n.box)} for n in shown.numbers],
        "fps": round(shown.fps, 1),
        "readings_per_s": round(shown.readings_per_s, 1),
    }


def encode_state(state: CameraReport, now: float) -> str:
    """Return how a camera is; for_s is how long it has been so."""
    values = {"camera": state.camera, "state": state.state, "detail": state.detail}
    return encode({"kind": "state", **values, "for_s": round(max(0.0, now - state.began_at), 1)})


def encode_clock(asked: float, now: float) -> str:
    """Return the answer to a browser that asked for the queue's clock; its own time comes back beside it."""
    return encode({"kind": "clock", "asked": asked, "now": now})


def encode_pipeline(is_up: bool) -> str:
    """Return whether the pipeline answers."""
    return encode({"kind": "pipeline", "up": is_up})


def decode_word(text: str) -> Mapping[str, Any]:
    """Return what a browser said: its kind, and fields of the right types. Raises ValueError for anything else."""
    values: Mapping[str, Any] = json.loads(text)
    match values:
        case {"kind": "painted", "camera": str()} if len(values) == 2:
            return values
        case {"kind": "clock", "asked": int() | float() as asked} if len(values) == 2 and is_time(asked):
            return values
        case {"kind": "sight", "camera": str(), "seen": bool()} if len(values) == 3:
            return values
        case {"kind": "looking", "looking": bool()} if len(values) == 2:
            return values
    raise ValueError("not a word of this protocol")


def is_time(value: float) -> bool:
    """Whether a number can be a browser's clock: finite, and no boolean."""
    return not isinstance(value, bool) and abs(value) < LATEST


def encode(values: Mapping[str, Any]) -> str:
    """Return compact JSON; all numbers in it are finite."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False)


def whole(box: Box) -> list[int]:
    """Return a box in whole pixels, which is as fine as it is drawn."""
    return [round(side) for side in box]
