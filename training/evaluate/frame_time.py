"""The time for one frame, on one thread: a sheet with digits, an empty sheet, and a desk full of things."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo.camera import HEIGHT, WIDTH, DemoCamera
from shared.demo.desk import draw_desk
from shared.demo.paper import make_paper
from shared.vision.gray_frame import to_gray
from shared.vision.recognizer import SupportsRead
from training.evaluate.figures import Figure

DIGITS = 5  # on a sheet
FRAMES = 10  # of each kind
ROUNDS = 30  # the kinds take turns, so that a disturbance hits all of them
REPEATS = 3  # the quickest counts: other load on the machine only adds
SEED = 11
DATA = f"one frame of {WIDTH} x {HEIGHT}"

Gray = NDArray[np.uint8]
Clock = Callable[[], float]


def measure_frame_times(recognizer: SupportsRead, method: str, clock: Clock = time.perf_counter) -> Iterator[Figure]:
    """Yield the milliseconds for each kind of frame, and how much longer clutter takes than paper."""
    cv2.setNumThreads(1)
    kinds = {
        f"{DIGITS} digits": make_digit_frames(),
        "empty paper": make_empty_frames(),
        "clutter": make_cluttered_frames(),
    }
    repeats = [time_frames(recognizer, kinds, clock) for _ in range(REPEATS)]
    quickest = min(repeats, key=lambda times_s: sum(map(sum, times_s.values())))
    for kind, times_s in quickest.items():
        for percent in (50, 99):
            value = 1000 * float(np.percentile(times_s, percent))
            yield Figure(DATA, method, f"{kind}, p{percent}, ms", value, len(times_s))
    ratio = float(np.median(quickest["clutter"]) / np.median(quickest["empty paper"]))
    yield Figure(DATA, method, "clutter over empty paper", ratio, len(quickest["clutter"]))


def time_frames(recognizer: SupportsRead, kinds: Mapping[str, Sequence[Gray]], clock: Clock) -> dict[str, list[float]]:
    """Return the seconds that each frame takes, by kind."""
    times_s: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, frames in kinds.items():
            for frame in frames:
                started_at = clock()
                recognizer.read([frame])
                times_s[kind].append(clock() - started_at)
    return times_s


def make_digit_frames() -> Sequence[Gray]:
    """Return frames of the demo camera with exactly DIGITS digits."""
    frames: list[Gray] = []
    camera, t = DemoCamera(SEED), 0.0
    while len(frames) < FRAMES:
        picture, truth = camera.render(t)
        frames += [to_gray(picture)] if len(truth) == DIGITS else []
        t += 0.25
    return frames


def make_empty_frames() -> Sequence[Gray]:
    """Return sheets without writing: plain, ruled, squared."""
    rng = np.random.default_rng(SEED)
    sheets = (make_paper(rng, HEIGHT, WIDTH) for _ in range(FRAMES))
    return [to_gray(np.clip(sheet, 0, 255).astype(np.uint8)) for sheet in sheets]


def make_cluttered_frames() -> Sequence[Gray]:
    """Return the demo camera's desks without a sheet."""
    return [to_gray(draw_desk(np.random.default_rng(SEED + n), WIDTH, HEIGHT)) for n in range(FRAMES)]
