"""Contact sheets: many small pictures on one, to look at. `python -m training.sheets OUT.png` shows scenes."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.detection import Detections
from shared.vision.digit import NOT_A_DIGIT
from training.scenes import Scene, make_scene
from training.scenes.glyphs import load_sources

Tile = NDArray[np.uint8]  # height x width x 3, BGR

ENLARGE = 2
WIDEST_PX, QUALITY = 1600, 85
GREEN, GREY, RED = (0, 170, 0), (160, 120, 120), (0, 0, 230)


def main(words: list[str] | None = None) -> None:
    """Draw a contact sheet of scenes with their truth."""
    parser = argparse.ArgumentParser(prog="python -m training.sheets", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--data", type=Path, default=Path("data"))
    arguments = parser.parse_args(words)
    sources, rng = load_sources(arguments.data), np.random.default_rng(arguments.seed)
    tiles = [draw_truth(make_scene(rng, sources, numbers=int(rng.integers(2)))) for _ in range(arguments.count)]
    write_sheet(arguments.out, contact_sheet(tiles))


def write_sheet(path: Path, sheet: Tile) -> None:
    """Write a sheet no wider than a screen: at full size and OpenCV's quality of 95 it is four times as many bytes."""
    scale = min(1.0, WIDEST_PX / sheet.shape[1])
    small = cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def contact_sheet(tiles: Sequence[Tile], columns: int = 8) -> Tile:
    """Return tiles of one size side by side; the last row is filled up with black."""
    blank = np.zeros_like(tiles[0])
    filled = [*tiles, *[blank] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(filled[start : start + columns]) for start in range(0, len(filled), columns)])


def draw_truth(scene: Scene) -> Tile:
    """Return a scene with its digits boxed in green and named, other things boxed in grey."""
    tile = enlarge(scene.picture)
    for box, label in zip(scene.boxes, scene.labels, strict=True):
        is_digit = 0 <= label < NOT_A_DIGIT
        draw_box(tile, box, GREEN if is_digit else GREY, str(label) if is_digit else "")
    return tile


def draw_finds(picture: NDArray[np.uint8], finds: Detections) -> Tile:
    """Return a picture with what was found in it boxed in red, and the class."""
    tile = enlarge(picture)
    for box, log_p in zip(finds.boxes, finds.log_p, strict=True):
        draw_box(tile, box, RED, str(log_p.argmax()))
    return tile


def enlarge(picture: NDArray[np.uint8]) -> Tile:
    """Return a grey picture in colours, large enough to draw on."""
    large = cv2.resize(picture, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)


def draw_box(tile: Tile, box: NDArray[np.float32], colour: tuple[int, int, int], name: str) -> None:
    """Draw a box and a name above it."""
    x, y, width, height = (round(float(side) * ENLARGE) for side in box)
    cv2.rectangle(tile, (x, y), (x + width, y + height), colour, 1)
    cv2.putText(tile, name, (x, y - 2), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1)


if __name__ == "__main__":
    main()
