"""Figures on whole frames in order: the demo camera, whose digits are known, and a hand-held clip."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.demo import RATE_HZ, DemoCamera, LabeledBoxes
from shared.vision.digit import Digit
from shared.vision.gray_frame import LONG_SIDE_PX, Gray, make_gray_frame, to_gray
from shared.vision.image_files import load_video
from shared.vision.numbers import join_numbers
from shared.vision.recognizer import SupportsRead
from shared.vision.tracks import DigitTracker
from training.evaluate.boxes import centre_of, is_inside
from training.evaluate.figures import Figure, make_share

DEMO_SEED, DEMO_S, DEMO_EVERY_S = 7, 60.0, 0.5
SHOWN_S, SHOWN_HZ = 32.0, 15  # eight sheets
CLIP_NUMBERS = {"2021", "2019"}  # on the sheet in the hand-held clip, in every frame
CLIP_RATE_HZ = 30


def read_once(recognizer: SupportsRead, gray: Gray) -> list[Digit]:
    """Return the digits of a whole picture as of one frame of a photograph's size, their boxes in its pixels."""
    frame, scale = make_gray_frame(gray)
    return [digit.scaled(1 / scale) for digit in recognizer.read([frame])[0]]


def measure_demo(recognizer: SupportsRead, method: str) -> Iterator[Figure]:
    """Yield recall and precision on the demo camera's frames, each frame alone."""
    camera = DemoCamera(DEMO_SEED)
    true = right = predicted = 0
    for index in range(int(DEMO_S / DEMO_EVERY_S)):
        picture, truth = camera.render(index * DEMO_EVERY_S + 1 / RATE_HZ)
        digits = recognizer.read([to_gray(picture)])[0]
        right, true, predicted = right + count_right(truth, digits), true + len(truth), predicted + len(digits)
    yield make_share("demo camera", method, "recall", hits=right, n=true)
    yield make_share("demo camera", method, "precision", hits=min(right, predicted), n=predicted)


def measure_shown_demo(recognizer: SupportsRead, method: str, long_side_px: int) -> Iterator[Figure]:
    """Yield recall and precision of what the live view shows of the demo camera, at a camera's frame size."""
    camera, tracker = DemoCamera(DEMO_SEED), DigitTracker()
    true = right = shown = 0
    for index in range(int(SHOWN_S * SHOWN_HZ)):
        captured_at = index / SHOWN_HZ
        picture, truth = camera.render(captured_at)
        gray, scale = make_gray_frame(picture, long_side_px)
        digits = [digit.scaled(1 / scale) for digit in tracker.update(recognizer.read([gray])[0], captured_at)]
        right, true, shown = right + count_right(truth, digits), true + len(truth), shown + len(digits)
    yield make_share("demo camera, shown", method, "recall", hits=right, n=true)
    yield make_share("demo camera, shown", method, "precision", hits=min(right, shown), n=shown)


def count_right(truth: LabeledBoxes, digits: Sequence[Digit]) -> int:
    """Return how many true digits have a digit with their label in their box."""
    return sum(any(d.digit == label and is_inside(centre_of(d.box), box) for d in digits) for label, box in truth)


def measure_clip(recognizer: SupportsRead, method: str, path: Path) -> Iterator[Figure]:
    """Yield how many frames it takes until the right numbers are shown, and how steady they stay."""
    tracker, shown = DigitTracker(), []
    for index, picture in enumerate(load_video(path)):
        gray, _ = make_gray_frame(picture, LONG_SIDE_PX)
        digits = tracker.update(recognizer.read([gray])[0], index / CLIP_RATE_HZ)
        shown.append(tuple(sorted(number.text for number in join_numbers(digits))))
    right = [set(texts) == CLIP_NUMBERS for texts in shown]
    first = right.index(True) if any(right) else len(right)
    changes = sum(a != b for a, b in zip(shown[first:], shown[first + 1 :], strict=False))
    yield Figure("hand-held clip", method, "frames until right", first + 1, len(shown))
    yield Figure("hand-held clip", method, "changes afterwards", changes, len(shown) - first)
    yield make_share("hand-held clip", method, "frames shown right", hits=sum(right), n=len(shown))
