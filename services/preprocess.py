"""Frame -> preprocess -> Page: decodes to grey, at the size the reader takes."""

import simplejpeg

from shared import lifecycle, worker
from shared.messages import Frame, Page, Refusal
from shared.vision.page import MOST_PIXELS, make_page

CREDIT = 1  # a frame takes a millisecond: a second one in this worker's hands would wait while another worker is idle


def main(life: lifecycle.Life) -> None:
    """Make pages for the queue until told to stop."""
    long_side_px = life.settings.long_side_px
    worker.serve(life, Frame, CREDIT, lambda frames: [prepare(frame, long_side_px) for frame in frames])


def prepare(frame: Frame, long_side_px: int) -> Page | Refusal:
    """The page of a frame, or a refusal where its JPEG is broken or too large.

    The size is read before a pixel is: a few bytes can claim four gigapixels. What is more than twice too large is
    decoded at a half, a quarter or an eighth, which libjpeg does for less than the whole.
    """
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(frame.jpeg)
        if height * width > MOST_PIXELS:
            return Refusal(frame.camera, frame.seq, "too large")
        shrink = min(1.0, long_side_px / max(height, width))
        least = int(height * shrink), int(width * shrink)
        grey = simplejpeg.decode_jpeg(frame.jpeg, "GRAY", min_height=least[0], min_width=least[1])
    except ValueError:
        return Refusal(frame.camera, frame.seq, "malformed")
    page, _ = make_page(grey, long_side_px)
    return Page(frame.camera, frame.seq, frame.captured_at, width, height, page.shape[0], page.tobytes())


if __name__ == "__main__":
    lifecycle.start("preprocess", main)
