"""Checks a JPEG before it is decoded: how large it is, and how long decoding would take.

A few kilobytes can name four gigapixels, or hold thousands of scans that each cost as much as a picture. Only JPEGs as
cameras and programs write them are let through: Huffman coding, sequential or progressive.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import simplejpeg
from numpy.typing import NDArray

MAX_PIXELS = 50_000_000  # a 50-megapixel phone; 150 MB in colour
MAX_DECODE_S = 0.1  # of one core; a 12-megapixel picture takes 0.04
# measured with libjpeg-turbo 3 on the costliest pictures that were found: noise, 50 flat megapixels, floods of markers
SEQUENTIAL_S = 20e-9, 10e-9  # for a block of 8 x 8 samples, for a byte
SCANS_S = 55e-9, 25e-9  # the same if the picture comes in several scans: for a block in each of them, for a byte
MAX_SCANS = 100  # programs make about ten
MAX_SEGMENTS = 1000  # before the first scan, and after it; a colour profile may have 255
MAX_COEFFICIENT_BLOCKS = 500_000  # 64 MB: a picture in several scans is kept as coefficients until it is complete
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2  # start of frame, SOF (ITU-T T.81, table B.1)
OTHER_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG and DAC start no frame
NO_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))  # markers that stand alone
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
FIRST_SCAN, SCAN_HEADER_BYTES = b"\xff\xda", 14  # with four components
RECALLED_BYTES = 2048  # a webcam's head has 600; with an EXIF block it may be longer
MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # after FF, 00 and D0 to D7 belong to the pixels


class TooLargeError(ValueError):
    """A JPEG with more than MAX_PIXELS."""


class TooCostlyError(ValueError):
    """A JPEG that would take longer than MAX_DECODE_S to decode."""


@dataclass(frozen=True, slots=True)
class JpegHead:
    """What precedes the first scan of a JPEG."""

    height: int
    width: int
    blocks: Mapping[int, int]  # of 8 x 8 samples, by component
    has_scans: bool
    first_scan_at: int


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What is known of a JPEG before it is decoded."""

    height: int
    width: int
    has_scans: bool  # several, each of which goes through all blocks of its components
    decode_s: float  # how long decoding takes at most on one core; infinity if it would also take much memory


def check_jpeg(jpeg: bytes) -> JpegHeader:
    """Return the header. Raises TooLargeError, TooCostlyError, or ValueError for what is not a camera's JPEG."""
    header = read_header(jpeg)
    if header.height * header.width > MAX_PIXELS:
        raise TooLargeError(f"{header.width} x {header.height} pixels")
    if header.decode_s > MAX_DECODE_S:
        raise TooCostlyError(f"{header.width} x {header.height} pixels in {len(jpeg) // 1000} kB")
    return header


def decode_checked(jpeg: bytes, colorspace: str) -> NDArray[np.uint8]:
    """Return the picture (H x W x channels) in the colorspace "BGR" or "GRAY". Raises ValueError as check_jpeg()."""
    check_jpeg(jpeg)
    return np.asarray(simplejpeg.decode_jpeg(jpeg, colorspace), np.uint8)


def check_scans(jpeg: bytes) -> None:
    """Raise ValueError, in one sentence, if a JPEG of any size has more scans than programs make."""
    if len(find_scans(jpeg, 2)) > MAX_SCANS:
        raise ValueError(f"this picture comes in more than {MAX_SCANS} scans: save it again as an ordinary JPEG")


def read_header(jpeg: bytes) -> JpegHeader:
    """Return the header of a JPEG. Raises ValueError."""
    try:
        head = recall_head(jpeg[: jpeg.find(FIRST_SCAN, 0, RECALLED_BYTES) + SCAN_HEADER_BYTES])
    except ValueError:
        head = parse_head(jpeg)
    if head.has_scans:
        decode_s = estimate_scans_s(jpeg, head.blocks, head.first_scan_at)
    else:
        decode_s = SEQUENTIAL_S[0] * sum(head.blocks.values()) + SEQUENTIAL_S[1] * len(jpeg)
    return JpegHeader(head.height, head.width, head.has_scans, decode_s)


def parse_head(jpeg: bytes) -> JpegHead:
    """Return what precedes the first scan of a JPEG, which may be cut off after that scan's header. Raises ValueError.

    It reads nothing behind that header, so JPEGs that are equal up to there have the same head.
    """
    if not jpeg.startswith(b"\xff\xd8"):
        raise ValueError("not a JPEG")
    frame, at = None, 2
    for _ in range(MAX_SEGMENTS):
        if at + 4 > len(jpeg) or jpeg[at] != 0xFF:
            break
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker in SEQUENTIAL or marker == PROGRESSIVE:
            frame = marker, jpeg[at + 4 : at + 2 + length]
        elif marker == START_OF_SCAN and frame:
            return make_head(*frame, list_scan(jpeg, at), at)
        elif marker in OTHER_FRAMES or marker == END_OF_IMAGE:
            break
        at += 1 if marker == 0xFF else 2 if marker in NO_LENGTH else 2 + length
    raise ValueError("not a JPEG as cameras send it")


# a camera's JPEGs differ after their heads only: 3 us instead of 14
recall_head = lru_cache(maxsize=32)(parse_head)


def make_head(marker: int, segment: bytes, scan: bytes | None, first_scan_at: int) -> JpegHead:
    """Return the head, from the content of the start-of-frame segment and the first scan's. Raises ValueError."""
    height, width = (int.from_bytes(segment[at : at + 2], "big") for at in (1, 3))
    blocks = count_blocks(segment, height, width)
    if scan is None:
        raise ValueError("a broken start of scan")
    # after a scan of all components a sequential JPEG ends
    return JpegHead(height, width, blocks, marker == PROGRESSIVE or len(scan) != len(blocks), first_scan_at)


def count_blocks(segment: bytes, height: int, width: int) -> dict[int, int]:
    """Return how many blocks of 8 x 8 samples each component has, by its identifier. Raises ValueError."""
    components = [segment[at : at + 3] for at in range(6, len(segment), 3)]
    if not components or len(components) != segment[5] or len(components[-1]) != 3:
        raise ValueError("a broken start of frame")
    across, down = ({name: sampling >> shift & 15 for name, sampling, _ in components} for shift in (4, 0))
    if not (height and width and all(across.values()) and all(down.values())) or len(across) < len(components):
        raise ValueError("a broken start of frame")
    return {
        name: divide_up(width * across[name], 8 * max(across.values()))
        * divide_up(height * down[name], 8 * max(down.values()))
        for name in across
    }


def divide_up(dividend: int, divisor: int) -> int:
    """Return the quotient, rounded up."""
    return -(-dividend // divisor)


def estimate_scans_s(jpeg: bytes, blocks: Mapping[int, int], first_scan_at: int) -> float:
    """Return how long decoding a JPEG of several scans takes at most, in seconds."""
    size, bytes_s = sum(blocks.values()), SCANS_S[1] * len(jpeg)
    if size > MAX_COEFFICIENT_BLOCKS or bytes_s > MAX_DECODE_S:
        return math.inf
    scans = find_scans(jpeg, first_scan_at)
    if len(scans) > MAX_SCANS:
        return math.inf
    visits = sum(blocks.get(component, size) for at in scans for component in list_scan(jpeg, at) or b"")
    return bytes_s + SCANS_S[0] * visits


def find_scans(jpeg: bytes, first_scan_at: int) -> list[int]:
    """Return where scans start; more than MAX_SCANS if there are too many of them, or of other segments."""
    found: list[int] = []
    at = first_scan_at
    for _ in range(MAX_SEGMENTS):
        marker = MARKER.search(jpeg, at)
        if not marker or marker[1][0] == END_OF_IMAGE:
            return found
        at = marker.end()
        if marker[1][0] == START_OF_SCAN:
            found.append(marker.start())
        if marker[1][0] >= SEQUENTIAL[0]:  # libjpeg ignores the others, which stand alone
            at += int.from_bytes(jpeg[at : at + 2], "big")
    return [first_scan_at] * (MAX_SCANS + 1)


def list_scan(jpeg: bytes, at: int) -> bytes | None:
    """Return the identifiers of the components in the scan that starts here; None if its header is broken."""
    count = jpeg[at + 4] if at + 4 < len(jpeg) else 0
    names = jpeg[at + 5 : at + 5 + 2 * count : 2]
    return names if 0 < count == len(names) else None
