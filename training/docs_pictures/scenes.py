"""A contact sheet of training scenes with their truth: `python -m training.docs_pictures.scenes docs/scenes.jpg`.

With `--kind` each scene shows one kind of writing on plain paper; `--kind all` gives a row of each.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from shared.vision.digit import NOT_A_DIGIT
from training.plots import GREEN, GREY, Tile, draw_box, enlarge, make_contact_sheet
from training.scenes import EXAMPLES, Scene, make_example, make_scene
from training.scenes.glyphs import load_sources

MAX_WIDTH_PX, QUALITY = 1600, 85
COLUMNS = 8


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.docs_pictures.scenes", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--kind", choices=("all", *EXAMPLES))
    parser.add_argument("--data", type=Path, default=Path("data"))
    options = parser.parse_args(words)
    sources, rng = load_sources(options.data), np.random.default_rng(options.seed)
    if options.kind:
        kinds = EXAMPLES if options.kind == "all" else [options.kind] * max(1, options.count // COLUMNS)
        scenes = [make_example(rng, sources, kind) for kind in kinds for _ in range(COLUMNS)]
    else:
        scenes = [make_scene(rng, sources, numbers=int(rng.integers(2))) for _ in range(options.count)]
    write_jpeg(options.out, make_contact_sheet([draw_truth(scene) for scene in scenes], COLUMNS))


def draw_truth(scene: Scene) -> Tile:
    """Return a scene with its digits in green boxes with their class, everything else in grey boxes."""
    tile = enlarge(scene.picture)
    for box, label in zip(scene.boxes, scene.labels, strict=True):
        is_digit = 0 <= label < NOT_A_DIGIT
        draw_box(tile, box, GREEN if is_digit else GREY, str(label) if is_digit else "")
    return tile


def write_jpeg(path: Path, sheet: Tile) -> None:
    """Write a sheet no wider than a screen; at full size and OpenCV's quality of 95 it takes four times the bytes."""
    scale = min(1.0, MAX_WIDTH_PX / sheet.shape[1])
    small = cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


if __name__ == "__main__":
    main()
