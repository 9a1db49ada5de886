"""Draws what was read on a picture, for the desktop window and recordings; the page draws its own in the browser."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.vision.digit import Box, Digit, Number

Picture = NDArray[np.uint8]  # height x width x 3, BGR
Colour = tuple[int, int, int]
Point = tuple[int, int]

MINT, INK, PAPER, GREY = (170, 232, 94), (38, 30, 26), (245, 245, 245), (120, 120, 120)
FONT = cv2.FONT_HERSHEY_DUPLEX
REFERENCE_PX = math.sqrt(640 * 480)  # strokes and type have their sizes on a picture of this area
TYPE, LARGE_TYPE = 0.5, 1.1  # heights of 11 and 24 px there
SMALLEST_TYPE = 0.4  # 9 px: below that it is not legible
FAR = 1 << 14  # OpenCV's drawing overflows on far coordinates; nothing beyond this is visible


def draw_overlay(picture: Picture, digits: Sequence[Digit], numbers: Sequence[Number], caption: str = "") -> Picture:
    """Return a copy with each digit boxed and named, each number of several digits in large type, and a caption."""
    drawn = picture.copy()
    scale = max(math.sqrt(math.prod(picture.shape[:2])) / REFERENCE_PX, SMALLEST_TYPE / TYPE)
    for digit in digits:
        draw_box(drawn, digit.box, scale)
        draw_label(drawn, str(digit.digit), corner(digit.box, top=True), TYPE * scale, above=True)
    for number in numbers:
        large = LARGE_TYPE if len(number.text) > 1 else TYPE
        text = f"{number.text}  {number.confidence:.0%}" if len(number.text) == 1 else number.text
        draw_label(drawn, text, corner(number.box, top=False), large * scale, above=False)
    if caption:
        draw_label(drawn, caption, (0, 0), TYPE * scale, above=False)
    return drawn


def draw_box(picture: Picture, box: Box, scale: float) -> None:
    """Outline a box in colour on a dark rim, so that it shows on paper and in shadow alike."""
    thin = max(1, round(1.5 * scale))
    start, end = corner(box, top=True), whole(box[0] + box[2], box[1] + box[3])
    cv2.rectangle(picture, start, end, INK, thin + 2, cv2.LINE_AA)
    cv2.rectangle(picture, start, end, MINT, thin, cv2.LINE_AA)


def draw_label(picture: Picture, text: str, at: Point, size: float, above: bool) -> None:
    """Write light text on a dark plate that hangs from a point, or stands on it; kept inside where it fits."""
    pen = max(1, round(1.4 * size))
    (width, height), _ = cv2.getTextSize(text, FONT, size, pen)
    pad = max(1, round(0.35 * height))
    x = max(0, min(at[0], picture.shape[1] - width - 2 * pad))
    y = max(0, min(at[1] - (height + 2 * pad) * above, picture.shape[0] - height - 2 * pad))
    cv2.rectangle(picture, (x, y), (x + width + 2 * pad, y + height + 2 * pad), INK, cv2.FILLED)
    cv2.putText(picture, text, (x + pad, y + pad + height), FONT, size, PAPER, pen, cv2.LINE_AA)


def corner(box: Box, top: bool) -> Point:
    """Return a box's left corner at its top or bottom."""
    return whole(box[0], box[1] if top else box[1] + box[3])


def whole(x: float, y: float) -> Point:
    """Return a point in whole pixels that OpenCV can draw."""
    return round(max(-FAR, min(x, FAR))), round(max(-FAR, min(y, FAR)))


def dim_picture(picture: Picture) -> Picture:
    """Return a picture dimmed and without colour: the last one of a camera that is down."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.cvtColor(grey // 2, cv2.COLOR_GRAY2BGR), np.uint8)


def make_mosaic(pictures: Sequence[Picture], width: int, height: int) -> Picture:
    """Return pictures side by side in a grid of equal cells, each as large as fits; width x height pixels."""
    canvas = np.full((height, width, 3), INK, np.uint8)
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / max(1, columns))
    for i, picture in enumerate(pictures):
        top, bottom = i // columns * height // rows, (i // columns + 1) * height // rows
        left, right = i % columns * width // columns, (i % columns + 1) * width // columns
        draw_scaled(canvas[top:bottom, left:right], picture)
    return canvas


def draw_scaled(cell: Picture, picture: Picture) -> None:
    """Scale a picture into a cell, centred."""
    scale = min(cell.shape[0] / picture.shape[0], cell.shape[1] / picture.shape[1])
    width, height = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
    left, top = (cell.shape[1] - width) // 2, (cell.shape[0] - height) // 2
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cell[top : top + height, left : left + width] = cv2.resize(picture, (width, height), interpolation=how)
