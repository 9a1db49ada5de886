"""How long one frame takes to be read, on one thread: a page with digits, a page without, and a desk full of things."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.demo import HEIGHT, WIDTH, DemoCamera
from shared.demo.desk import draw_desk
from shared.demo.paper import make_paper
from shared.vision.gray_frame import to_gray
from training.evaluate.figures import ReadsPages, Row

DIGITS = 5  # on a page
PAGES = 10  # of each kind
ROUNDS = 30  # the kinds take turns, so that what disturbs one disturbs all
REPEATS = 3  # the quickest counts: what else a machine does only adds
SEED = 11
DATA = f"one frame of {WIDTH} x {HEIGHT}"

Page = NDArray[np.uint8]


def frames(classifier: ReadsPages, who: str, clock: Callable[[], float] = time.perf_counter) -> Iterator[Row]:
    """Yield the milliseconds of each kind of page, and how much longer clutter takes than paper."""
    cv2.setNumThreads(1)
    kinds = {f"{DIGITS} digits": digit_pages(), "empty paper": empty_pages(), "clutter": cluttered_pages()}
    repeats = [time_kinds(classifier, kinds, clock) for _ in range(REPEATS)]
    taken = min(repeats, key=lambda times_s: sum(map(sum, times_s.values())))
    for kind, times_s in taken.items():
        for percent in (50, 99):
            value = 1000 * float(np.percentile(times_s, percent))
            yield Row(DATA, who, f"{kind}, p{percent}, ms", value, len(times_s))
    ratio = float(np.median(taken["clutter"]) / np.median(taken["empty paper"]))
    yield Row(DATA, who, "clutter over empty paper", ratio, len(taken["clutter"]))


def time_kinds(
    classifier: ReadsPages, kinds: Mapping[str, Sequence[Page]], clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Return the seconds that each page takes, by kind."""
    taken: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(ROUNDS):
        for kind, pages in kinds.items():
            taken[kind] += [time_one(classifier, page, clock) for page in pages]
    return taken


def time_one(classifier: ReadsPages, page: Page, clock: Callable[[], float]) -> float:
    """Return the seconds that a page takes."""
    began_at = clock()
    classifier.read([page])
    return clock() - began_at


def digit_pages() -> Sequence[Page]:
    """Return frames of the demo camera that show exactly so many digits."""
    pages: list[Page] = []
    camera, t = DemoCamera(SEED), 0.0
    while len(pages) < PAGES:
        picture, truth = camera.render(t)
        pages += [to_gray(picture)] if len(truth) == DIGITS else []
        t += 0.25
    return pages


def empty_pages() -> Sequence[Page]:
    """Return sheets that nothing is written on: plain, ruled, squared."""
    rng = np.random.default_rng(SEED)
    sheets = (make_paper(rng, HEIGHT, WIDTH) for _ in range(PAGES))
    return [to_gray(np.clip(sheet, 0, 255).astype(np.uint8)) for sheet in sheets]


def cluttered_pages() -> Sequence[Page]:
    """Return the demo camera's desks without a sheet."""
    return [to_gray(draw_desk(np.random.default_rng(SEED + n), WIDTH, HEIGHT)) for n in range(PAGES)]
