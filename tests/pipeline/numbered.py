"""Pictures that show their own number, and an inference worker that reads it: the wrong picture is noticed anywhere.

The number is in the picture twice, above and below, so that a picture put together from two is noticed as well.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from services.inference import answer_batch
from shared.messaging.messages import GrayFrame
from shared.pipeline import Stage
from shared.service import lifecycle, stage_loop
from shared.vision.digit import Digit
from shared.vision.recognizer import FrameRecognizer

FPS = 30.0
FRAMES = 600  # of a film, which is repeated after 20 s
BITS, CAMERA_BITS = 16, 4  # of the number; the camera is in its lowest ones
BLOCK_PX = 20  # a bit is a block of this size
WIDTH, HEIGHT = BITS * BLOCK_PX, 12 * BLOCK_PX
READ_S = 0.002  # between reading it above and below
MIXED = -1
LOG_P = (-0.01, *(-7.0,) * 10)


def draw_picture(camera: int, number: int) -> NDArray[np.uint8]:
    """Return a picture (H x W gray) that shows a camera and a number."""
    value = number << CAMERA_BITS | camera
    bits = np.array([value >> bit & 1 for bit in range(BITS)], np.uint8) * 200 + 20
    row = np.repeat(bits, BLOCK_PX)
    return np.broadcast_to(row, (HEIGHT, WIDTH)).copy()


def read_row(row: NDArray[np.uint8]) -> int:
    """Return the value that a row of pixels shows."""
    return sum(int(row[bit * BLOCK_PX + BLOCK_PX // 2] > 120) << bit for bit in range(BITS))


def read_picture(gray: NDArray[np.uint8], pause_s: float = 0.0) -> tuple[int, int]:
    """Return the camera and the number of a picture; MIXED if it is none."""
    above = read_row(gray[BLOCK_PX])
    time.sleep(pause_s)
    if above != read_row(gray[-BLOCK_PX]):
        return MIXED, MIXED
    return above % (1 << CAMERA_BITS), above >> CAMERA_BITS


def write_film(path: Path, camera: int) -> None:
    """Write a film in MJPEG, whose pictures pass capture as they are."""
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    for number in range(FRAMES):
        film.write(cv2.cvtColor(draw_picture(camera, number), cv2.COLOR_GRAY2BGR))
    film.release()


class NumberRecognizer:
    """Reads each picture as one digit, whose box has the camera and the number as its place."""

    def read_and_count(
        self, grays: Sequence[NDArray[np.uint8]], bare_ones: Sequence[bool] = ()
    ) -> list[tuple[tuple[Digit, ...], int]]:
        found = [read_picture(gray, READ_S) for gray in grays]
        return [((Digit((float(camera), float(number), 1.0, 1.0), LOG_P),), 0) for camera, number in found]


def main(context: lifecycle.ServiceContext) -> None:
    recognizer = cast(FrameRecognizer, NumberRecognizer())
    stage_loop.serve_stage(context, GrayFrame, 4, lambda frames, store: answer_batch(recognizer, frames, store))


if __name__ == "__main__":
    lifecycle.run_service(Stage.INFERENCE, main)
