"""Frame -> nothing is done -> GrayFrame: a preprocess worker for `digitcam bench queue`, which measures the queue."""

from services.preprocess import CREDIT
from shared.messaging.messages import Frame, GrayFrame
from shared.pipeline import Stage
from shared.service import lifecycle, stage_loop

WIDTH, HEIGHT = 480, 360  # of a gray frame of a camera
BLANK = bytes(WIDTH * HEIGHT)


def main(context: lifecycle.ServiceContext) -> None:
    """Answer each frame with a blank gray frame of the usual size."""
    stage_loop.serve_stage(context, Frame, CREDIT, lambda frames: [make_blank(frame) for frame in frames])


def make_blank(frame: Frame) -> GrayFrame:
    return GrayFrame(
        camera=frame.camera,
        seq=frame.seq,
        captured_at=frame.captured_at,
        width=WIDTH,
        height=HEIGHT,
        rows=HEIGHT,
        pixels=BLANK,
    )


if __name__ == "__main__":
    lifecycle.run_service(Stage.PREPROCESS, main)
