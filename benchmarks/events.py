"""digitcam bench events: the events of demo cameras, compared with the numbers that were held up.

Each frame goes through the functions of every stage in one process, faster than real time: ten readings a second, as
many as the display smooths while nobody watches (docs/decisions/0006).
"""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import cv2

from services.capture.frames import encode_jpeg
from services.display.display_state import CameraDisplay
from services.display.web.event_store import Event, EventStore
from services.display.web.state import DashboardState
from services.inference import read_batch
from services.preprocess import preprocess_frame
from shared.demo.camera import HEIGHT, SHEET_S, WIDTH, DemoCamera, LabeledBoxes
from shared.messaging.messages import Frame, GrayFrame, View
from shared.pipeline import Outcome
from shared.settings import load_settings
from shared.vision.digit import NOT_A_DIGIT, Digit
from shared.vision.reload import ReloadingRecognizer

RATE_HZ = 10
LATE_S = 0.5  # an event this long after its number began to leave is still right


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNumber:
    """A number that was entirely visible for a time; times in seconds of the demo."""

    text: str
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEvent:
    """A number that appeared according to the display, and when it said so."""

    text: str
    at: float


@dataclass(slots=True)
class EventComparison:
    """The events and numbers that belong together, and those left over."""

    delays_s: list[float] = field(default_factory=list)
    wrong: list[SentEvent] = field(default_factory=list)
    missed: list[HeldNumber] = field(default_factory=list)


ReadDigits = Callable[[Frame, LabeledBoxes], tuple[Digit, ...]]


def bench_events(cameras: int, seconds: int, *, perfect: bool) -> dict[str, Any]:
    """Return precision, recall and delay of the events of demo cameras, and each mistake.

    If perfect, the digits that are in view stand in for the recognizer's readings: what is left is due to the events.
    """
    cv2.setNumThreads(1)
    read_digits = read_perfectly if perfect else make_reader()
    total, mistakes = EventComparison(), list[dict[str, Any]]()
    for name in ("demo", *(f"demo.{n}" for n in range(2, cameras + 1))):
        demo = DemoCamera(seed=zlib.crc32(name.encode()))
        found = compare_events(list_held_numbers(demo, seconds), list(play_demo(demo, name, seconds, read_digits)))
        total.delays_s += found.delays_s
        total.wrong += found.wrong
        total.missed += found.missed
        mistakes += list_mistakes(name, demo, found)
    return summarise(total) | {"mistakes": mistakes}


def list_held_numbers(demo: DemoCamera, seconds: int) -> list[HeldNumber]:
    """Return the numbers that a demo camera shows, in the order in which they are entirely visible."""
    held: dict[tuple[int, str, int], HeldNumber] = {}  # by sheet, text, and place among numbers of the same text
    for tick in range(seconds * RATE_HZ):
        at, counts = tick / RATE_HZ, Counter[str]()
        for text in demo.visible_numbers(at):
            counts[text] += 1
            key = int(at // SHEET_S), text, counts[text]
            held[key] = replace(held.get(key, HeldNumber(text=text, first_at=at, last_at=at)), last_at=at)
    return list(held.values())


def make_reader() -> ReadDigits:
    """Return a function that reads a frame as the pipeline does."""
    settings = load_settings()
    recognizer = ReloadingRecognizer(settings).current()

    def read_digits(frame: Frame, _labels: LabeledBoxes) -> tuple[Digit, ...]:
        gray = preprocess_frame(frame, settings.long_side_px)
        return read_batch(recognizer, [gray])[0].digits if isinstance(gray, GrayFrame) else ()

    return read_digits


def read_perfectly(_frame: Frame, labels: LabeledBoxes) -> tuple[Digit, ...]:
    """Return the digits that are entirely visible, each nearly certain."""
    return tuple(
        Digit(box, tuple(math.log(0.99 if digit == label else 0.001) for digit in range(NOT_A_DIGIT + 1)))
        for label, box in labels
    )


def play_demo(demo: DemoCamera, name: str, seconds: int, read_digits: ReadDigits) -> Iterator[SentEvent]:
    """Yield the numbers that appear, as a subscriber of the display gets them."""
    at, sent = 0.0, list[Event]()
    state, display = DashboardState(EventStore(None, days=1), lambda: at, lambda: at), CameraDisplay()
    state.subscribers.add(lambda update: sent.append(update) if isinstance(update, Event) else None)
    for tick in range(seconds * RATE_HZ):
        at = tick / RATE_HZ
        image, labels = demo.render(at)
        frame = Frame(camera=name, seq=tick, captured_at=at, every_frame=True, jpeg=encode_jpeg(image))
        view = View(
            camera=name,
            seq=tick,
            captured_at=at,
            outcome=Outcome.READ,
            width=WIDTH,
            height=HEIGHT,
            digits=read_digits(frame, labels),
            jpeg=b"",
        )
        shown = display.update(view)
        state.update([shown] if shown else [])
        state.expire_numbers()
        yield from (SentEvent(text=event.number, at=at) for event in sent if event.left_at is None)
        sent.clear()


def compare_events(held: Sequence[HeldNumber], sent: Sequence[SentEvent]) -> EventComparison:
    """Match each event with a number of the same text that is visible, each number once."""
    found, missed = EventComparison(), list(held)
    for event in sent:
        right = [one for one in missed if one.text == event.text and one.first_at <= event.at <= one.last_at + LATE_S]
        if right:
            missed.remove(right[0])
            found.delays_s.append(event.at - right[0].first_at)
        else:
            found.wrong.append(event)
    return replace(found, missed=missed)


def summarise(found: EventComparison) -> dict[str, Any]:
    """Return the figures of a comparison; the delay counts from the moment the number was entirely visible."""
    right = len(found.delays_s)
    events, numbers = right + len(found.wrong), right + len(found.missed)
    delays_s = sorted(found.delays_s) or [0.0]
    return {
        "numbers": numbers,
        "events": events,
        "right": right,
        "precision": round(right / max(1, events), 3),
        "recall": round(right / max(1, numbers), 3),
        "delay_s": {
            "median": round(median(delays_s), 2),
            "p95": round(delays_s[int(0.95 * (len(delays_s) - 1))], 2),
            "largest": round(delays_s[-1], 2),
        },
    }


def list_mistakes(name: str, demo: DemoCamera, found: EventComparison) -> list[dict[str, Any]]:
    """Return a row for each wrong event and each missed number, by time."""
    rows = [(event.at, "wrong", event.text) for event in found.wrong]
    rows += [(one.first_at, "missed", one.text) for one in found.missed]
    return [
        {"camera": name, "at_s": round(at, 1), "mistake": mistake, "number": text, "sheet": " ".join(demo.numbers(at))}
        for at, mistake, text in sorted(rows)
    ]
