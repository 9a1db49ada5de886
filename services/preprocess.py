"""Frame -> preprocess -> Page: decodes to grey, at the size the reader takes; a page that has not changed is not made.

A comparison decodes the JPEG a second time, at an eighth, for 0.35 ms beside 0.9: the queue asks for it twice a second
while a page moves, and for every frame while it stands still (services/queue/still_gate.py).
"""

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from shared.messaging.messages import Frame, GrayFrame, Refusal, Unchanged
from shared.pipeline import DropReason, Gate, Stage
from shared.service import lifecycle, stage_loop
from shared.vision.change_detection import SKETCH_PX, is_unchanged, make_sketch
from shared.vision.gray_frame import MAX_PIXELS, make_gray_frame

CREDIT = 4  # a frame takes a millisecond, the way to the queue and back ten of them where all cores are busy


def main(life: lifecycle.ServiceContext) -> None:
    """Make pages for the queue until told to stop."""
    long_side_px = life.settings.long_side_px
    stage_loop.serve(life, Frame, CREDIT, lambda frames: [preprocess_frame(frame, long_side_px) for frame in frames])


def preprocess_frame(frame: Frame, long_side_px: int) -> GrayFrame | Unchanged | Refusal:
    """The page of a frame; or that it need not be read; or a refusal where its JPEG is broken or too large.

    The size is read before a pixel is: a few bytes can claim four gigapixels.
    """
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(frame.jpeg)
        if height * width > MAX_PIXELS:
            return Refusal(frame.camera, frame.seq, DropReason.TOO_LARGE)
        news = find_news(frame, (height, width))
        if news is None and frame.gate == Gate.SKIP:
            return Unchanged(frame.camera, frame.seq)
        page, _ = make_gray_frame(decode_grey(frame.jpeg, (height, width), long_side_px), long_side_px)
    except ValueError:
        return Refusal(frame.camera, frame.seq, DropReason.MALFORMED)
    about = (frame.camera, frame.seq, frame.captured_at, width, height)
    return GrayFrame(*about, page.shape[0], page.tobytes(), news or b"")


def find_news(frame: Frame, size: tuple[int, int]) -> bytes | None:
    """The frame's sketch where that was asked for and tells of a change; None where it is the same; else empty."""
    if frame.gate == Gate.OPEN:
        return b""
    now = make_sketch(decode_grey(frame.jpeg, size, SKETCH_PX))
    return None if is_unchanged(frame.sketch, now) else now.tobytes()


def decode_grey(jpeg: bytes, size: tuple[int, int], long_side_px: int) -> NDArray[np.uint8]:
    """A JPEG of this size (height, width) in grey, its long side long_side_px or more. Raises ValueError for none.

    What is more than twice too large is decoded at a half, a quarter or an eighth, which libjpeg does for less; three
    quarters, which it also offers, take longer than the whole.
    """
    shrink = min(1.0, long_side_px / max(size))
    height, width = (int(side * shrink) for side in size)
    grey = simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=height, min_width=width, min_factor=2)
    return np.asarray(grey[:, :, 0], np.uint8)


if __name__ == "__main__":
    lifecycle.start(Stage.PREPROCESS, main)
