"""Reads handwritten digits in pictures; the command line and the supervisor of the pipeline's processes lie here too.

    import digitcam

    reading = digitcam.read("photo.jpg")  # or an array: H x W gray, H x W x 3 BGR, uint8
    for number in reading.numbers:
        print(number.text, number.confidence, number.box)  # "42" 0.97 (x, y, width, height) in pixels

    recognizer = digitcam.Recognizer()  # loads the networks once
    readings = [recognizer.read(frame) for frame in frames]

See digitcam.Recognizer.read for shapes, units and errors.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitcam.recognition import PictureReading, Recognizer, read

    __version__: str

__all__ = ["PictureReading", "Recognizer", "__version__", "read"]


def __getattr__(name: str) -> Any:
    """Import the networks' libraries on first use, because every line of the Procfile imports this package."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib import metadata  # noqa: PLC0415 - 30 ms

        return metadata.version("digitcam")
    from digitcam import recognition  # noqa: PLC0415

    return getattr(recognition, name)
