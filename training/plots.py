"""Pictures of a training: curves, a confusion matrix, and contact sheets with boxes."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

mpl.use("Agg")  # files only: a training often runs where there is no screen

Tile = NDArray[np.uint8]  # height x width x 3, BGR

ENLARGEMENT = 2
GREEN, GREY, RED = (0, 170, 0), (160, 120, 120), (0, 0, 230)


def plot_curve(
    path: Path, *, train_loss: Sequence[float], test_loss: Sequence[float], test_accuracy: Sequence[float]
) -> None:
    """Draw the losses and the test accuracy (0 to 1), one value an epoch."""
    epochs = range(1, len(test_accuracy) + 1)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, train_loss, label="training")
    left.plot(epochs, test_loss, label="test")
    left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log")
    left.legend()
    right.plot(epochs, [100 * value for value in test_accuracy], color="tab:green")
    right.set(xlabel="epoch", ylabel="test accuracy, %")
    figure.savefig(path, dpi=110)


def plot_losses(path: Path, losses: Sequence[float]) -> None:
    """Draw a loss, one value a step, as the mean of each hundredth of the training."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    parts = np.array_split(np.asarray(losses), min(100, len(losses)))
    axes.plot(np.cumsum([len(part) for part in parts]), [part.mean() for part in parts])
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    figure.savefig(path, dpi=110)


def plot_confusion(path: Path, matrix: NDArray[np.int64]) -> None:
    """Draw a confusion matrix: rows are the true classes, columns the predicted; shaded by the share of the row."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share**0.25, cmap="Blues")  # the fourth root, or only the diagonal would be seen
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)
    ticks = range(len(matrix))
    axes.set(xlabel="predicted", ylabel="true", xticks=ticks, yticks=ticks)
    figure.savefig(path, dpi=130)


def make_contact_sheet(tiles: Sequence[Tile], columns: int = 8) -> Tile:
    """Return tiles of one size in rows; the last row is filled up with black."""
    filled = [*tiles, *[np.zeros_like(tiles[0])] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(filled[start : start + columns]) for start in range(0, len(filled), columns)])


def enlarge(gray: NDArray[np.uint8]) -> Tile:
    """Return a grey picture in colours, large enough to draw on."""
    large = cv2.resize(gray, None, fx=ENLARGEMENT, fy=ENLARGEMENT, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def draw_box(tile: Tile, box: NDArray[np.float32], colour: tuple[int, int, int], label: str) -> None:
    """Draw a box (in pixels of the picture before it was enlarged) and a label above it."""
    x, y, width, height = (round(float(side) * ENLARGEMENT) for side in box)
    cv2.rectangle(tile, (x, y), (x + width, y + height), colour, 1)
    cv2.putText(tile, label, (x, y - 2), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1)
