"""A stream of the device, with the buffers and CUDA graphs of batches of fixed sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from shared.vision.fused.network import ROW_LENGTH, Capacity, FusedNetwork

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)  # a batch is filled up to one of these with black pages
CELLS_A_PAGE = 128  # a page of three digits has 18
CROPS_A_PAGE, MIN_CROPS = 12, 32  # a page of three digits has 5 candidates
ROUNDS = 6  # of suppression
MAX_GRAPHS = 4 * len(BATCH_SIZES)  # of a lane: cameras have few sizes; what is more is captured anew
WARM_UP_RUNS = 3  # as torch asks for: libraries choose their kernels in the first ones

Shape = tuple[int, int]  # height, width
Pool = Any  # the memory of graphs; torch has no public type for it


@dataclass(frozen=True, slots=True)
class PageBatch:
    """Pages of one shape (h x w uint8), all on the host or all on the device, and their places among the frames.

    bare_ones says of each whether a bare stroke is a 1.
    """

    places: Sequence[int]
    pages: Sequence[Tensor]
    bare_ones: Sequence[bool]


class CapturedBatch:
    """A CUDA graph from pages to rows, and its buffers. The host's are page-locked: copies do not stop the program."""

    def __init__(self, network: FusedNetwork, size: int, shape: Shape, pool: Pool) -> None:
        """Capture the graph on the current stream. Raises torch.cuda.OutOfMemoryError."""
        device = torch.device("cuda")
        self.capacity = Capacity(CELLS_A_PAGE, max(MIN_CROPS, CROPS_A_PAGE * size), ROUNDS)
        self.pages = torch.zeros((size, *shape), dtype=torch.uint8, device=device)
        self.bare_ones = torch.zeros(size, dtype=torch.bool, device=device)
        self.host_pages = torch.zeros((size, *shape), dtype=torch.uint8, pin_memory=True)
        self.host_bare_ones = torch.zeros(size, dtype=torch.bool, pin_memory=True)
        self.host_rows = torch.zeros((1 + self.capacity.crops, ROW_LENGTH), pin_memory=True)
        for _ in range(WARM_UP_RUNS):
            network(self.pages, self.bare_ones, self.capacity)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool, stream=torch.cuda.current_stream()):
            self.rows = network(self.pages, self.bare_ones, self.capacity)

    def fill(self, batch: PageBatch) -> None:
        """Put pages on the device, and on the host too: what lies between digits is looked up there."""
        count = len(batch.pages)
        here, there = self.host_pages[:count], self.pages[:count]
        if batch.pages[0].is_cuda:
            here, there = there, here
        torch.stack([*batch.pages], out=here)
        there.copy_(here, non_blocking=True)
        self.pages[count:].zero_()
        self.host_bare_ones[:count] = torch.tensor(batch.bare_ones)
        self.bare_ones.copy_(self.host_bare_ones, non_blocking=True)


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch that the device works on; its answer is complete when `done` is."""

    batch: PageBatch  # kept, so that its memory is not used again meanwhile
    captured: CapturedBatch
    done: torch.cuda.Event


class Lane:
    """A stream with its graphs. What it has sent must be received before it sends again."""

    def __init__(self, network: FusedNetwork) -> None:
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._network = network
        self._pool = torch.cuda.graph_pool_handle()  # one graph of a lane runs at a time, so they share their memory
        self._captured: dict[tuple[int, Shape], CapturedBatch] = {}

    def send(self, batch: PageBatch) -> SentBatch:
        """Let the device read a batch."""
        count, (height, width) = len(batch.pages), batch.pages[0].shape
        captured = self.prepare(next(size for size in BATCH_SIZES if size >= count), (height, width))
        self.stream.wait_stream(torch.cuda.current_stream())  # which decodes JPEGs
        with torch.cuda.stream(self.stream):
            captured.fill(batch)
            captured.graph.replay()
            captured.host_rows.copy_(captured.rows, non_blocking=True)
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            done.record(self.stream)
        return SentBatch(batch, captured, done)

    def prepare(self, size: int, shape: Shape) -> CapturedBatch:
        """Return the graph for batches of this size and shape; it is captured if there is none."""
        captured = self._captured.pop((size, shape), None)
        if captured is None:
            if len(self._captured) >= MAX_GRAPHS:
                del self._captured[next(iter(self._captured))]
            with torch.cuda.stream(self.stream):
                captured = CapturedBatch(self._network, size, shape, self._pool)
        self._captured[size, shape] = captured  # used last, removed last
        return captured
