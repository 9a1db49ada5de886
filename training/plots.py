"""Pictures of a training: how it went, and what is taken for what."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

mpl.use("Agg")  # files only: a training often runs where there is no screen


def plot_curve(path: Path, train_loss: Sequence[float], test_loss: Sequence[float], accuracy: Sequence[float]) -> None:
    """Draw the losses and the test accuracy (0 to 1), one value an epoch."""
    epochs = range(1, len(accuracy) + 1)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(epochs, train_loss, label="training")
    left.plot(epochs, test_loss, label="test")
    left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log")
    left.legend()
    right.plot(epochs, [100 * value for value in accuracy], color="tab:green")
    right.set(xlabel="epoch", ylabel="test accuracy, %")
    figure.savefig(path, dpi=110)


def plot_confusion(path: Path, matrix: NDArray[np.int64]) -> None:
    """Draw a confusion matrix: rows are the true classes, columns the answers; shaded by the share of the row."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(share**0.25, cmap="Blues")  # the fourth root, or only the diagonal would be seen
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)
    ticks = range(len(matrix))
    axes.set(xlabel="answer", ylabel="truth", xticks=ticks, yticks=ticks)
    figure.savefig(path, dpi=130)


def plot_losses(path: Path, losses: Sequence[float]) -> None:
    """Draw a loss, one value a step, as the mean of each hundredth of the training."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    parts = np.array_split(np.asarray(losses), min(100, len(losses)))
    axes.plot(np.cumsum([len(part) for part in parts]), [part.mean() for part in parts])
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    figure.savefig(path, dpi=110)
