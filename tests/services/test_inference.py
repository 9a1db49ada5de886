"""A batch of gray frames becomes as many readings, with boxes in pixels of their pictures."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from prometheus_client import REGISTRY

from services import inference
from shared.messaging import shared_memory
from shared.messaging.frame_store import FrameRing, make_store
from shared.messaging.message_fields import MAX_DIGITS
from shared.messaging.messages import GrayFrame, Reading, Refusal
from shared.vision.digit import Digit
from shared.vision.fused.recognizer import FusedRecognizer
from shared.vision.recognizer import FrameRecognizer, load_recognizer
from shared.vision.reload import ReloadingRecognizer, find_learned_weights
from tests.conftest import MakeSettings
from tests.shared.vision.weights import other_weights, put

MODELS = Path(__file__).parents[2] / "models"
LOG_P = tuple(np.log(np.full(11, 1 / 11)))


class FakeRecognizer:
    """Reads each frame as `count` digits as large as the frame, with three rejected candidates."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.batches: list[int] = []
        self.bare_ones: list[bool] = []

    def read_and_count(
        self, grays: Sequence[NDArray[np.uint8]], bare_ones: Sequence[bool]
    ) -> list[tuple[tuple[Digit, ...], int]]:
        self.batches.append(len(grays))
        self.bare_ones.extend(bare_ones)
        boxes = [(0.0, 0.0, float(gray.shape[1]), float(gray.shape[0])) for gray in grays]
        return [((Digit(box, LOG_P),) * self.count, 3) for box in boxes]


def read_batch(fake: FakeRecognizer, frames: Sequence[GrayFrame]) -> list[Reading]:
    return inference.read_batch(cast(FrameRecognizer, fake), frames)


def gray_frame(camera: str, width: int, height: int) -> GrayFrame:
    """A frame scaled down to a width of 64."""
    rows = 64 * height // width
    return GrayFrame(
        camera=camera,
        seq=1,
        captured_at=1.5,
        width=width,
        height=height,
        rows=rows,
        columns=64,
        pixels=b"\xff" * (rows * 64),
    )


def test_frames_of_many_cameras_are_read_in_one_batch() -> None:
    fake = FakeRecognizer()
    readings = read_batch(fake, [gray_frame("a", 64, 48), gray_frame("b", 1920, 1080)])
    assert fake.batches == [2]
    assert [(r.camera, r.seq, r.captured_at, r.width, r.height) for r in readings] == [
        ("a", 1, 1.5, 64, 48),
        ("b", 1, 1.5, 1920, 1080),
    ]


def test_where_a_bare_stroke_is_a_one_the_frame_says_so() -> None:
    fake, frame = FakeRecognizer(), gray_frame("draw", 64, 48)
    read_batch(fake, [frame, replace(frame, bare_ones=True)])
    assert fake.bare_ones == [False, True]


def test_boxes_are_in_pixels_of_the_picture() -> None:
    (reading,) = read_batch(FakeRecognizer(), [gray_frame("b", 1920, 1080)])
    assert reading.digits[0].box == pytest.approx((0, 0, 1920, 1080))


def test_reading_holds_no_more_digits_than_a_message_may() -> None:
    (reading,) = read_batch(FakeRecognizer(MAX_DIGITS + 5), [gray_frame("a", 64, 48)])
    assert len(reading.digits) == MAX_DIGITS


def test_rejected_candidates_are_counted_by_camera() -> None:
    rejects = partial(REGISTRY.get_sample_value, "digitcam_rejects_total", {"camera": "rejecting"})
    read_batch(FakeRecognizer(), [gray_frame("rejecting", 64, 48)] * 2)
    assert rejects() == 6


class FakeClock:
    """A clock that only reading advances: by frame_s a frame, and by extra_s in the first runs."""

    def __init__(self, frame_s: float, extra_s: Sequence[float] = ()) -> None:
        self.now, self.frame_s, self.extra_s = 0.0, frame_s, list(extra_s)
        self.sizes: list[int] = []

    def run(self, size: int) -> None:
        self.sizes.append(size)
        self.now += size * self.frame_s + (self.extra_s.pop(0) if self.extra_s else 0.0)

    def measure(self, budget_s: float) -> int:
        return inference.measure_batch_size(self.run, budget_s, lambda: self.now)


@pytest.mark.parametrize(
    ("frame_s", "size"), [(0.1, 1), (0.019, 1), (0.018, 2), (0.007, 4), (0.001, 32), (1e-6, inference.MAX_BATCH_SIZE)]
)
def test_batch_is_the_largest_that_is_read_within_the_budget(frame_s: float, size: int) -> None:
    assert FakeClock(frame_s).measure(0.0375) == size


def test_first_run_of_a_size_may_be_slow() -> None:
    assert FakeClock(0.007, extra_s=[0.03, 0.0, 0.02, 0.0]).measure(0.0375) == 4


@pytest.mark.parametrize("frame_s", [0.001, 0.007, 0.03])
@pytest.mark.parametrize("budget_s", [0.0375, 15.0])
def test_measuring_takes_its_time_and_one_batch_at_most(frame_s: float, budget_s: float) -> None:
    clock = FakeClock(frame_s)
    clock.measure(budget_s)
    assert clock.now <= inference.MEASURE_S + clock.sizes[-1] * frame_s


@pytest.mark.parametrize(
    ("word", "size", "runs"), [("7", 7, [1]), ("auto", inference.MAX_BATCH_SIZE, [1, 2, 4, 8, 16, 32, 64, 128])]
)
def test_batch_size_from_the_settings_is_not_measured(
    word: str, size: int, runs: list[int], make_settings: MakeSettings
) -> None:
    tried: list[int] = []
    assert inference.choose_batch_size(make_settings(MAX_BATCH=word), tried.append, lambda: 0.0) == size
    assert tried == runs
    assert REGISTRY.get_sample_value("digitcam_max_batch") == size


def test_shipped_networks_read_the_sample_frame() -> None:
    (digits,) = load_recognizer(MODELS).read([inference.draw_sample_frame(480)])
    assert sorted(digit.digit for digit in digits) == [2, 3, 7]


def test_networks_on_a_gpu_are_fused_and_take_over_what_is_learned(make_settings: MakeSettings) -> None:
    """Without a GPU, the networks run on the CPU and only claim to be elsewhere."""
    settings, sample = make_settings(BACKEND="torch", DEVICE="cpu", MODELS=MODELS), inference.draw_sample_frame(240)
    clock = iter(range(0, 1000, 2))
    reloading = ReloadingRecognizer(settings, lambda: next(clock))
    plain, _ = inference.choose_recognizer(reloading, sample)
    assert isinstance(plain(), FrameRecognizer)
    for network in (reloading.current().detector, reloading.current().classifier):
        network.device = "cuda"
    current, _ = inference.choose_recognizer(reloading, sample)
    fused = current()
    assert isinstance(fused, FusedRecognizer)
    ((digits, _),) = fused.read_and_count([sample])
    assert sorted(digit.digit for digit in digits) == [2, 3, 7]
    learned = find_learned_weights(settings)
    checkpoint = torch.load(MODELS / "classifier.pt", weights_only=True)
    bias = checkpoint["state"]["layers.9.bias"]
    bias[7] -= 3 * bias.abs().max() + 30  # no digit is a 7
    learned.parent.mkdir(parents=True)
    torch.save(checkpoint, learned.with_suffix(".pt"))
    put(learned, other_weights("learned"))
    assert current() is fused
    assert reloading.is_learned
    ((digits, _),) = current().read_and_count([sample])
    assert 7 not in {digit.digit for digit in digits}


def test_gray_frames_in_shared_memory_are_read_there_and_those_that_are_gone_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    store = make_store()
    ring = FrameRing(store.name, 64, next_seq=0)
    store.adopt_ring("a", ring.name)
    frames = [replace(gray_frame("a", 64, 48), seq=seq, pixels=b"", ticket=ring.put_jpeg(b"jpeg")) for seq in range(3)]
    before, during, there = [frame.ticket for frame in frames if frame.ticket]
    store.free(before)
    ring.put_jpeg(b"other")  # in the slot of the first

    class Overwritten(FakeRecognizer):
        def read_and_count(
            self, grays: Sequence[NDArray[np.uint8]], bare_ones: Sequence[bool]
        ) -> list[tuple[tuple[Digit, ...], int]]:
            store.free(during)
            ring.put_jpeg(b"other")  # in the slot of the second, while it is read
            return super().read_and_count(grays, bare_ones)

    large = replace(frames[2], seq=3, rows=480, columns=640)  # more than a slot holds
    answers = inference.answer_batch(cast(FrameRecognizer, Overwritten()), [*frames, large], store)
    assert [type(answer) for answer in answers] == [Refusal, Refusal, Reading, Refusal]
    assert [answer.seq for answer in answers] == [0, 1, 2, 3]
    assert store.holds(there)
