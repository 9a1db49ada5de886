"""Contact sheets of what the networks read: `python -m training.docs_pictures.examples` writes them to docs/.

They show generated scenes and MNIST's test images. The photographs of the accuracy table belong to other people.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.networks.runtimes import Network, load_network
from shared.vision.detection import log_softmax
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.gray_frame import as_uint8
from shared.vision.recognizer import load_recognizer
from training.classifier import make_validation_set
from training.crops import Crops, load_crops
from training.data import HELD_OUT, load_mnist
from training.docs_pictures.scenes import write_jpeg
from training.evaluate.single_digits import predict
from training.plots import RED, Tile, draw_box, enlarge, make_contact_sheet
from training.scenes import make_scene
from training.scenes.glyphs import load_sources

SCENES, SCENE_PX = 24, 224
IMAGES, COLUMNS = 192, 24
EDGE = (90, 90, 90)  # BGR, around each image
SEED = 50_000_000


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.docs_pictures.examples", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args(words)
    network = load_network(options.models / "classifier.onnx", "onnx")
    crops = load_crops(make_validation_set(options.data, options.models / "detector.onnx"))
    sheets = group_by_prediction(network, crops)
    sheets["mnist-wrong"] = find_mnist_errors(network, *load_mnist("test", options.data))
    for name, images in sheets.items():
        tiles = [
            as_uint8(cv2.copyMakeBorder(enlarge(image), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=EDGE))
            for image in images
        ]
        sheet = make_contact_sheet(tiles, COLUMNS)
        cv2.imwrite(str(options.out / f"classifier-{name}.png"), sheet)
    write_jpeg(options.out / "scenes-read.jpg", draw_readings(options.models, options.data))


def group_by_prediction(network: Network, crops: Crops) -> dict[str, NDArray[np.uint8]]:
    """Return the crops that are read right, the digits read wrong or refused, and other crops taken for digits."""
    images, labels = crops
    predicted = predict(network, images.astype(np.float32) / np.float32(255)).argmax(axis=1)
    is_digit, is_accepted = labels < NOT_A_DIGIT, predicted < NOT_A_DIGIT
    groups = {
        "right": predicted == labels,
        "wrong": is_digit & is_accepted & (predicted != labels),
        "refused": is_digit & ~is_accepted,
        "taken-for-digits": ~is_digit & is_accepted,
    }
    return {name: images[chosen][:IMAGES] for name, chosen in groups.items() if chosen.any()}


def find_mnist_errors(network: Network, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the images that are read wrong, the most confident errors first."""
    log_p = log_softmax(predict(network, images.astype(np.float32) / np.float32(255)))
    log_p_of_label = log_p[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(log_p.argmax(axis=1) != labels)
    return images[wrong[np.argsort(log_p_of_label[wrong])]][:IMAGES]


def draw_readings(models: Path, data: Path) -> Tile:
    """Return a sheet of scenes with the recognized digits."""
    recognizer, rng = load_recognizer(models, "onnx"), np.random.default_rng(SEED)
    sources = load_sources(data, slice(-HELD_OUT, None))
    pictures = [make_scene(rng, sources, SCENE_PX, numbers=2).picture for _ in range(SCENES)]
    tiles = []
    for picture in pictures:
        tile = enlarge(picture)
        for digit in recognizer.read([picture])[0]:
            draw_box(tile, np.array(digit.box, np.float32), RED, str(digit.digit))
        tiles.append(tile)
    return make_contact_sheet(tiles, columns=6)


if __name__ == "__main__":
    main()
