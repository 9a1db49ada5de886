"""Pages -> slow inference -> Readings: the inference service, slowed down, for `digitcam bench overload`."""

import time
from functools import partial

from benchmarks.slow import slowed
from services.inference import choose_batch_size, draw_sample_frame, read_batch
from shared.messaging.messages import GrayFrame
from shared.pipeline import Stage
from shared.service import lifecycle, stage_loop
from shared.vision.recognizer import load_recognizer


def main(life: lifecycle.ServiceContext) -> None:
    """Read pages for the queue, slowly, until told to stop."""
    settings = life.settings
    reader = load_recognizer(settings.models, settings.backend, settings.device)
    read_slowly, sample = slowed(partial(read_batch, reader)), draw_sample_frame(settings.long_side_px)
    height, width = sample.shape
    page = GrayFrame(
        camera="sample", seq=0, captured_at=0.0, width=width, height=height, rows=height, pixels=sample.tobytes()
    )
    most = choose_batch_size(settings, lambda size: read_slowly([page] * size), time.perf_counter)
    stage_loop.serve_stage(life, GrayFrame, most, read_slowly)


if __name__ == "__main__":
    lifecycle.run_service(Stage.INFERENCE, main)
