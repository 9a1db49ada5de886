"""Pictures of what the networks do: `python -m training.docs_pictures.examples` writes contact sheets to docs/.

Of made-up scenes and MNIST's test images only: the photos that the figures come from are other people's.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.networks.runtimes import Network, load_network
from shared.vision.detection import log_softmax
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.recognizer import load_recognizer
from training.classifier import held_out_order
from training.crops import Crops, load_crops
from training.data import HELD_OUT, load_mnist
from training.evaluate.figures import answer
from training.scenes import make_scene
from training.scenes.glyphs import load_sources
from training.sheets import RED, Tile, contact_sheet, draw_box, enlarge, write_sheet

SCENES, SCENE_PX = 24, 224
IMAGES, COLUMNS = 192, 24
SEED = 50_000_000


def main(words: list[str] | None = None) -> None:
    """Write the sheets."""
    parser = argparse.ArgumentParser(prog="python -m training.docs_pictures.examples", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    arguments = parser.parse_args(words)
    network = load_network(arguments.models / "classifier.onnx", "onnx")
    crops = load_crops(held_out_order(arguments.data, arguments.models / "detector.onnx"))
    sheets = sort_by_answer(network, crops)
    sheets["mnist-wrong"] = wrong_of_mnist(network, *load_mnist("test", arguments.data))
    for name, images in sheets.items():
        cv2.imwrite(
            str(arguments.out / f"classifier-{name}.png"), contact_sheet([frame(image) for image in images], COLUMNS)
        )
    write_sheet(arguments.out / "scenes-read.jpg", read_scenes(arguments.models, arguments.data))


def sort_by_answer(network: Network, crops: Crops) -> dict[str, NDArray[np.uint8]]:
    """Return crops by how they were answered: right digits, wrong ones, digits refused, others taken for digits."""
    images, labels = crops
    said = answer(network, images.astype(np.float32) / np.float32(255)).argmax(axis=1)
    is_digit, accepted = labels < NOT_A_DIGIT, said < NOT_A_DIGIT
    groups = {
        "right": said == labels,
        "wrong": is_digit & accepted & (said != labels),
        "refused": is_digit & ~accepted,
        "taken-for-digits": ~is_digit & accepted,
    }
    return {name: images[chosen][:IMAGES] for name, chosen in groups.items() if chosen.any()}


def wrong_of_mnist(network: Network, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the test images that are read wrong, the surest errors first."""
    log_p = log_softmax(answer(network, images.astype(np.float32) / np.float32(255)))
    own = log_p[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(log_p.argmax(axis=1) != labels)
    return images[wrong[np.argsort(own[wrong])]][:IMAGES]


def frame(image: NDArray[np.uint8]) -> Tile:
    """Return an image twice as large, with a grey edge."""
    return cv2.copyMakeBorder(enlarge(image), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(90, 90, 90)).astype(np.uint8)


def read_scenes(models: Path, data: Path) -> Tile:
    """Return scenes with what was read in them."""
    classifier, rng = load_recognizer(models, "onnx"), np.random.default_rng(SEED)
    sources = load_sources(data, slice(-HELD_OUT, None))
    pictures = [make_scene(rng, sources, SCENE_PX, numbers=2).picture for _ in range(SCENES)]
    tiles = []
    for picture in pictures:
        tile = enlarge(picture)
        for digit in classifier.read([picture])[0]:
            draw_box(tile, np.array(digit.box, np.float32), RED, str(digit.digit))
        tiles.append(tile)
    return contact_sheet(tiles, columns=6)


if __name__ == "__main__":
    main()
