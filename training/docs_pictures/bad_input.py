"""A contact sheet of what is read in drawn pictures: `python -m training.docs_pictures.bad_input docs/bad-input.jpg`.

A calendar and a clock face have printed digits, which may be read.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from digitcam.recognition import read_pixels
from shared.vision.gray_frame import as_uint8
from shared.vision.overlay import draw_label, draw_overlay
from shared.vision.recognizer import load_recognizer
from training.docs_pictures.scenes import write_jpeg
from training.evaluate.drawn_pictures import draw_all

COLUMNS = 4


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.docs_pictures.bad_input", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", type=Path, default=Path("models"))
    options = parser.parse_args(words)
    recognizer, tiles = load_recognizer(options.models, "onnx"), []
    for name, picture in draw_all().items():
        reading = read_pixels(recognizer, picture)
        tile = draw_overlay(picture, reading.digits, reading.numbers)
        draw_label(tile, name, (0, 0), 0.8, above=False)
        tiles.append(tile)
        said = ", ".join(f"{number.text} ({number.confidence:.0%})" for number in reading.numbers)
        print(f"{name}: {said or 'no digit'}")
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [cv2.hconcat(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    write_jpeg(options.out, as_uint8(cv2.vconcat(rows)))


if __name__ == "__main__":
    main()
