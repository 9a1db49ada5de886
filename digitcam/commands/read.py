"""digitcam read: reads every digit in photos, folders and videos, by the same code as the pipeline."""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# for OpenCV, which reads them when it is imported: larger pictures are refused before they are decoded; no FFmpeg log
os.environ.update(OPENCV_IO_MAX_IMAGE_PIXELS="60000000", OPENCV_FFMPEG_LOGLEVEL="-8")

from digitcam.recognition import Recognizer
from shared.cameras.file_types import VIDEO_SUFFIXES, find_media_files
from shared.settings import ConfigError, load_settings
from shared.vision.image_files import load_photo, load_video


def main(arguments: Sequence[str]) -> int:
    """Print each result as soon as it is known; the exit code is 1 if a path can't be read."""
    parser = argparse.ArgumentParser("digitcam read", description="Read digits in photos, folders and videos.")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a photo, a video, or a folder of them")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each picture")
    parsed = parser.parse_args(arguments)
    settings = load_settings()
    try:
        recognizer = Recognizer(settings)
    except ValueError as error:
        raise ConfigError(f"MODELS={settings.models} can't be used: {error}") from error
    failed = False
    for path in parsed.paths:
        for result in read_path(Path(path), recognizer):
            failed |= "error" in result
            print(json.dumps(result) if parsed.json else format_result(result), flush=True)
    return int(failed)


def read_path(path: Path, recognizer: Recognizer) -> Iterator[dict[str, Any]]:
    """Yield a result for each picture of a photo, a video or a folder of them, as values for JSON."""
    files = find_media_files(path) if path.is_dir() else [path]
    if not files:
        yield {"path": str(path), "error": "there is no photo or video in this folder"}
    for file in files:
        try:
            if file.suffix.lower() in VIDEO_SUFFIXES:
                for number, picture in enumerate(load_video(file)):
                    yield {"path": str(file), "frame": number} | recognizer.read(picture).to_json()
            else:
                yield {"path": str(file)} | recognizer.read(load_photo(file)).to_json()
        except ValueError as error:
            yield {"path": str(file), "error": str(error)}


def format_result(result: dict[str, Any]) -> str:
    """Return a result as a line for people."""
    place = result["path"] + (f" frame {result['frame']}" if "frame" in result else "")
    reading = result.get("error") or ", ".join(number["text"] for number in result["numbers"]) or "no digit"
    return f"{place}: {reading}"
