"""The pictures of docs/how-it-works.md: `python -m training.docs_pictures.how_it_works` writes them.

They show the demo camera's first sheet and the shipped networks.
"""

from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import onnx
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import NDArray

from shared.demo.camera import DemoCamera
from shared.networks.architectures import load_checkpoint
from shared.networks.layers import LayerNetwork
from shared.settings import MODELS
from shared.vision.explanation import Explanation, explain_place
from shared.vision.explanation_pictures import draw_heatmap, tile_channels, to_gray
from shared.vision.gray_frame import make_gray_frame
from shared.vision.recognizer import load_recognizer
from training.export import expose_layers

FOLDER = Path("docs/how-it-works")
SEED, AT_S = 0, 1.5  # the demo's first sheet, with a 30
SCALE = 8  # pixels of the document for one of the network's


def main() -> None:
    mpl.use("Agg")
    FOLDER.mkdir(exist_ok=True)
    picture, truth = DemoCamera(SEED).render(AT_S)
    gray, _ = make_gray_frame(picture)
    x, y, width, height = truth[0][1]
    explanation = explain_place(load_recognizer(MODELS, "onnx", "cpu"), gray, x + width / 2, y + height / 2)
    if explanation.image is None:
        raise SystemExit("the classifier sees no ink on the demo's first sheet")
    blog = expose_layers(onnx.load(MODELS / "blog.onnx"))
    layers = LayerNetwork(blog.SerializeToString()).run(explanation.image)
    write("heat.jpg", draw_heatmap(gray, explanation.heatmap))
    write("crop.png", explanation.crop)
    write("input.png", enlarge(to_gray(explanation.image), SCALE))
    draw_step(explanation.image, layers[0].values)
    for number, layer in enumerate(layers):
        write(f"layer{number}.png", enlarge(tile_channels(layer.values), 3 if number < 2 else 4))
    draw_evidence(explanation)
    digit = int(np.argmax(explanation.fused))
    classifier, fused = explanation.classifier[digit], explanation.fused[digit]
    print(f"{digit}: detector {explanation.heatmap.max():.1%}, classifier {classifier:.3%}, fused {fused:.1%}")


def write(name: str, picture: NDArray[np.uint8]) -> None:
    cv2.imwrite(str(FOLDER / name), picture)


def enlarge(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Return a picture whose pixels are squares of this side."""
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST), np.uint8)


def draw_evidence(explanation: Explanation) -> None:
    """Draw the probabilities of both networks, and those of their fusion."""
    figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
    places = np.arange(11)
    sources = {
        "detector": (*explanation.detector, 0.0),
        "classifier": explanation.classifier,
        "fused": explanation.fused,
    }
    for offset, (name, shares) in enumerate(sources.items()):
        axis.bar(places + 0.27 * (offset - 1), shares, 0.25, label=name)
    axis.set_xticks(places, [*map(str, range(10)), "no digit"])
    axis.set_ylabel("probability")
    axis.legend(frameon=False)
    save(figure, "evidence.png")


def draw_step(image: NDArray[np.float32], channels: NDArray[np.float32]) -> None:
    """Draw one step of the first layer: the image, nine weights, and the channel that they give."""
    kernels = next(load_checkpoint(MODELS / "blog.pt").parameters()).detach().numpy()[:, 0]
    strongest = int(np.ptp(channels, axis=(1, 2)).argmax())
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.5), layout="constrained")
    titles = ("input", f"the nine weights of channel {strongest}", f"channel {strongest}")
    for axis, title, values in zip(axes, titles, (image, kernels[strongest], channels[strongest]), strict=True):
        axis.imshow(values, cmap="gray")
        axis.set_title(title, fontsize=9)
        axis.axis("off")
    for (row, column), weight in np.ndenumerate(kernels[strongest]):
        axes[1].text(column, row, f"{weight:.2f}", ha="center", va="center", fontsize=8, color="tab:red")
    save(figure, "step.png")


def save(figure: Figure, name: str) -> None:
    """Write a figure, the same bytes each time."""
    figure.savefig(FOLDER / name, dpi=110, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
