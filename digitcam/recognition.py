"""The Python interface: reads the digits of a picture, by the same code and with the same settings as the pipeline."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitcam.multi_scale import read_at_scales
from digitcam.tiles import cut_tiles
from shared.settings import Settings, load_settings
from shared.vision.detection import suppress_overlaps
from shared.vision.digit import Digit, Number
from shared.vision.gray_frame import Gray, to_gray
from shared.vision.image_files import Picture, load_photo
from shared.vision.numbers import join_numbers
from shared.vision.recognizer import MAX_IOU, FrameRecognizer
from shared.vision.reload import ReloadingRecognizer

# of 109 photos without a digit in gray, 1 had one of 0.93 in colour, and 3 had false ones of at most 0.59
COLOUR_CONFIDENCE = 0.7

Source = str | os.PathLike[str] | Picture
FindDigits = Callable[[Gray], Sequence[Digit]]  # of a whole picture in gray, boxes in its pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureReading:
    """The digits of one picture, and the numbers they form in reading order.

    width, height and all boxes (x, y, width, height; from the top left corner) are in pixels of the picture as shown,
    that is after its EXIF orientation. Confidences are probabilities, 0 to 1.
    """

    width: int
    height: int
    digits: tuple[Digit, ...]
    numbers: tuple[Number, ...]

    def __repr__(self) -> str:
        found = ", ".join(f"{number.text} {number.confidence:.2f}" for number in self.numbers) or "no digit"
        return f"<PictureReading of {self.width} x {self.height}: {found}>"

    def at_least(self, confidence: float) -> "PictureReading":
        """Return the reading without the digits and numbers that are less certain."""
        digits = tuple(digit for digit in self.digits if digit.confidence >= confidence)
        numbers = tuple(number for number in self.numbers if number.confidence >= confidence)
        return replace(self, digits=digits, numbers=numbers)

    def to_json(self) -> dict[str, Any]:
        """Return the values of a line of `digitcam read --json`, rounded; boxes to a tenth of a pixel."""

        def to_values(found: Digit | Number) -> Mapping[str, Any]:
            return {"confidence": round(found.confidence, 4), "box": [round(side, 1) for side in found.box]}

        return {
            "width": self.width,
            "height": self.height,
            "digits": [{"digit": digit.digit, **to_values(digit)} for digit in self.digits],
            "numbers": [{"text": number.text, **to_values(number)} for number in self.numbers],
        }


class Recognizer:
    """Both networks, loaded once, for any number of pictures; about 30 ms a picture of 640 x 480.

    It uses the weights that `digitcam learn` made on this machine, also if they are made later.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Load the networks that the settings name: MODELS, BACKEND, DEVICE, LEARNED_DIR.

        Without settings they come from the environment, and not from .env, which may be another program's. Raises
        ValueError if a network can't be loaded, and shared.settings.ConfigError for a wrong setting.
        """
        self._reloading = ReloadingRecognizer(settings or load_settings(env_file=Path(os.devnull)))

    def read(self, picture: Source) -> PictureReading:
        """Return the digits and numbers of a picture: a path, or an array as OpenCV gives it.

        An array is H x W (gray), H x W x 1, x 3 (BGR) or x 4 (BGRA), uint8 or uint16, at most 50 megapixels. The ink
        may be dark on light paper or the reverse. The picture is read at three sizes, the largest with a side of at
        most 905 pixels; a digit has to be about 8 pixels high in a picture whose longer side is 640. Raises ValueError,
        in one sentence, if the file or the array can't be read, and TypeError for anything else.
        """
        if isinstance(picture, str | os.PathLike):
            path = Path(picture)
            try:
                return read_pixels(self._reloading.current(), load_photo(path))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
        if not hasattr(picture, "dtype"):
            raise TypeError(f"a picture is a path or a numpy array, not {type(picture).__name__}")
        return read_pixels(self._reloading.current(), picture)


def read_pixels(recognizer: FrameRecognizer, pixels: NDArray[Any]) -> PictureReading:
    """Return the reading of an array as Recognizer.read() takes it. Raises ValueError, in one sentence."""
    return read_by(partial(read_at_scales, recognizer), pixels)


def read_by(find: FindDigits, pixels: NDArray[Any]) -> PictureReading:
    """Return the reading of an array by another function. Raises ValueError, in one sentence."""
    digits = find_in_tiles(find, pixels)
    if not digits and pixels.ndim == 3 and pixels.shape[2] == 3:
        # yellow ink is as bright as paper in gray, but dark in one colour
        found = find_in_tiles(find, pixels.min(axis=2))
        digits = tuple(digit for digit in found if digit.confidence >= COLOUR_CONFIDENCE)
    height, width = pixels.shape[:2]
    return PictureReading(width=width, height=height, digits=digits, numbers=join_numbers(digits))


def find_in_tiles(find: FindDigits, pixels: NDArray[Any]) -> tuple[Digit, ...]:
    """Return the digits of an array in shades of gray, their boxes in its pixels; a long strip is read in tiles."""
    found = [digit for tile in cut_tiles(pixels) for digit in tile.place_digits(find(to_gray(tile.pixels)))]
    found.sort(key=lambda digit: -digit.confidence)
    boxes = np.array([digit.box for digit in found], np.float32).reshape(-1, 4)
    return tuple(found[index] for index in suppress_overlaps(boxes, MAX_IOU, len(found)))


def read(picture: Source) -> PictureReading:
    """Return the digits and numbers of a picture: Recognizer().read(picture), with the networks kept loaded."""
    return _default_recognizer().read(picture)


@cache
def _default_recognizer() -> Recognizer:
    return Recognizer()
