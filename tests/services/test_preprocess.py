"""A frame becomes a gray frame of bounded size, is skipped as unchanged, or is refused with a reason."""

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.preprocess import OTHERS_WITHIN_S, KeptFrames, SlowFrameLimiter, preprocess_frame
from shared.messaging import shared_memory
from shared.messaging.frame_store import FrameRing, QueueStore, make_store
from shared.messaging.messages import Followed, Frame, GrayFrame, Refusal, Unchanged
from shared.pipeline import DropReason, Gate
from tests.shared.vision.hostile_jpegs import add_scans
from tests.shared.vision.reading import digit_of


def jpeg(height: int, width: int, brightness: int = 200) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), brightness, np.uint8))[1].tobytes()


def frame(data: bytes, gate: Gate = Gate.OPEN, sketch: bytes = b"") -> Frame:
    return Frame(camera="cam", seq=7, captured_at=1.5, every_frame=False, jpeg=data, gate=gate, sketch=sketch)


@pytest.mark.parametrize(
    ("height", "width", "rows"),
    [(480, 640, 480), (1080, 1920, 360), (3000, 4000, 480), (1280, 720, 640), (1, 1, 1), (1, 5000, 1), (30, 20, 30)],
)
def test_gray_frame_is_the_picture_scaled_down_to_the_long_side(height: int, width: int, rows: int) -> None:
    gray = preprocess_frame(frame(jpeg(height, width)), 640)
    assert isinstance(gray, GrayFrame)
    assert (gray.camera, gray.seq, gray.captured_at, gray.width, gray.height) == ("cam", 7, 1.5, width, height)
    assert gray.rows == rows
    assert len(gray.pixels) == rows * max(1, round(width * min(1, 640 / max(height, width))))
    assert abs(int(np.frombuffer(gray.pixels, np.uint8).mean()) - 200) <= 2


def test_gray_frame_says_whether_a_bare_stroke_is_a_one() -> None:
    for bare_ones in (False, True):
        gray = preprocess_frame(replace(frame(jpeg(48, 64)), bare_ones=bare_ones), 640)
        assert isinstance(gray, GrayFrame)
        assert gray.bare_ones == bare_ones


def preprocess(data: bytes, gate: Gate, sketch: bytes) -> GrayFrame | Unchanged:
    message = preprocess_frame(frame(data, gate, sketch), 480)
    assert isinstance(message, GrayFrame | Unchanged)
    return message


def sketch_of(data: bytes) -> bytes:
    message = preprocess(data, Gate.COMPARE, b"")
    assert isinstance(message, GrayFrame)
    return message.sketch


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920), (600, 800), (601, 803), (20, 30)])
def test_unchanged_frame_is_skipped_only_if_the_gate_says_so(height: int, width: int) -> None:
    data = jpeg(height, width)
    sketch = sketch_of(data)
    assert sketch
    assert preprocess(data, Gate.SKIP, sketch) == Unchanged("cam", 7)
    compared = preprocess(data, Gate.COMPARE, sketch)
    assert isinstance(compared, GrayFrame)
    assert compared.pixels
    assert not compared.sketch


def test_changed_frame_comes_with_its_new_sketch() -> None:
    before, after = jpeg(480, 640, 200), jpeg(480, 640, 120)
    changed = preprocess(after, Gate.SKIP, sketch_of(before))
    assert isinstance(changed, GrayFrame)
    assert changed.sketch == sketch_of(after)


def test_open_gate_compares_nothing() -> None:
    gray = preprocess(jpeg(480, 640), Gate.OPEN, b"")
    assert isinstance(gray, GrayFrame)
    assert not gray.sketch


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"no picture", jpeg(48, 64)[:100], b"\x89PNG\r\n"])
def test_bytes_that_are_not_a_jpeg_are_refused(data: bytes) -> None:
    assert preprocess_frame(frame(data), 640) == Refusal("cam", 7, DropReason.MALFORMED)
    assert preprocess_frame(frame(data, Gate.SKIP, b"sketch"), 640) == Refusal("cam", 7, DropReason.MALFORMED)


def test_truncated_jpeg_is_refused_or_decoded_as_far_as_it_goes() -> None:
    data = jpeg(480, 640)
    assert isinstance(preprocess_frame(frame(data[: len(data) // 2]), 640), GrayFrame | Refusal)


def test_jpeg_that_claims_gigapixels_is_refused_before_it_is_decoded() -> None:
    data = bytearray(jpeg(48, 64))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xf0\x00\xf0\x00"
    assert preprocess_frame(frame(bytes(data)), 640) == Refusal("cam", 7, DropReason.TOO_LARGE)


@pytest.mark.parametrize("gate", [Gate.OPEN, Gate.SKIP])
@pytest.mark.parametrize("every_frame", [True, False])
def test_jpeg_with_thousands_of_scans_is_refused_before_it_is_decoded(gate: Gate, every_frame: bool) -> None:
    bomb = replace(frame(add_scans(3000), gate, b"sketch"), every_frame=every_frame)
    began_at = time.thread_time()
    assert preprocess_frame(bomb, 480) == Refusal("cam", 7, DropReason.TOO_COSTLY)
    assert time.thread_time() - began_at < 0.05  # decoding took 10 s


def test_slow_pictures_cost_a_fast_camera_a_twentieth_of_its_frames_at_most() -> None:
    """A fast camera at 30 frames/s beside one that always has a picture of 0.1 s: one frame waits, others are lost."""
    now, due_at, lost = 0.0, 0.0, 0
    limiter = SlowFrameLimiter(lambda: now)
    while now < 100:
        while due_at <= now:
            due_at += 1 / 30
            lost += due_at <= now  # the next one replaces it
        assert limiter.admit(0.001)
        now += 0.1 if limiter.admit(0.1) else 0.001
    assert lost <= 3000 / 20
    assert limiter.admit(0.001)


def test_slow_cameras_that_are_alone_are_not_limited() -> None:
    limiter = SlowFrameLimiter(lambda: 5.0)
    assert all(limiter.admit(0.09) for _ in range(100))


def test_slow_pictures_are_decoded_again_when_the_fast_camera_has_left() -> None:
    now = 0.0
    limiter = SlowFrameLimiter(lambda: now)
    assert limiter.admit(0.001)
    assert limiter.admit(0.09)
    assert not limiter.admit(0.09)
    now = OTHERS_WITHIN_S + 0.001
    assert limiter.admit(0.09)


def test_slow_picture_of_a_file_that_is_read_completely_is_never_refused() -> None:
    answer = preprocess_frame(replace(frame(jpeg(480, 640)), every_frame=True), 480, lambda _: False)
    assert isinstance(answer, GrayFrame)
    assert preprocess_frame(frame(jpeg(480, 640)), 480, lambda _: False) == Refusal("cam", 7, DropReason.TOO_COSTLY)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> QueueStore:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    return make_store()


@pytest.mark.parametrize("is_small", [True, False])
def test_gray_frame_of_a_frame_in_shared_memory_is_written_beside_it(store: QueueStore, is_small: bool) -> None:
    ring = FrameRing(store.name, 640 if is_small else 64, next_seq=0)
    store.adopt_ring("cam", ring.name)
    data = jpeg(480, 640)
    given = replace(frame(b""), ticket=ring.put_jpeg(data))
    assert given.ticket
    gray, inline = preprocess_frame(given, 640, store=store), preprocess_frame(frame(data), 640)
    assert isinstance(gray, GrayFrame)
    assert isinstance(inline, GrayFrame)
    if is_small:
        assert (gray.ticket, gray.pixels) == (given.ticket, b"")
        assert store.read_gray(given.ticket, gray.rows, gray.columns) == inline.pixels
    else:  # it does not fit the slot
        assert gray == inline


def test_frame_whose_slot_holds_another_is_refused_as_replaced(store: QueueStore) -> None:
    ring = FrameRing(store.name, 64, next_seq=0)
    store.adopt_ring("cam", ring.name)
    given = replace(frame(b""), ticket=ring.put_jpeg(jpeg(48, 64)))
    assert given.ticket
    store.free(given.ticket)
    ring.put_jpeg(jpeg(48, 64, 7))
    assert preprocess_frame(given, 640, store=store) == Refusal("cam", 7, DropReason.REPLACED)


SEVEN = digit_of(7, (200, 150, 100, 200))  # as draw_seven() draws it


def draw_seven(scale: float = 1.0, right: float = 0.0) -> bytes:
    """Return a JPEG of 640 x 480, times scale, with a 7 that was moved to the right."""
    big = np.full((960, 1280), 210, np.uint8)
    points = np.array(((420 + 2 * right, 320), (580 + 2 * right, 320), (480 + 2 * right, 680)))
    cv2.polylines(big, [points.astype(np.int32)], False, 40, 24, cv2.LINE_AA)
    picture = cv2.resize(big, (round(640 * scale), round(480 * scale)), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", picture)[1].tobytes()


def follow(
    data: bytes, kept: KeptFrames, scale: float = 1.0, read_seq: int = 7
) -> GrayFrame | Followed | Unchanged | Refusal:
    boxes = (SEVEN.scaled(scale).box,)
    asked = replace(frame(data, Gate.FOLLOW), seq=8, captured_at=1.53, read_seq=read_seq, boxes=boxes)
    return preprocess_frame(asked, 480, kept=kept)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, 3.0])
def test_followed_frame_tells_the_moves_in_pixels_of_its_picture(scale: float) -> None:
    kept = KeptFrames()
    assert isinstance(preprocess_frame(frame(draw_seven(scale)), 480, kept=kept), GrayFrame)
    answer = follow(draw_seven(scale, right=7), kept, scale)
    assert isinstance(answer, Followed)
    assert (answer.camera, answer.seq) == ("cam", 8)
    assert answer.moves[0] == pytest.approx((7 * scale, 0), abs=scale)


def test_frame_whose_digit_has_gone_is_sent_to_be_read() -> None:
    kept = KeptFrames()
    preprocess_frame(frame(draw_seven()), 480, kept=kept)
    answer = follow(jpeg(480, 640, 210), kept)
    assert isinstance(answer, GrayFrame)
    assert answer.pixels


@pytest.mark.parametrize("case", ["of another number", "of another size", "of a file", "not kept", "too old"])
def test_frame_is_not_followed_from_one_that_is_not_here(case: str) -> None:
    kept = KeptFrames()
    earlier = replace(frame(draw_seven(2.0 if case == "of another size" else 1.0)), every_frame=case == "of a file")
    preprocess_frame(earlier, 480, kept=None if case == "not kept" else kept)
    if case == "too old":
        preprocess_frame(replace(frame(draw_seven()), camera="other", captured_at=9.0), 480, kept=kept)
    assert isinstance(follow(draw_seven(), kept, read_seq=6 if case == "of another number" else 7), GrayFrame)


def test_frame_is_not_followed_where_the_setting_is_off() -> None:
    asked = replace(frame(draw_seven(), Gate.FOLLOW), read_seq=6, boxes=(SEVEN.box,))
    assert isinstance(preprocess_frame(asked, 480), GrayFrame)


def test_broken_jpeg_that_should_be_followed_is_refused() -> None:
    kept = KeptFrames()
    preprocess_frame(frame(draw_seven()), 480, kept=kept)
    assert follow(b"no picture", kept) == Refusal("cam", 8, DropReason.MALFORMED)
