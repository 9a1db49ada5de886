"""Frame -> preprocess -> GrayFrame: decodes to gray at the size the recognizer takes; skips frames without a change.

Comparing decodes the JPEG a second time, at an eighth, which adds 0.35 ms to 0.9. So the queue asks for it twice a
second while the picture moves, and for every frame while it stands still (services/queue/still_gate.py).
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.messaging.messages import Frame, GrayFrame, Refusal, Unchanged
from shared.pipeline import DropReason, Gate, Stage
from shared.service import lifecycle, stage_loop
from shared.vision.change_detection import SKETCH_PX, is_unchanged, make_sketch
from shared.vision.gray_frame import MAX_PIXELS, make_gray_frame

CREDIT = 4  # a frame takes 1 ms here, and 10 ms from here to the queue and back if all cores are busy


def main(context: lifecycle.ServiceContext) -> None:
    """Preprocess frames for the queue until told to stop."""
    long_side_px = context.settings.long_side_px
    stage_loop.serve_stage(
        context, Frame, CREDIT, lambda frames: [preprocess_frame(frame, long_side_px) for frame in frames]
    )


def preprocess_frame(frame: Frame, long_side_px: int) -> GrayFrame | Unchanged | Refusal:
    """Return the gray frame; or that nothing has changed; or a refusal if the JPEG is broken or too large."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(frame.jpeg)
        if height * width > MAX_PIXELS:  # checked before decoding: a few bytes can claim four gigapixels
            return Refusal(frame.camera, frame.seq, DropReason.TOO_LARGE)
        sketch = b""
        if frame.gate is not Gate.OPEN:
            current = make_sketch(decode_gray(frame.jpeg, (height, width), SKETCH_PX))
            if not is_unchanged(frame.sketch, current):
                sketch = current.tobytes()
            elif frame.gate is Gate.SKIP:
                return Unchanged(frame.camera, frame.seq)
        gray, _ = make_gray_frame(decode_gray(frame.jpeg, (height, width), long_side_px), long_side_px)
    except ValueError:
        return Refusal(frame.camera, frame.seq, DropReason.MALFORMED)
    return GrayFrame(
        camera=frame.camera,
        seq=frame.seq,
        captured_at=frame.captured_at,
        width=width,
        height=height,
        rows=gray.shape[0],
        pixels=gray.tobytes(),
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
