"""digitcam read: photos, folders and videos through the pipeline's own vision code, every picture."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shared.cameras.file_types import VIDEO_SUFFIXES, find_media_files
from shared.settings import ConfigError, Settings
from shared.vision.digit import Box
from shared.vision.gray_frame import make_gray_frame
from shared.vision.image_files import Picture, load_photo, load_video
from shared.vision.numbers import join_numbers
from shared.vision.recognizer import FrameRecognizer
from shared.vision.reload import ReloadingRecognizer


def read_paths(paths: Sequence[str], settings: Settings, as_json: bool) -> int:
    """Print what each picture says as soon as it is read; 1 where something could not be read, else 0."""
    try:
        reader = ReloadingRecognizer(settings).current()
    except ValueError as error:
        raise ConfigError(f"MODELS={settings.models} can't be used: {error}") from error
    failed = False
    for path in paths:
        for result in read_path(Path(path), reader):
            failed |= "error" in result
            print(json.dumps(result) if as_json else to_line(result), flush=True)
    return int(failed)


def read_path(path: Path, reader: FrameRecognizer) -> Iterator[dict[str, Any]]:
    """One result for each picture of a photo, a video or a folder of them."""
    files = find_media_files(path) if path.is_dir() else [path]
    if not files:
        yield {"path": str(path), "error": "there is no photo or video in this folder"}
    for file in files:
        try:
            if file.suffix.lower() in VIDEO_SUFFIXES:
                for number, frame in enumerate(load_video(file)):
                    yield {"path": str(file), "frame": number} | read_picture(frame, reader)
            else:
                yield {"path": str(file)} | read_picture(load_photo(file), reader)
        except ValueError as error:
            yield {"path": str(file), "error": str(error)}


def read_picture(picture: Picture, reader: FrameRecognizer) -> dict[str, Any]:
    """What one picture says, boxes in its own pixels."""
    page, scale = make_gray_frame(picture)
    digits = [digit.scaled(1 / scale) for digit in reader.read([page])[0]]
    numbers = join_numbers(digits)
    return {
        "width": picture.shape[1],
        "height": picture.shape[0],
        "digits": [{"digit": d.digit, "confidence": round(d.confidence, 4), "box": rounded(d.box)} for d in digits],
        "numbers": [{"text": n.text, "confidence": round(n.confidence, 4), "box": rounded(n.box)} for n in numbers],
    }


def rounded(box: Box) -> list[float]:
    """A tenth of a pixel is more than a box can mean."""
    return [round(side, 1) for side in box]


def to_line(result: dict[str, Any]) -> str:
    """A result for a person."""
    place = result["path"] + (f" frame {result['frame']}" if "frame" in result else "")
    said = result.get("error") or ", ".join(number["text"] for number in result["numbers"]) or "no digit"
    return f"{place}: {said}"
