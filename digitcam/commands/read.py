"""digitcam read: reads every digit in photos, documents, videos and folders of them, by the pipeline's own code."""

import argparse
import codecs
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
from tqdm import tqdm

from digitcam.input_files import InputFile, find_inputs, open_input
from digitcam.recognition import PictureReading, Recognizer
from shared.settings import ConfigError, load_settings
from shared.vision.gray_frame import as_uint8
from shared.vision.image_files import Photo, load_pictures
from shared.vision.overlay import draw_overlay

CSV_COLUMNS = ("path", "frame", "number", "confidence", "x", "y", "width", "height")
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}  # a terminal would obey them
SHOWN_NAMES = 5  # of the files that were left out


class ReadPicture(NamedTuple):
    """A picture and what was read in it; frame counts the frames of a video or the pages of a document."""

    path: str
    frame: int | None
    photo: Photo
    reading: PictureReading


def main(arguments: Sequence[str]) -> int:
    """Print each result as soon as it is known; the exit code is 1 if something can't be read."""
    parsed = parse_arguments(arguments)
    settings = load_settings()
    try:
        recognizer = Recognizer(settings)
    except ValueError as error:
        raise ConfigError(f"MODELS={settings.models} can't be used: {error}") from error
    codecs.register_error("digitcam", encode_odd_name)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="digitcam")  # type: ignore[union-attr]
    skipped: list[str] = []
    inputs = list(find_inputs(parsed.paths, skipped))
    if parsed.csv:
        csv.writer(sys.stdout).writerow(CSV_COLUMNS)
    failed = pictures = 0
    bar = tqdm(inputs, unit="file", delay=1, leave=False, disable=None)  # no bar unless a terminal shows it
    for entry in bar:
        try:
            for picture in read_input(entry, recognizer, parsed.min_confidence):
                write_result(picture, parsed)
                pictures += 1
                bar.set_postfix(pictures=pictures, refresh=False)
        except ValueError as error:
            failed += 1
            write_error(entry.path, str(error), as_json=parsed.json)
    if skipped:
        print(describe_skipped(skipped), file=sys.stderr)
    return int(failed > 0)


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser("digitcam read", description="Read digits in photos, documents and videos.")
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a photo, video, PDF or http:// address, a folder of them, or - for stdin; -- before a name that begins "
        "with -",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON object for each picture")
    form.add_argument("--csv", action="store_true", help="print a table with a row for each number")
    parser.add_argument(
        "--min-confidence", type=parse_share, default=0.0, metavar="P", help="leave out what is less certain (0 to 1)"
    )
    parser.add_argument(
        "--overlay", type=Path, metavar="DIR", help="write each picture with its readings into a folder"
    )
    return parser.parse_args(arguments)


def parse_share(text: str) -> float:
    """Return a number from 0 to 1. Raises ArgumentTypeError."""
    with suppress(ValueError):
        if 0 <= (share := float(text)) <= 1:
            return share
    raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")


def read_input(entry: InputFile, recognizer: Recognizer, min_confidence: float) -> Iterator[ReadPicture]:
    """Yield each picture of a file. Raises ValueError in one sentence, also after some pictures."""
    if entry.error:
        raise ValueError(entry.error)
    with open_input(entry.path) as file:
        pictures = load_pictures(file, Path(entry.path).suffix)
        waiting = next(pictures)
        frame = None
        for frame, photo in enumerate(pictures):  # a file with one picture has no numbers
            yield ReadPicture(entry.path, frame, waiting, recognizer.read(waiting).at_least(min_confidence))
            waiting = photo
        last = None if frame is None else frame + 1
        yield ReadPicture(entry.path, last, waiting, recognizer.read(waiting).at_least(min_confidence))


def write_result(picture: ReadPicture, parsed: argparse.Namespace) -> None:
    """Print a picture's reading as the command line asks, and write its overlay."""
    frame = {} if picture.frame is None else {"frame": picture.frame}
    if parsed.json:
        write_line(json.dumps({"path": picture.path} | frame | picture.reading.to_json()))
    elif parsed.csv:
        table = csv.writer(sys.stdout)
        numbers = [
            (number.text, round(number.confidence, 4), *(round(side, 1) for side in number.box))
            for number in picture.reading.numbers
        ]
        table.writerows((picture.path, picture.frame, *row) for row in numbers or [("",) * 6])
        sys.stdout.flush()
    else:
        place = picture.path.translate(CONTROLS) + (f" frame {picture.frame}" if frame else "")
        write_line(f"{place}: {', '.join(number.text for number in picture.reading.numbers) or 'no digit'}")
    if parsed.overlay:
        write_overlay(picture, parsed.overlay)


def write_line(line: str) -> None:
    """Print a line above the progress bar."""
    tqdm.write(line)
    sys.stdout.flush()


def write_error(path: str, error: str, *, as_json: bool) -> None:
    """Print why a path can't be read: for programs where they look for it, else on standard error."""
    if as_json:
        write_line(json.dumps({"path": path, "error": error}))
    else:
        tqdm.write(f"{path.translate(CONTROLS)}: {error}", file=sys.stderr)


def write_overlay(picture: ReadPicture, folder: Path) -> None:
    """Write a picture with its readings into a folder, by the name of its file. Raises ConfigError."""
    photo, reading = picture.photo, picture.reading
    bgr = as_uint8(cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR)) if photo.ndim == 2 else photo
    frame = "" if picture.frame is None else f"-{picture.frame:05d}"
    name = picture.path.partition("://")[2] or picture.path
    file = folder / (name.strip("/.").replace("/", "_") + frame + ".jpg")
    _, jpeg = cv2.imencode(".jpg", draw_overlay(bgr, reading.digits, reading.numbers))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg.tobytes())
    except OSError as error:
        raise ConfigError(f"--overlay {folder} can't be written: {error.strerror}.") from error


def describe_skipped(paths: Sequence[str]) -> str:
    """Return a sentence about the files in folders that were not read."""
    more = f" and {len(paths) - SHOWN_NAMES} more" if len(paths) > SHOWN_NAMES else ""
    names = ", ".join(paths[:SHOWN_NAMES]).translate(CONTROLS)
    return f"Left out, because their names are not those of photos or videos: {names}{more}"


def encode_odd_name(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encode a file name as it is if its bytes are not UTF-8, and with escapes if the terminal lacks a character."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)
