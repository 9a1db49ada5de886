"""Frame -> preprocess -> GrayFrame: decodes to gray at the size the recognizer takes; skips frames without a change.

Comparing decodes the JPEG a second time, at an eighth, which adds 0.35 ms to 0.9. So the queue asks for it twice a
second while the picture moves, and for every frame while it stands still (services/queue/still_gate.py).

A picture's cost is estimated before it is decoded, and slow pictures wait for the others (SlowFrameLimiter).
"""

import math
import time
from collections.abc import Callable

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.messaging.frame_store import INLINE, FrameStore, GoneError
from shared.messaging.messages import Frame, GrayFrame, Refusal, Unchanged
from shared.pipeline import DropReason, Gate, Stage
from shared.service import lifecycle, stage_loop
from shared.vision.change_detection import SKETCH_PX, is_unchanged, make_sketch
from shared.vision.gray_frame import make_gray_frame
from shared.vision.jpeg import TooCostlyError, TooLargeError, check_jpeg

CREDIT = 4  # a frame takes 1 ms here, and 10 ms from here to the queue and back if all cores are busy
SLOW_S = 0.03  # to decode a picture; meanwhile a camera of 30 frames/s loses none, since one frame of it waits
PAUSE = 20  # seconds of pause for each second above SLOW_S: other cameras lose at most a twentieth of their frames
REFUSALS: dict[type[Exception], DropReason] = {
    GoneError: DropReason.REPLACED,
    TooLargeError: DropReason.TOO_LARGE,
    TooCostlyError: DropReason.TOO_COSTLY,
}
OTHERS_WITHIN_S = 1.0  # without a fast frame for this long, slow cameras have the worker for themselves


def main(context: lifecycle.ServiceContext) -> None:
    """Preprocess frames for the queue until told to stop."""
    long_side_px, limiter = context.settings.long_side_px, SlowFrameLimiter()
    stage_loop.serve_stage(
        context,
        Frame,
        CREDIT,
        lambda frames, store: [preprocess_frame(frame, long_side_px, limiter.admit, store) for frame in frames],
    )


class SlowFrameLimiter:
    """Refuses slow pictures that would take the time of other cameras, whose pictures are fast.

    Decoding cannot be interrupted. So after a slow picture, of any camera, the worker is there for fast ones for a
    while. Slow cameras that are alone, or among themselves, are not limited.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fast_at = self._resume_at = -math.inf

    def admit(self, decode_s: float) -> bool:
        """Return whether a picture that takes this long may be decoded now."""
        now = self._clock()
        if decode_s <= SLOW_S:
            self._fast_at = now
        elif now < self._resume_at and now - self._fast_at < OTHERS_WITHIN_S:
            return False
        else:
            self._resume_at = now + decode_s + PAUSE * (decode_s - SLOW_S)
        return True


def preprocess_frame(
    frame: Frame,
    long_side_px: int,
    admit: Callable[[float], bool] = lambda _: True,
    store: FrameStore = INLINE,
) -> GrayFrame | Unchanged | Refusal:
    """Return the gray frame; or that nothing has changed; or a refusal of a JPEG that is broken, too large or costly.

    admit: whether a live frame that takes this long to decode, in seconds, may be decoded. store: where the bytes of
    frames with a ticket are.
    """
    try:
        jpeg = store.read_jpeg(frame.ticket) if frame.ticket else frame.jpeg
        header = check_jpeg(jpeg)
        if not admit(header.decode_s) and not frame.every_frame:
            return Refusal(frame.camera, frame.seq, DropReason.TOO_COSTLY)
        height, width = header.height, header.width
        sketch = b""
        if frame.gate is not Gate.OPEN:
            current = make_sketch(decode_gray(jpeg, (height, width), SKETCH_PX))
            if not is_unchanged(frame.sketch, current):
                sketch = current.tobytes()
            elif frame.gate is Gate.SKIP:
                return Unchanged(frame.camera, frame.seq)
        gray, _ = make_gray_frame(decode_gray(jpeg, (height, width), long_side_px), long_side_px)
        is_stored = frame.ticket is not None and store.put_gray(frame.ticket, gray)
    except (GoneError, ValueError) as error:
        return Refusal(frame.camera, frame.seq, REFUSALS.get(type(error), DropReason.MALFORMED))
    return GrayFrame(
        camera=frame.camera,
        seq=frame.seq,
        captured_at=frame.captured_at,
        width=width,
        height=height,
        rows=gray.shape[0],
        columns=gray.shape[1],
        pixels=b"" if is_stored else gray.tobytes(),
        ticket=frame.ticket if is_stored else None,
        sketch=sketch,
    )


def decode_gray(jpeg: bytes, size: tuple[int, int], long_side_px: int) -> NDArray[np.uint8]:
    """Return a JPEG of this size (height, width) in gray, its long side at least long_side_px unless it is smaller.

    If it is more than twice too large, libjpeg decodes it at a half, a quarter or an eighth, which is cheaper. Three
    quarters are not used, because they take longer than the whole. Raises ValueError for a broken JPEG.
    """
    scale = min(1.0, long_side_px / max(size))
    height, width = (int(side * scale) for side in size)
    gray = simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=height, min_width=width, min_factor=2)
    return np.asarray(gray[:, :, 0], np.uint8)


if __name__ == "__main__":
    lifecycle.run_service(Stage.PREPROCESS, main)
