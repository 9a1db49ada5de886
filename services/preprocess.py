"""Frame -> preprocess -> GrayFrame: decodes to gray at the size the recognizer takes, unless it need not be read.

A frame need not be read if nothing has changed, or if the digits of an earlier frame are found again in it. Both are
seen on the JPEG decoded at a smaller size; if the frame must be read after all, that was for nothing. So the queue
decides when to try (services/queue/still_gate.py, services/queue/follow_gate.py).

A picture's cost is estimated before it is decoded, and slow pictures wait for the others (SlowFrameLimiter).
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.messaging.frame_store import INLINE, FrameStore, GoneError
from shared.messaging.messages import Followed, Frame, GrayFrame, Refusal, Unchanged
from shared.pipeline import DropReason, Gate, Stage
from shared.service import lifecycle, stage_loop
from shared.vision.change_detection import SKETCH_PX, is_unchanged, make_sketch
from shared.vision.follow_rule import MAX_READING_AGE_S
from shared.vision.following import KeptFrame, follow_digits, resize
from shared.vision.gray_frame import Gray, make_gray_frame
from shared.vision.jpeg import TooCostlyError, TooLargeError, check_jpeg

CREDIT = 4  # a frame takes 1 ms here, and 10 ms from here to the queue and back if all cores are busy
SLOW_S = 0.03  # to decode a picture; meanwhile a camera of 30 frames/s loses none, since one frame of it waits
PAUSE = 20  # seconds of pause for each second above SLOW_S: other cameras lose at most a twentieth of their frames
Size = tuple[int, int]  # height, width
REFUSALS: dict[type[Exception], DropReason] = {
    GoneError: DropReason.REPLACED,
    TooLargeError: DropReason.TOO_LARGE,
    TooCostlyError: DropReason.TOO_COSTLY,
}
KEEP_LONGER_S = 0.1  # frames of other cameras are older, and the queue's answer takes time
OTHERS_WITHIN_S = 1.0  # without a fast frame for this long, slow cameras have the worker for themselves


def main(context: lifecycle.ServiceContext) -> None:
    """Preprocess frames for the queue until told to stop."""
    long_side_px, limiter = context.settings.long_side_px, SlowFrameLimiter()
    kept = KeptFrames() if context.settings.follow else None
    stage_loop.serve_stage(
        context,
        Frame,
        CREDIT,
        lambda frames, store: [preprocess_frame(frame, long_side_px, limiter.admit, store, kept) for frame in frames],
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


class KeptFrames:
    """The frames of live cameras that were sent to be read lately: the digits of any of them may have to be followed.

    43 kB for a frame of 480 x 360. Several may be on their way to be read when a newer one comes.
    """

    def __init__(self) -> None:
        self._frames: OrderedDict[tuple[str, int], tuple[float, Size, KeptFrame]] = OrderedDict()

    def add(self, frame: Frame, size: Size, gray: Gray) -> None:
        """Keep a gray frame, made of a JPEG of this size, for as long as it may be needed."""
        self._frames[frame.camera, frame.seq] = frame.captured_at, size, KeptFrame(gray)
        while next(iter(self._frames.values()))[0] < frame.captured_at - MAX_READING_AGE_S - KEEP_LONGER_S:
            self._frames.popitem(last=False)

    def find(self, camera: str, seq: int, size: Size) -> KeptFrame | None:
        """Return the frame of this number; None if it is not here, or was of another size."""
        _, kept_size, kept = self._frames.get((camera, seq), (0.0, (0, 0), None))
        return kept if kept_size == size else None


def preprocess_frame(
    frame: Frame,
    long_side_px: int,
    admit: Callable[[float], bool] = lambda _: True,
    store: FrameStore = INLINE,
    kept: KeptFrames | None = None,
) -> GrayFrame | Unchanged | Followed | Refusal:
    """Return the gray frame; or why it need not be read; or a refusal of a JPEG that is broken, too large or costly.

    admit: whether a live frame that takes this long to decode, in seconds, may be decoded. store: where the bytes of
    frames with a ticket are. kept: the earlier frames whose digits may be followed; None follows nothing.
    """
    try:
        jpeg = store.read_jpeg(frame.ticket) if frame.ticket else frame.jpeg
        header = check_jpeg(jpeg)
        if not admit(header.decode_s) and not frame.every_frame:
            return Refusal(frame.camera, frame.seq, DropReason.TOO_COSTLY)
        size = height, width = header.height, header.width
        sketch = b""
        if frame.gate is Gate.FOLLOW and kept and (followed := follow_frame(frame, jpeg, size, kept)):
            return followed
        if frame.gate in {Gate.COMPARE, Gate.SKIP}:
            current = make_sketch(decode_gray(jpeg, size, SKETCH_PX))
            if not is_unchanged(frame.sketch, current):
                sketch = current.tobytes()
            elif frame.gate is Gate.SKIP:
                return Unchanged(frame.camera, frame.seq)
        gray, _ = make_gray_frame(decode_gray(jpeg, size, long_side_px), long_side_px)
        is_stored = frame.ticket is not None and store.put_gray(frame.ticket, gray)
    except (GoneError, ValueError) as error:
        return Refusal(frame.camera, frame.seq, REFUSALS.get(type(error), DropReason.MALFORMED))
    if kept is not None and not frame.every_frame:
        kept.add(frame, size, gray)
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
        bare_ones=frame.bare_ones,
    )


def follow_frame(frame: Frame, jpeg: bytes, size: Size, kept: KeptFrames) -> Followed | None:
    """Return where the digits of an earlier frame are in this one; None if it must be read.

    Raises ValueError for a broken JPEG.
    """
    before = kept.find(frame.camera, frame.read_seq, size)
    if before is None:
        return None
    shape = before.half.shape
    half = resize(decode_gray(jpeg, size, max(shape)), shape)
    scale = shape[1] / size[1]
    boxes = [(x * scale, y * scale, width * scale, height * scale) for x, y, width, height in frame.boxes]
    moves = follow_digits(before, half, boxes)
    if moves is None:
        return None
    return Followed(frame.camera, frame.seq, tuple((right / scale, down / scale) for right, down in moves))


def decode_gray(jpeg: bytes, size: Size, long_side_px: int) -> NDArray[np.uint8]:
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
