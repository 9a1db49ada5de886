"""Frame -> nothing is done -> GrayFrame: a preprocess worker for `digitcam bench queue`, which measures the queue."""

from services.preprocess import CREDIT
from shared.messaging.messages import Frame, GrayFrame
from shared.pipeline import Stage
from shared.service import lifecycle, stage_loop

WIDTH, HEIGHT = 480, 360  # of a gray frame of a camera
BLANK = bytes(WIDTH * HEIGHT)


def main(context: lifecycle.ServiceContext) -> None:
    """Answer each frame with a blank gray frame of the usual size."""
    stage_loop.serve_stage(context, Frame, CREDIT, lambda frames, _: [make_blank(frame) for frame in frames])


def make_blank(frame: Frame) -> GrayFrame:
    """Return a gray frame that nobody reads: a black one, or what the frame's slot holds."""
    return GrayFrame(
        camera=frame.camera,
        seq=frame.seq,
        captured_at=frame.captured_at,
        width=WIDTH,
        height=HEIGHT,
        rows=HEIGHT,
        columns=WIDTH,
        pixels=b"" if frame.ticket else BLANK,
        ticket=frame.ticket,
    )


if __name__ == "__main__":
    lifecycle.run_service(Stage.PREPROCESS, main)
