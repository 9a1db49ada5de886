"""GrayFrame -> nothing is read -> Reading: an inference worker for `digitcam bench queue`, which measures the queue."""

from services.inference import to_reading
from shared.messaging.messages import GrayFrame
from shared.pipeline import Stage
from shared.service import lifecycle, stage_loop
from shared.vision.digit import Digit

BATCH = 4  # what the real worker takes on two cores
DIGITS = tuple(
    Digit((40.0 * place, 40.0, 20.0, 30.0), (-0.01, *(-7.0,) * 10)) for place in range(1, 4)
)  # as many as the films show


def main(context: lifecycle.ServiceContext) -> None:
    """Answer each gray frame with the same digits."""
    stage_loop.serve_stage(context, GrayFrame, BATCH, lambda frames, _: [to_reading(frame, DIGITS) for frame in frames])


if __name__ == "__main__":
    lifecycle.run_service(Stage.INFERENCE, main)
