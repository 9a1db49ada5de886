"""Pictures without handwritten digits that look like writing: text, music, keyboards, codes, a calendar, clock faces.

All are drawn here, by OpenCV, Pillow and segno, and the same on every machine.
"""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import segno
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digitcam.recognition import read_pixels
from shared.vision.recognizer import FrameRecognizer
from training.evaluate.figures import Figure
from training.scenes.fonts import find_print_fonts
from training.scenes.words import load_words

DATA = "drawn pictures"
WIDTH, HEIGHT = 640, 480
PAPER, INK, GREY = (244, 246, 246), (40, 36, 34), (150, 150, 150)  # BGR
SEED = 23

Picture = NDArray[np.uint8]  # HEIGHT x WIDTH x 3, BGR
Point = tuple[int, int]


def measure_drawn_pictures(recognizer: FrameRecognizer, method: str) -> Iterator[Figure]:
    """Yield how many digits are said in each picture; a calendar and a clock face have printed ones."""
    for name, picture in draw_all().items():
        yield Figure(DATA, method, f"digits in {name}", len(read_pixels(recognizer, picture).digits), 1)


def draw_all() -> dict[str, Picture]:
    """Return each picture by its name."""
    return {
        "small text": draw_text(size_px=15),
        "large text": draw_text(size_px=44),
        "music": draw_music(),
        "computer keyboard": draw_keyboard(),
        "piano keyboard": draw_piano(),
        "bar code": draw_bar_code(),
        "QR code": draw_qr_code(),
        "calendar": draw_calendar(),
        "clock face": draw_clock(with_numbers=True),
        "clock face without numbers": draw_clock(with_numbers=False),
    }


def make_sheet() -> Picture:
    return np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)


def write(picture: Picture, at: Point, text: str, size_px: int, font: int = 0) -> None:
    """Write text of a print font on a picture, its upper left corner at a point."""
    image = Image.fromarray(picture)
    face = ImageFont.truetype(str(find_print_fonts()[font]), size_px)
    ImageDraw.Draw(image).text(at, text, fill=INK, font=face)
    picture[:] = np.asarray(image)


def draw_text(size_px: int) -> Picture:
    """Return lines of English words."""
    picture, words = make_sheet(), iter(load_words()[1000:])
    for row, y in enumerate(range(20, HEIGHT - size_px - 10, round(1.4 * size_px))):
        line = next(words)
        while len(line) < (WIDTH - 60) / (0.62 * size_px):
            line += " " + next(words)
        write(picture, (20, y), line, size_px, font=row // 4 % 5)
    return picture


def draw_music() -> Picture:
    """Return four staves with clefs, bars and notes."""
    picture, rng, step = make_sheet(), np.random.default_rng(SEED), 8
    for top in range(40, HEIGHT - 60, 105):
        for line in range(5):
            cv2.line(picture, (20, top + line * step), (WIDTH - 20, top + line * step), INK, 1, cv2.LINE_AA)
        draw_clef(picture, (44, top + 2 * step))
        for bar in range(170, WIDTH, 150):
            cv2.line(picture, (bar, top), (bar, top + 4 * step), INK, 2, cv2.LINE_AA)
        for x in range(80, WIDTH - 40, 32):
            draw_note(picture, (x, top + int(rng.integers(-1, 9)) * step // 2), is_filled=rng.random() < 0.7)
    return picture


def draw_clef(picture: Picture, centre: Point) -> None:
    """Draw a treble clef: a spiral on a stem."""
    turns = np.linspace(0, 2.2 * math.pi, 40)
    radius = 5 + 1.7 * turns
    points = np.stack([centre[0] + radius * np.cos(turns), centre[1] + 6 + radius * np.sin(turns)], axis=1)
    cv2.polylines(picture, [np.rint(points).astype(np.int32)], isClosed=False, color=INK, thickness=2)
    cv2.line(picture, (centre[0] + 4, centre[1] - 34), (centre[0], centre[1] + 34), INK, 2, cv2.LINE_AA)


def draw_note(picture: Picture, centre: Point, *, is_filled: bool) -> None:
    cv2.ellipse(picture, centre, (6, 4), -20, 0, 360, INK, cv2.FILLED if is_filled else 2, cv2.LINE_AA)
    cv2.line(picture, (centre[0] + 6, centre[1] - 2), (centre[0] + 6, centre[1] - 30), INK, 1, cv2.LINE_AA)


def draw_keyboard() -> Picture:
    """Return the letter keys of a computer, dark with bright letters."""
    picture = make_sheet()
    cv2.rectangle(picture, (10, 90), (WIDTH - 10, HEIGHT - 60), (60, 58, 56), cv2.FILLED)
    for row, letters in enumerate(("QWERTYUIOP", "ASDFGHJKL", "ZXCVBNM")):
        for column, letter in enumerate(letters):
            left, top = 26 + 60 * column + 18 * row, 120 + 88 * row
            cv2.rectangle(picture, (left, top), (left + 50, top + 72), (95, 92, 90), cv2.FILLED)
            cv2.putText(picture, letter, (left + 10, top + 34), cv2.FONT_HERSHEY_SIMPLEX, 0.9, PAPER, 2, cv2.LINE_AA)
    return picture


def draw_piano() -> Picture:
    """Return two octaves of keys."""
    picture = make_sheet()
    for key in range(14):
        left = 12 + 44 * key
        cv2.rectangle(picture, (left, 80), (left + 44, 400), INK, 2)
        if key % 7 not in (2, 6):
            cv2.rectangle(picture, (left + 31, 80), (left + 57, 280), INK, cv2.FILLED)
    return picture


def draw_bar_code() -> Picture:
    """Return bars of one to four units, on a label."""
    picture, rng, x = make_sheet(), np.random.default_rng(SEED), 120
    while x < WIDTH - 120:
        width = 3 * int(rng.integers(1, 5))
        cv2.rectangle(picture, (x, 130), (x + width - 1, 350), INK, cv2.FILLED)
        x += width + 3 * int(rng.integers(1, 5))
    return picture


def draw_qr_code() -> Picture:
    """Return a QR code of an address."""
    modules = np.array(list(segno.make("https://example.org/a/long/address", error="m").matrix), np.uint8)
    picture, side = make_sheet(), 10 * len(modules)
    code = cv2.resize(modules, (side, side), interpolation=cv2.INTER_NEAREST)
    top, left = (HEIGHT - side) // 2, (WIDTH - side) // 2
    picture[top : top + side, left : left + side][code > 0] = INK
    return picture


def draw_calendar() -> Picture:
    """Return a month of printed numbers."""
    picture = make_sheet()
    write(picture, (250, 15), "March", 40)
    for day in range(31):
        column, row = (day + 3) % 7, (day + 3) // 7
        left, top = 20 + 86 * column, 80 + 76 * row
        cv2.rectangle(picture, (left, top), (left + 86, top + 76), GREY, 1)
        write(picture, (left + 10, top + 8), str(day + 1), 32)
    return picture


def draw_clock(*, with_numbers: bool) -> Picture:
    """Return a round dial with strokes or printed numbers, and two hands."""
    picture, centre = make_sheet(), (WIDTH // 2, HEIGHT // 2)
    cv2.circle(picture, centre, 210, INK, 5, cv2.LINE_AA)
    for hour in range(1, 13):
        inner, outer = (place_on_dial(hour / 12, radius) for radius in (188, 204))
        cv2.line(picture, inner, outer, INK, 4, cv2.LINE_AA)
        if with_numbers:
            x, y = place_on_dial(hour / 12, 162)
            write(picture, (x - 10 * len(str(hour)), y - 20), str(hour), 34)
    for share, radius, thickness in ((10.15 / 12, 95, 8), (0.15, 145, 5)):
        cv2.line(picture, centre, place_on_dial(share, radius), INK, thickness, cv2.LINE_AA)
    return picture


def place_on_dial(share: float, radius: float) -> Point:
    """Return the point at a share of a turn, clockwise from the top."""
    angle = 2 * math.pi * share
    return round(WIDTH / 2 + radius * math.sin(angle)), round(HEIGHT / 2 - radius * math.cos(angle))
