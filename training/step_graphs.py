"""Records training steps as CUDA graphs: a GPU runs a small network faster than Python can launch its kernels."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Batch = tuple[Tensor, ...]
Step = Callable[[Batch], Tensor]  # changes the weights, without reading a value back, and returns the loss

WARM_UP = 3  # steps of a shape before its graph is recorded: libraries choose their kernels in the first


class Recording(NamedTuple):
    """A recorded step, and the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    batch: Batch
    loss: Tensor


class StepGraphs:
    """Takes steps as graphs, one graph for each shape of a batch."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._seen: Counter[tuple[torch.Size, ...]] = Counter()
        self._recordings: dict[tuple[torch.Size, ...], Recording] = {}
        self._side = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self, batch: Batch) -> Tensor:
        """Take one step and return the loss."""
        shapes = tuple(part.shape for part in batch)
        self._seen[shapes] += 1
        if self._seen[shapes] <= WARM_UP:
            return self._warm_up(batch)
        if shapes not in self._recordings:
            self._recordings[shapes] = self._record(batch)
        recording = self._recordings[shapes]
        for to, part in zip(recording.batch, batch, strict=True):
            to.copy_(part)
        recording.graph.replay()
        return recording.loss.clone()

    def _warm_up(self, batch: Batch) -> Tensor:
        """Take a step on the stream that recordings use."""
        self._side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._side):
            loss = self._step(batch)
        torch.cuda.current_stream().wait_stream(self._side)
        return loss

    def _record(self, batch: Batch) -> Recording:
        """Record a step, which is not taken."""
        graph, inputs = torch.cuda.CUDAGraph(), tuple(part.clone() for part in batch)
        with torch.cuda.graph(graph):
            loss = self._step(inputs)
        return Recording(graph, inputs, loss)
