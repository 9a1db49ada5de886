"""Figures on whole frames in order: the demo camera, whose digits are known, and a hand-held clip."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.demo.camera import RATE_HZ, DemoCamera, LabeledBoxes
from shared.vision.digit import Digit
from shared.vision.follow_rule import FollowRule
from shared.vision.following import KeptFrame, follow_digits
from shared.vision.gray_frame import LONG_SIDE_PX, Gray, halve, make_gray_frame, to_gray
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


def measure_shown_demo(
    recognizer: SupportsRead, method: str, long_side_px: int, *, hz: int = SHOWN_HZ, follow: bool = False
) -> Iterator[Figure]:
    """Yield recall and precision of what the live view shows of the demo camera, at a camera's frame size."""
    camera, live = DemoCamera(DEMO_SEED), LiveCamera(recognizer, follow=follow)
    data = "demo camera, shown" if hz == SHOWN_HZ else f"demo camera, shown at {hz} frames/s"
    true = right = shown = 0
    for index in range(int(SHOWN_S * SHOWN_HZ)):
        captured_at = index / hz
        picture, truth = camera.render(captured_at)
        gray, scale = make_gray_frame(picture, long_side_px)
        digits = [digit.scaled(1 / scale) for digit in live.show(gray, captured_at)]
        right, true, shown = right + count_right(truth, digits), true + len(truth), shown + len(digits)
    yield from live.measure_followed(data, method)
    yield make_share(live.name(data), method, "recall", hits=right, n=true)
    yield make_share(live.name(data), method, "precision", hits=min(right, shown), n=shown)


class LiveCamera:
    """Shows the digits of one live camera, as the pipeline does if each reading is there before the next frame."""

    def __init__(self, recognizer: SupportsRead, *, follow: bool) -> None:
        self._recognizer = recognizer
        self._tracker = DigitTracker()
        self._rule = FollowRule() if follow else None
        self._kept: KeptFrame | None = None
        self._digits: Sequence[Digit] = ()  # of the kept frame
        self._frames = self._followed = 0

    def show(self, gray: Gray, captured_at: float) -> Sequence[Digit]:
        """Read or follow the digits of a gray frame; return those that are shown."""
        self._frames += 1
        if self._rule and self._rule.allows(captured_at) and (moved := self._follow(gray)) is not None:
            self._followed += 1
            return self._tracker.follow(moved, captured_at)
        self._digits = self._recognizer.read([gray])[0]
        if self._rule:
            self._kept = KeptFrame(gray)
            self._rule.record_request(captured_at)
            self._rule.record_reading(self._digits, captured_at)
        return self._tracker.update(self._digits, captured_at)

    def _follow(self, gray: Gray) -> Sequence[Digit] | None:
        boxes = [digit.scaled(1 / 2).box for digit in self._digits]
        moves = follow_digits(self._kept, halve(gray), boxes) if self._kept else None
        if moves is None:
            return None
        return [digit.moved((2 * move[0], 2 * move[1])) for digit, move in zip(self._digits, moves, strict=True)]

    def name(self, data: str) -> str:
        return f"{data}, followed" if self._rule else data

    def measure_followed(self, data: str, method: str) -> Iterator[Figure]:
        """Yield the share of the frames that were followed, if any may be."""
        if self._rule:
            yield make_share(self.name(data), method, "frames followed", hits=self._followed, n=self._frames)


def count_right(truth: LabeledBoxes, digits: Sequence[Digit]) -> int:
    """Return how many true digits have a digit with their label in their box."""
    return sum(any(d.digit == label and is_inside(centre_of(d.box), box) for d in digits) for label, box in truth)


def measure_clip(
    recognizer: SupportsRead, method: str, path: Path, long_side_px: int = LONG_SIDE_PX, *, follow: bool = False
) -> Iterator[Figure]:
    """Yield how many frames it takes until the right numbers are shown, and how steady they stay."""
    live, shown = LiveCamera(recognizer, follow=follow), []
    for index, picture in enumerate(load_video(path)):
        gray, _ = make_gray_frame(picture, long_side_px)
        digits = live.show(gray, index / CLIP_RATE_HZ)
        shown.append(tuple(sorted(number.text for number in join_numbers(digits))))
    right = [set(texts) == CLIP_NUMBERS for texts in shown]
    first = right.index(True) if any(right) else len(right)
    changes = sum(a != b for a, b in zip(shown[first:], shown[first + 1 :], strict=False))
    data = "hand-held clip" if long_side_px == LONG_SIDE_PX else f"hand-held clip of {long_side_px} pixels"
    yield from live.measure_followed(data, method)
    yield Figure(live.name(data), method, "frames until right", first + 1, len(shown))
    yield Figure(live.name(data), method, "changes afterwards", changes, len(shown) - first)
    yield make_share(live.name(data), method, "frames shown right", hits=sum(right), n=len(shown))
