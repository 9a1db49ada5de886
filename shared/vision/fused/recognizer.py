"""Reads batches of gray frames or JPEGs by the fused network: on a GPU in CUDA graphs, on two streams.

While the device works on one batch, the next one is copied or decoded, and the digits of the last one are made.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from itertools import cycle, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from shared.networks.runtimes import Network, TorchNetwork
from shared.vision.detection import MAX_CANDIDATES, MIN_SCORE
from shared.vision.digit import NOT_A_DIGIT, Digit
from shared.vision.fused.candidates import choose_candidates
from shared.vision.fused.decoding import decode_pages
from shared.vision.fused.lane import BATCH_SIZES, CELLS_A_PAGE, ROUNDS, Lane, PageBatch, SentBatch, Shape
from shared.vision.fused.network import (
    BOX,
    CELLS,
    CROPS,
    IS_OPEN,
    LOG_P,
    PAGE,
    RANK,
    ROW_LENGTH,
    FusedNetwork,
    count_cells,
)
from shared.vision.gray_frame import Gray
from shared.vision.recognizer import MIN_LOG_P, FrameRecognizer, measure_gaps

LANES = 2
BATCHES_WITHOUT_GRAPH = 3  # of a shape: a picture that comes once is not worth half a second of capturing
MAX_SHAPES = 1000  # that are counted
EXACT_BATCH = 8  # pages at once without a graph

Rows = NDArray[np.float32]  # network.py
FrameReading = tuple[tuple[Digit, ...], int]  # the digits, and how many candidates were rejected


class FusedRecognizer:
    """Reads gray frames as FrameRecognizer does, and JPEGs. On a CPU it is slow, and there for tests."""

    def __init__(self, recognizer: FrameRecognizer, *, use_graphs: bool = True) -> None:
        """Take over a recognizer whose networks run in torch; use_graphs matters on a GPU only."""
        detector, classifier = copy_module(recognizer.detector), copy_module(recognizer.classifier)
        self.device = next(detector.parameters()).device
        is_gpu = self.device.type == "cuda"
        self.network = FusedNetwork(detector, classifier, torch.float16 if is_gpu else torch.float32)
        self._batches: dict[Shape, int] = {}
        self._lanes = [Lane(self.network) for _ in range(LANES)] if is_gpu and use_graphs else []

    def use_classifier(self, recognizer: FrameRecognizer) -> None:
        """Take over the classifier of a recognizer: its weights are copied to where the graphs read them."""
        self.network.classifier.load_state_dict(copy_module(recognizer.classifier).state_dict())

    @torch.inference_mode()
    def prepare(self, shape: Shape) -> None:
        """Capture the graphs for frames of this height and width. Raises ValueError if memory does not suffice."""
        try:
            for lane in self._lanes:
                for size in reversed(BATCH_SIZES):  # smaller ones fit into the memory of the largest
                    lane.prepare(size, shape)
            self._batches[shape] = BATCHES_WITHOUT_GRAPH
        except torch.cuda.OutOfMemoryError as error:
            raise ValueError("the GPU's memory is full: stop what else uses the GPU, or choose device cpu") from error

    def read(self, grays: Sequence[Gray]) -> list[tuple[Digit, ...]]:
        """Return the digits of each gray frame (h x w uint8, any size), their boxes in its pixels."""
        return [digits for digits, _ in self.read_and_count(grays)]

    @torch.inference_mode()
    def read_and_count(self, grays: Sequence[Gray], bare_ones: Sequence[bool] = ()) -> list[FrameReading]:
        """Return the digits of each gray frame, and how many of its candidates were rejected as no digit."""
        writable = (gray if gray.flags.writeable else gray.copy() for gray in grays)  # torch takes no other arrays
        pages = {index: torch.from_numpy(gray) for index, gray in enumerate(writable)}
        found = dict(self._read_batches(make_batches(pages, bare_ones or [False] * len(grays))))
        return [found[index] for index in range(len(grays))]

    @torch.inference_mode()
    def read_jpegs(self, jpegs: Sequence[bytes], long_side_px: int) -> list[FrameReading | None]:
        """Return the same for JPEGs, scaled down to long_side_px, in pixels of that size; None for a broken one."""
        found = dict(self._read_batches(self._decode(jpegs, long_side_px)))
        return [found.get(index) for index in range(len(jpegs))]

    def _decode(self, jpegs: Sequence[bytes], long_side_px: int) -> Iterator[PageBatch]:
        for first in range(0, len(jpegs), BATCH_SIZES[-1]):
            decoded = decode_pages(jpegs[first : first + BATCH_SIZES[-1]], long_side_px, self.device)
            pages = {first + index: page for index, page in enumerate(decoded) if page is not None}
            yield from make_batches(pages, [False] * len(jpegs))

    def _read_batches(self, batches: Iterable[PageBatch]) -> Iterator[tuple[int, FrameReading]]:
        """Yield the reading of each frame with its place."""
        sent: deque[SentBatch] = deque()
        lanes = cycle(self._lanes)
        for batch in batches:
            if not self._lanes or not self._is_usual(batch):
                yield from self._read_without_graph(batch)
                continue
            if len(sent) == LANES:
                yield from self._receive(sent.popleft())
            sent.append(next(lanes).send(batch))
        while sent:
            yield from self._receive(sent.popleft())

    def _is_usual(self, batch: PageBatch) -> bool:
        """Count a batch of its shape; return whether there were enough of them for a graph."""
        height, width = batch.pages[0].shape
        if len(self._batches) > MAX_SHAPES:
            self._batches.clear()
        self._batches[height, width] = self._batches.get((height, width), 0) + 1
        return self._batches[height, width] > BATCHES_WITHOUT_GRAPH

    def _receive(self, sent: SentBatch) -> Iterator[tuple[int, FrameReading]]:
        sent.done.synchronize()
        head, *_ = rows = sent.captured.host_rows.numpy()
        capacity = sent.captured.capacity
        if head[CELLS] > capacity.cells or head[CROPS] > capacity.crops or head[IS_OPEN]:
            yield from self._read_without_graph(sent.batch)  # a crowd
        else:
            yield from make_readings(sent.batch.places, sent.captured.host_pages.numpy(), rows[1:])

    def _read_without_graph(self, batch: PageBatch) -> Iterator[tuple[int, FrameReading]]:
        for first in range(0, len(batch.pages), EXACT_BATCH):
            part = slice(first, first + EXACT_BATCH)
            pages = torch.stack([*batch.pages[part]])
            bare_ones = torch.tensor(batch.bare_ones[part], device=self.device)
            rows = read_exactly(self.network, pages.to(self.device), bare_ones)
            yield from make_readings(batch.places[part], pages.cpu().numpy(), rows)


def copy_module(network: Network) -> nn.Module:
    """Return a network's module with its batch norms folded into its convolutions, which saves a kernel each.

    Raises ValueError if it does not run in torch.
    """
    if not isinstance(network, TorchNetwork):
        raise ValueError(f"{network.name} does not run in torch: choose backend torch")
    module = deepcopy(network.module)
    for block in [block for block in module.modules() if isinstance(block, nn.Sequential)]:
        for index, (first, second) in enumerate(pairwise([*block])):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                block[index], block[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return module


def make_batches(pages: dict[int, Tensor], bare_ones: Sequence[bool]) -> Iterator[PageBatch]:
    """Yield pages, given by their places, in batches of one shape and at most the largest size."""
    for shape in {page.shape for page in pages.values()}:
        places = [place for place, page in pages.items() if page.shape == shape]
        for first in range(0, len(places), BATCH_SIZES[-1]):
            part = places[first : first + BATCH_SIZES[-1]]
            yield PageBatch(part, [pages[place] for place in part], [bare_ones[place] for place in part])


def read_exactly(network: FusedNetwork, pages: Tensor, bare_ones: Tensor) -> Rows:
    """Return the rows of network.py for all candidates of pages (n x h x w uint8), however many there are."""
    levels, cells = network.detect(pages)
    most = int(count_cells(cells))
    if not most:
        return np.zeros((0, ROW_LENGTH), np.float32)
    if most > CELLS_A_PAGE and len(pages) > 1:  # else every page would take as long as the crowded one
        return read_one_by_one(network, pages, bare_ones)
    rounds, is_settled = ROUNDS, False
    while not is_settled:
        grid = choose_candidates(cells, MIN_SCORE, MAX_CANDIDATES, most, rounds)
        is_settled, rounds = bool(grid.is_settled.all()), 2 * rounds
    rows, are_ranked = network.read(levels, grid, int(grid.kept.sum()), bare_ones, rounds)
    if not bool(are_ranked.all()):
        rows, _ = network.read(levels, grid, int(grid.kept.sum()), bare_ones, most)
    return rows.cpu().numpy()


def read_one_by_one(network: FusedNetwork, pages: Tensor, bare_ones: Tensor) -> Rows:
    """Return what read_exactly() returns, page after page."""
    parts = [read_exactly(network, *one) for one in zip(torch.split(pages, 1), torch.split(bare_ones, 1), strict=True)]
    for index, rows in enumerate(parts):
        rows[:, PAGE] = index
    return np.concatenate(parts)


def make_readings(places: Sequence[int], grays: NDArray[np.uint8], rows: Rows) -> Iterator[tuple[int, FrameReading]]:
    """Yield the reading of each gray frame with its place, from rows of all of them."""
    for index, place in enumerate(places):
        mine = rows[rows[:, PAGE] == index]
        is_rejected = mine[:, LOG_P][:, :NOT_A_DIGIT].max(axis=1, initial=-np.inf) <= MIN_LOG_P
        ranked = mine[mine[:, RANK] >= 0]
        ranked = ranked[np.argsort(ranked[:, RANK])]
        digits = tuple(make_digit(row) for row in ranked)
        yield place, (measure_gaps(grays[index], digits), int(is_rejected.sum()))


def make_digit(row: NDArray[np.float32]) -> Digit:
    x, y, width, height = row[BOX].tolist()
    return Digit((x, y, width, height), tuple(row[LOG_P].tolist()))
