"""GrayFrame -> slow inference -> Reading: the inference service, slowed down for `digitcam bench overload`."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ParamSpec, TypeVar

from services.inference import answer_batch, choose_batch_size, draw_sample_frame
from shared.messaging.frame_store import INLINE
from shared.messaging.messages import GrayFrame, Reading
from shared.pipeline import Stage
from shared.service import lifecycle, stage_loop
from shared.vision.recognizer import load_recognizer

FRAME_S, DIGIT_S = "DIGITCAM_BENCH_FRAME_S", "DIGITCAM_BENCH_DIGIT_S"  # environment variables

P = ParamSpec("P")
Answers = TypeVar("Answers", bound=Sequence[object])


def main(context: lifecycle.ServiceContext) -> None:
    settings = context.settings
    recognizer = load_recognizer(settings.models, settings.backend, settings.device)
    read_slowly, sample = slow_down(partial(answer_batch, recognizer)), draw_sample_frame(settings.long_side_px)
    height, width = sample.shape
    frame = GrayFrame(
        camera="sample",
        seq=0,
        captured_at=0.0,
        width=width,
        height=height,
        rows=height,
        columns=width,
        pixels=sample.tobytes(),
    )
    batch_size = choose_batch_size(settings, lambda size: read_slowly([frame] * size, INLINE), time.perf_counter)
    stage_loop.serve_stage(context, GrayFrame, batch_size, read_slowly)


def slow_down(
    read: Callable[P, Answers],
    environment: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[P, Answers]:
    """Return the function made to take at least FRAME_S per frame and DIGIT_S per digit, if these are set."""
    frame_s, digit_s = (float(environment.get(name, "0")) for name in (FRAME_S, DIGIT_S))
    if not frame_s and not digit_s:
        return read

    def read_slowly(*args: P.args, **kwargs: P.kwargs) -> Answers:
        began_at = time.monotonic()
        answers = read(*args, **kwargs)
        readings = [answer for answer in answers if isinstance(answer, Reading)]
        duration_s = sum(frame_s + digit_s * len(reading.digits) for reading in readings)
        sleep(max(0.0, began_at + duration_s - time.monotonic()))
        return answers

    return read_slowly


if __name__ == "__main__":
    lifecycle.run_service(Stage.INFERENCE, main)
