"""GrayFrames -> inference -> Readings: reads the digits of a batch of frames, and rejects what is not a digit."""

import time
from collections.abc import Callable, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.messaging.frame_store import INLINE, FrameStore
from shared.messaging.message_fields import MAX_DIGITS
from shared.messaging.messages import GrayFrame, Reading, Refusal
from shared.networks.runtimes import TorchNetwork
from shared.pipeline import DropReason, Stage
from shared.service import lifecycle, stage_loop
from shared.settings import ConfigError, Settings
from shared.telemetry import metrics
from shared.vision.digit import Digit
from shared.vision.gray_frame import as_uint8
from shared.vision.reload import ReloadingRecognizer

if TYPE_CHECKING:
    from shared.vision.fused.recognizer import FusedRecognizer

# A batch may take this share of MAX_AGE_S: a frame may wait for two batches and is read in the third. Larger batches do
# not read more frames (docs/decisions/0013).
BATCH_SHARE = 0.1
MAX_BATCH_SIZE = 128  # gray frames
TRIES = 2  # the first run of a size may be slower
MEASURE_S = 0.2  # at the start, to find the batch size


def main(context: lifecycle.ServiceContext) -> None:
    """Load the networks, measure the batch size, and read frames for the queue until told to stop."""
    settings = context.settings
    sample = draw_sample_frame(settings.long_side_px)
    try:
        reloading = ReloadingRecognizer(settings)
        current, clock = choose_recognizer(reloading, sample)
    except ValueError as error:
        choice = f"MODELS={settings.models} BACKEND={settings.backend} DEVICE={settings.device}"
        raise ConfigError(f"{choice} can't be used: {error}") from error
    batch_size = choose_batch_size(settings, lambda size: current().read_and_count([sample] * size), clock)
    context.log.info("reads batches of up to %d frames", batch_size)
    stage_loop.serve_stage(
        context,
        GrayFrame,
        batch_size,
        lambda frames, store: answer_batch(current(), frames, store),
        lambda: reloading.weights,
    )


class BatchRecognizer(Protocol):
    """Reads batches of gray frames: FrameRecognizer, and on a GPU FusedRecognizer."""

    def read_and_count(
        self, grays: Sequence[NDArray[np.uint8]], bare_ones: Sequence[bool] = ()
    ) -> list[tuple[tuple[Digit, ...], int]]:
        """Return the digits of each gray frame, and how many of its candidates were rejected."""


def choose_recognizer(
    reloading: ReloadingRecognizer, sample: NDArray[np.uint8]
) -> tuple[Callable[[], BatchRecognizer], Callable[[], float]]:
    """Return a function for the recognizer to use now, and the clock for its batches.

    Networks in torch on a GPU are fused with all that lies between them, and read frames like the sample first. Raises
    ValueError, in one sentence, if the GPU has too little memory for that.
    """
    classifier = reloading.current().classifier
    if classifier.device == "cpu":
        return reloading.current, time.thread_time  # its own time, also on a busy machine
    if not isinstance(classifier, TorchNetwork):
        return reloading.current, time.perf_counter
    return FusedReloading(reloading, sample).current, time.perf_counter


class FusedReloading:
    """Keeps a fused recognizer with the active classifier."""

    def __init__(self, reloading: ReloadingRecognizer, sample: NDArray[np.uint8]) -> None:
        from shared.vision.fused.recognizer import FusedRecognizer  # noqa: PLC0415 - it imports torch

        self._reloading, self._used = reloading, reloading.current()
        self._fused = FusedRecognizer(self._used)
        height, width = sample.shape
        self._fused.prepare((height, width))

    def current(self) -> "FusedRecognizer":
        """Return the recognizer; learned weights are taken over as soon as they are active."""
        newest = self._reloading.current()
        if newest is not self._used:
            self._fused.use_classifier(newest)
            self._used = newest
        return self._fused


def draw_sample_frame(long_side_px: int) -> NDArray[np.uint8]:
    """Return a gray frame of the usual size with three digits, to measure the networks with."""
    gray = np.full((long_side_px * 3 // 4, long_side_px), 255, np.uint8)
    origin, size = (long_side_px // 4, long_side_px // 2), long_side_px / 240
    return as_uint8(cv2.putText(gray, "237", origin, cv2.FONT_HERSHEY_SIMPLEX, size, 0, long_side_px // 60))


def choose_batch_size(settings: Settings, run: Callable[[int], object], clock: Callable[[], float]) -> int:
    """Return the largest batch to take, and export it; run(n) reads n frames."""
    run(1)  # the first run of a network is the slowest
    size = settings.max_batch or measure_batch_size(run, BATCH_SHARE * settings.max_age_s, clock)
    metrics.MAX_BATCH.set(size)
    return size


def measure_batch_size(run: Callable[[int], object], budget_s: float, clock: Callable[[], float]) -> int:
    """Return the largest power of two, up to MAX_BATCH_SIZE, of frames that run within the budget; at least 1."""

    def is_fast_enough(size: int) -> bool:
        started_at = clock()
        if started_at >= deadline:
            return False
        run(size)
        return clock() - started_at <= budget_s

    size, deadline = 1, clock() + MEASURE_S
    while size < MAX_BATCH_SIZE and any(is_fast_enough(2 * size) for _ in range(TRIES)):
        size *= 2
    return size


def answer_batch(
    recognizer: BatchRecognizer, frames: Sequence[GrayFrame], store: FrameStore
) -> list[Reading | Refusal]:
    """Return the reading of each frame, or a refusal if its slot holds another frame before or after it was read."""
    were_there = [is_there(frame, store) for frame in frames]
    readings = iter(read_batch(recognizer, list(compress(frames, were_there)), store))
    answers: list[Reading | Refusal] = []
    for frame, was_there in zip(frames, were_there, strict=True):
        reading = next(readings) if was_there else None
        gone = Refusal(frame.camera, frame.seq, DropReason.REPLACED)
        answers.append(reading if reading and is_there(frame, store) else gone)
    return answers


def is_there(frame: GrayFrame, store: FrameStore) -> bool:
    return frame.ticket is None or store.holds(frame.ticket, frame.rows * frame.columns)


def read_batch(recognizer: BatchRecognizer, frames: Sequence[GrayFrame], store: FrameStore = INLINE) -> list[Reading]:
    """Return the reading of each frame, and count its rejected candidates."""
    grays = [get_pixels(frame, store) for frame in frames]
    found = recognizer.read_and_count(grays, [frame.bare_ones for frame in frames])
    readings = []
    for frame, (digits, rejected) in zip(frames, found, strict=True):
        metrics.REJECTS.labels(frame.camera).inc(rejected)
        readings.append(to_reading(frame, digits))
    return readings


def get_pixels(frame: GrayFrame, store: FrameStore) -> NDArray[np.uint8]:
    """Return a frame's pixels (rows x columns), not copied."""
    if frame.ticket:
        return store.view_gray(frame.ticket, frame.rows, frame.columns)
    return np.frombuffer(frame.pixels, np.uint8).reshape(frame.rows, frame.columns)


def to_reading(frame: GrayFrame, digits: Sequence[Digit]) -> Reading:
    """Return the message about a frame: its most confident digits, with boxes in pixels of the camera's picture."""
    scale = frame.width / frame.columns
    best = sorted(digits, key=lambda digit: digit.confidence, reverse=True)[:MAX_DIGITS]
    return Reading(
        camera=frame.camera,
        seq=frame.seq,
        captured_at=frame.captured_at,
        width=frame.width,
        height=frame.height,
        digits=tuple(digit.scaled(scale) for digit in best),
    )


if __name__ == "__main__":
    lifecycle.run_service(Stage.INFERENCE, main)
