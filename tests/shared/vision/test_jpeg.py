"""A JPEG's cost is known before it is decoded, whatever is in it, and what cameras send is let through."""

import time
from contextlib import suppress

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from shared.vision.jpeg import MAX_DECODE_S, TooCostlyError, TooLargeError, check_jpeg, check_scans, read_header
from tests.shared.vision.hostile_jpegs import add_scans, encode, flood, split_scans

FLOOD_BYTES = 12_000_000
FLOODS = {
    "comments": b"\xff\xfe\x00\x02",
    "restart intervals": b"\xff\xdd\x00\x04\x00\x01",
    "restart markers": b"\xff\xd0",
    "fill bytes": b"\xff",
    "colour profiles": b"\xff\xe2\x00\x10ICC_PROFILE\0\1\1",
    "scans without components": b"\xff\xda\x00\x02",
}


def soft_noise(height: int, width: int) -> "np.typing.NDArray[np.uint8]":
    """Return a picture with as much detail as a photo."""
    small = np.random.default_rng(1).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (480, 640), (1080, 1920), (2160, 3840), (3000, 4000)])
@pytest.mark.parametrize("sampling", [cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])
def test_picture_of_a_camera_is_let_through(height: int, width: int, sampling: int) -> None:
    picture = soft_noise(max(8, height), max(8, width))[:height, :width]
    jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling])[1].tobytes()
    header = check_jpeg(jpeg)
    assert (header.height, header.width, header.has_scans) == (height, width, False)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920)])
def test_progressive_picture_is_let_through(height: int, width: int) -> None:
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    header = check_jpeg(cv2.imencode(".jpg", soft_noise(height, width), options)[1].tobytes())
    assert header.has_scans


@pytest.mark.parametrize(
    "jpeg",
    [add_scans(20), add_scans(3000), add_scans(60_000, 16, 16), split_scans(10), split_scans(40_000, 16, 16)],
    ids=["progressive", "thousands of scans", "of few pixels", "baseline", "baseline of few pixels"],
)
def test_picture_of_many_scans_is_too_costly(jpeg: bytes) -> None:
    with pytest.raises(TooCostlyError):
        check_jpeg(jpeg)


def test_progressive_picture_that_takes_much_memory_is_too_costly() -> None:
    with pytest.raises(TooCostlyError):
        check_jpeg(encode(6000, 8000, cv2.IMWRITE_JPEG_PROGRESSIVE, 1))


def test_pixels_are_counted_before_they_are_decoded() -> None:
    data = bytearray(encode(48, 64))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xf0\x00\xf0\x00"
    with pytest.raises(TooLargeError):
        check_jpeg(bytes(data))


def test_head_that_was_seen_before_hides_nothing_behind_it() -> None:
    check_jpeg(add_scans(0, 480, 640))
    with pytest.raises(TooCostlyError):
        check_jpeg(add_scans(200, 480, 640))


@pytest.mark.parametrize("size_bytes", [100, 60_000])
def test_scan_of_a_thumbnail_is_not_the_pictures(size_bytes: int) -> None:
    thumbnail = encode(8, 8) + bytes(size_bytes)
    application = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    picture = encode(48, 64)
    for jpeg in (picture[:2] + application + picture[2:], picture):
        header = read_header(jpeg)
        assert (header.height, header.width) == (48, 64)


def test_components_with_one_name_cannot_hide_scans() -> None:
    """libjpeg renames them: the first scan would seem to have all components, and the others not to matter."""
    with pytest.raises(ValueError, match="broken start of frame"):
        check_jpeg(split_scans(1000, names=b"\1\1\1"))


@pytest.mark.parametrize("before_scan", [True, False])
@pytest.mark.parametrize("kind", FLOODS)
def test_check_takes_no_time_whatever_is_in_the_jpeg(kind: str, before_scan: bool) -> None:
    jpeg = flood(FLOODS[kind], FLOOD_BYTES, before_scan=before_scan)
    began_at = time.thread_time()
    with pytest.raises(ValueError):  # noqa: PT011 - too costly or not a camera's: both are right
        check_jpeg(jpeg)
    assert time.thread_time() - began_at < MAX_DECODE_S / 2


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA])
def test_kind_of_jpeg_that_no_camera_sends_is_refused(marker: int) -> None:
    """Lossless and arithmetic coding: libjpeg can decode them, at another cost."""
    with pytest.raises(ValueError, match="not a JPEG as cameras send it"):
        check_jpeg(encode(48, 64).replace(b"\xff\xc0", bytes((0xFF, marker)), 1))


@pytest.mark.parametrize(
    "jpeg",
    [encode(2400, 3200), add_scans(0), add_scans(8, 480, 640), split_scans(1), split_scans(30, 160, 160)],
    ids=["baseline", "progressive", "more scans", "baseline in scans", "many small scans"],
)
def test_estimate_is_an_upper_bound(jpeg: bytes) -> None:
    def decode() -> float:
        began_at = time.thread_time()
        with suppress(ValueError):  # libjpeg decodes all of it, and then complains
            simplejpeg.decode_jpeg(jpeg, "GRAY", min_height=480, min_width=640, min_factor=2)
        return time.thread_time() - began_at

    took_s = min(decode() for _ in range(3))
    assert took_s < 2 * read_header(jpeg).decode_s + 0.001  # twice: this machine may be slower than the one measured on


def test_photo_of_any_size_has_a_bounded_number_of_scans() -> None:
    check_scans(encode(480, 640, cv2.IMWRITE_JPEG_PROGRESSIVE, 1) + b"a film that a phone appends \xff\xda" * 200)
    with pytest.raises(ValueError, match="more than 100 scans"):
        check_scans(add_scans(200, 480, 640))
    with pytest.raises(ValueError, match="more than 100 scans"):
        check_scans(flood(FLOODS["comments"], 100_000, before_scan=True))


@given(st.binary(max_size=400), st.integers(0, 3), st.integers(0, 255))
def test_check_raises_only_value_errors(tail: bytes, cut: int, changed: int) -> None:
    jpeg = encode(48, 64)
    damaged = bytearray(jpeg)
    damaged[damaged.index(b"\xff\xc0") + 2 + cut * 3] = changed
    for data in (bytes(damaged), jpeg[: 30 * cut] + tail, jpeg[: jpeg.index(b"\xff\xc0") + 2] + tail):
        try:
            check_jpeg(data)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - either is right; only another exception is not
