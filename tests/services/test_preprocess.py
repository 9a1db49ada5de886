"""A frame becomes a grey page of bounded size, or a refusal with a reason."""

import cv2
import numpy as np
import pytest

from services.preprocess import preprocess_frame
from shared.messaging.messages import Frame, GrayFrame, Refusal, Unchanged
from shared.pipeline import DropReason, Gate


def jpeg(height: int, width: int, grey: int = 200) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), grey, np.uint8))[1].tobytes()


def frame(data: bytes) -> Frame:
    return Frame("cam", 7, 1.5, False, data)


@pytest.mark.parametrize(
    ("height", "width", "rows"),
    [(480, 640, 480), (1080, 1920, 360), (3000, 4000, 480), (1280, 720, 640), (1, 1, 1), (1, 5000, 1), (30, 20, 30)],
)
def test_page_is_the_picture_at_the_readers_size(height: int, width: int, rows: int) -> None:
    page = preprocess_frame(frame(jpeg(height, width)), 640)
    assert isinstance(page, GrayFrame)
    assert (page.camera, page.seq, page.captured_at, page.width, page.height) == ("cam", 7, 1.5, width, height)
    assert page.rows == rows
    assert len(page.pixels) == rows * max(1, round(width * min(1, 640 / max(height, width))))
    assert abs(int(np.frombuffer(page.pixels, np.uint8).mean()) - 200) <= 2


def asked(data: bytes, gate: Gate, sketch: bytes) -> GrayFrame | Unchanged:
    said = preprocess_frame(Frame("cam", 7, 1.5, False, data, gate, sketch), 480)
    assert isinstance(said, GrayFrame | Unchanged)
    return said


def sketch_of(data: bytes) -> bytes:
    said = asked(data, Gate.COMPARE, b"")
    assert isinstance(said, GrayFrame)
    return said.sketch


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920), (600, 800), (601, 803), (20, 30)])
def test_page_that_is_the_same_may_be_skipped(height: int, width: int) -> None:
    data = jpeg(height, width)
    sketch = sketch_of(data)
    assert sketch
    assert asked(data, Gate.SKIP, sketch) == Unchanged("cam", 7)
    same = asked(data, Gate.COMPARE, sketch)
    assert isinstance(same, GrayFrame)
    assert same.pixels
    assert not same.sketch


def test_page_that_has_changed_is_made_with_its_sketch() -> None:
    before, after = jpeg(480, 640, 200), jpeg(480, 640, 120)
    changed = asked(after, Gate.SKIP, sketch_of(before))
    assert isinstance(changed, GrayFrame)
    assert changed.sketch == sketch_of(after)


def test_frame_that_is_to_be_read_costs_no_comparison() -> None:
    page = asked(jpeg(480, 640), Gate.OPEN, b"")
    assert isinstance(page, GrayFrame)
    assert not page.sketch


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"no picture", jpeg(48, 64)[:100], b"\x89PNG\r\n"])
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    for sent in (frame(data), Frame("cam", 7, 1.5, False, data, Gate.SKIP, b"sketch")):
        assert preprocess_frame(sent, 640) == Refusal("cam", 7, DropReason.MALFORMED)


def test_jpeg_that_is_cut_off_is_refused_or_read_as_far_as_it_goes() -> None:
    data = jpeg(480, 640)
    assert isinstance(preprocess_frame(frame(data[: len(data) // 2]), 640), GrayFrame | Refusal)


def test_jpeg_that_claims_gigapixels_is_refused_before_it_is_decoded() -> None:
    data = bytearray(jpeg(48, 64))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xf0\x00\xf0\x00"
    assert preprocess_frame(frame(bytes(data)), 640) == Refusal("cam", 7, DropReason.TOO_LARGE)
