"""ImageSplitter finds each image in a stream, whatever frames it and however the bytes arrive."""

import random
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import simplejpeg

from services.capture.image_splitter import ImageSplitter

Frame = Callable[[bytes], bytes]


def make_image(seed: int, suffix: str = ".jpg", *options: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8)
    return bytes(cv2.imencode(suffix, pixels, options)[1].tobytes())


def with_thumbnail(jpeg: bytes, thumbnail: bytes) -> bytes:
    exif = b"Exif\0\0" + thumbnail
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + jpeg[2:]


JPEGS = [make_image(seed) for seed in range(5)]
IMAGES = {
    "JPEGs": JPEGS,
    "progressive JPEGs": [make_image(seed, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1) for seed in range(5)],
    "JPEGs with restart markers": [make_image(seed, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1) for seed in range(5)],
    "JPEGs with a JPEG inside": [with_thumbnail(jpeg, make_image(9)) for jpeg in JPEGS],
    "PNGs": [make_image(seed, ".png") for seed in range(5)],
}
FRAMES: dict[str, Frame] = {
    "nothing": lambda image: image,
    "text": lambda image: b"\r\nxx \x00\xff\r\n" + image + b"\r\n",
    "parts": lambda image: b"--a\r\nContent-Type: x\r\nContent-Length: %d\r\n\r\n" % len(image) + image + b"\r\n",
    "a length that is too large": lambda image: b"--a\r\nContent-Length: %d\r\n\r\n" % (len(image) + 500) + image,
    "a length that is too small": lambda image: b"--a\r\nContent-Length: %d\r\n\r\n" % (len(image) - 500) + image,
    "a length of 0": lambda image: b"--a\ncontent-length: 0\n\n" + image,
}


def split(stream: bytes, size: int) -> list[bytes]:
    splitter = ImageSplitter()
    return [image for at in range(0, len(stream), size) for image in splitter.feed(stream[at : at + size])]


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("size", [7, 1000, 10**6])
def test_each_image_is_found_in_any_framing(kind: str, frame: str, size: int) -> None:
    assert split(b"".join(map(FRAMES[frame], IMAGES[kind])), size) == IMAGES[kind]


@pytest.mark.parametrize("size", [7, 10**6])
@pytest.mark.parametrize("kind", ["JPEGs", "progressive JPEGs"])
@pytest.mark.parametrize(
    "head", ["", "\r\n--a\r\n\r\n", "\r\n--a\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"]
)
def test_jpeg_without_its_end_marker_is_found_without_what_follows(kind: str, head: str, size: int) -> None:
    cut = [jpeg[:-2] for jpeg in IMAGES[kind]]
    stream = b"".join(head.format(len(jpeg)).encode() + jpeg for jpeg in cut)
    assert split(stream + JPEGS[0], size)[: len(cut)] == cut


def test_jpeg_without_its_end_marker_is_returned_when_its_part_ends() -> None:
    jpeg = JPEGS[0][:-2]
    stream = b"--a\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n--"
    assert split(stream, 100) == [jpeg]


def test_image_is_returned_with_its_last_byte() -> None:
    splitter = ImageSplitter()
    assert list(splitter.feed(JPEGS[0][:-1])) == []
    assert list(splitter.feed(JPEGS[0][-1:])) == [JPEGS[0]]


def test_jpeg_that_is_cut_off_is_returned_and_the_next_one_is_whole() -> None:
    cut, *whole = split(JPEGS[0][:900] + b"\r\n--a\r\n\r\n" + JPEGS[1] + JPEGS[2], 100)
    assert whole == JPEGS[1:3]
    with pytest.raises(ValueError, match="JPEG"):
        simplejpeg.decode_jpeg(cut)


def test_broken_jpegs_do_not_harm_those_that_follow() -> None:
    noise = random.Random(1)
    for _ in range(200):
        broken = bytearray(JPEGS[0])
        at = noise.randrange(2, len(broken) - 400)
        broken[at : at + 400] = noise.randbytes(400)
        stream = FRAMES["parts"](bytes(broken)) + b"".join(map(FRAMES["parts"], JPEGS)) * 3
        assert split(stream, 1000)[-len(JPEGS) :] == JPEGS


def test_image_without_end_is_skipped_and_takes_no_more_memory_than_the_limit() -> None:
    splitter = ImageSplitter(limit_bytes=10_000)
    for _ in range(100):
        assert list(splitter.feed(JPEGS[0][:500] + bytes(1000))) is not None
        assert len(splitter._buffer) <= 12_000
    assert list(splitter.feed(JPEGS[1] + JPEGS[2]))[-2:] == JPEGS[1:3]
