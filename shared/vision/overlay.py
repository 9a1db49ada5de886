"""Draws a reading on a picture: for the desktop window, snapshots and recordings. The browser draws its own."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import UNREAD, Box, Digit, Number

Picture = NDArray[np.uint8]  # height x width x 3, BGR
Colour = tuple[int, int, int]
Point = tuple[int, int]

MINT, INK, PAPER, AMBER = (170, 232, 94), (38, 30, 26), (245, 245, 245), (87, 186, 255)
FONT = cv2.FONT_HERSHEY_DUPLEX
REFERENCE_PX = math.sqrt(640 * 480)  # strokes and type are scaled from a picture of this area
TYPE, LARGE_TYPE = 0.5, 1.1  # heights of 11 and 24 px there
GAP_PX = 3  # between a digit's ink and its outline, there
SMALLEST_TYPE = 0.4  # 9 px: below that it is not legible
MAX_COORDINATE = 1 << 14  # OpenCV's drawing overflows on larger ones; nothing beyond this is visible


def draw_overlay(picture: Picture, digits: Sequence[Digit], numbers: Sequence[Number], caption: str = "") -> Picture:
    """Return a copy with a box and a label for each digit, numbers of several digits in large type, and a caption.

    A character of a number that was not read has an amber box.
    """
    drawn = picture.copy()
    scale = max(math.sqrt(math.prod(picture.shape[:2])) / REFERENCE_PX, SMALLEST_TYPE / TYPE)
    for digit in digits:
        draw_box(drawn, digit.box, scale)
        draw_label(drawn, str(digit.digit), corner(digit.box, top=True), TYPE * scale, above=True)
    for number in numbers:
        for place in number.unread:
            draw_box(drawn, place, scale, AMBER)
            draw_label(drawn, UNREAD, corner(place, top=True), TYPE * scale, above=True)
        large = LARGE_TYPE if len(number.text) > 1 else TYPE
        text = f"{number.text}  {number.confidence:.0%}" if len(number.text) == 1 else number.text
        draw_label(drawn, text, corner(number.box, top=False), large * scale, above=False)
    if caption:
        draw_label(drawn, caption, (0, 0), TYPE * scale, above=False)
    return drawn


def draw_box(picture: Picture, box: Box, scale: float, colour: Colour = MINT) -> None:
    """Outline a box in colour on a dark rim, which is visible on paper and in shadow; the ink inside stays visible."""
    thin, away = max(1, round(1.5 * scale)), GAP_PX * scale
    start = to_point(box[0] - away, box[1] - away)
    end = to_point(box[0] + box[2] + away, box[1] + box[3] + away)
    cv2.rectangle(picture, start, end, INK, thin + 2, cv2.LINE_AA)
    cv2.rectangle(picture, start, end, colour, thin, cv2.LINE_AA)


def draw_label(picture: Picture, text: str, at: Point, size: float, above: bool) -> None:
    """Draw light text on a dark plate below or above a point, moved inside the picture if it fits."""
    pen = max(1, round(1.4 * size))
    (width, height), _ = cv2.getTextSize(text, FONT, size, pen)
    pad = max(1, round(0.35 * height))
    x = max(0, min(at[0], picture.shape[1] - width - 2 * pad))
    y = max(0, min(at[1] - (height + 2 * pad) * above, picture.shape[0] - height - 2 * pad))
    cv2.rectangle(picture, (x, y), (x + width + 2 * pad, y + height + 2 * pad), INK, cv2.FILLED)
    cv2.putText(picture, text, (x + pad, y + pad + height), FONT, size, PAPER, pen, cv2.LINE_AA)


def corner(box: Box, top: bool) -> Point:
    """Return a box's left corner at its top or bottom, in whole pixels."""
    return to_point(box[0], box[1] if top else box[1] + box[3])


def to_point(x: float, y: float) -> Point:
    """Return a point in whole pixels that OpenCV can draw."""
    return round(max(-MAX_COORDINATE, min(x, MAX_COORDINATE))), round(max(-MAX_COORDINATE, min(y, MAX_COORDINATE)))


def dim_picture(picture: Picture) -> Picture:
    """Return a picture darker and without colour: the last one of a camera that is down."""
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(gray // 2, cv2.COLOR_GRAY2BGR), np.uint8)


def make_mosaic(pictures: Sequence[Picture], width: int, height: int) -> Picture:
    """Return a picture of width x height with a grid of equal tiles, one for each picture."""
    canvas = np.full((height, width, 3), INK, np.uint8)
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / max(1, columns))
    for i, picture in enumerate(pictures):
        top, bottom = i // columns * height // rows, (i // columns + 1) * height // rows
        left, right = i % columns * width // columns, (i % columns + 1) * width // columns
        draw_scaled(canvas[top:bottom, left:right], picture)
    return canvas


def draw_scaled(tile: Picture, picture: Picture) -> None:
    """Draw a picture into a tile, as large as fits, centred."""
    scale = min(tile.shape[0] / picture.shape[0], tile.shape[1] / picture.shape[1])
    width, height = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
    left, top = (tile.shape[1] - width) // 2, (tile.shape[0] - height) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    tile[top : top + height, left : left + width] = cv2.resize(picture, (width, height), interpolation=method)
