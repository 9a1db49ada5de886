"""Checks a browser's JPEG before it enters the pipeline, by its header only: no pixel is decoded."""

import simplejpeg

MIN_PX, MAX_PX = 16, 1920  # of either side; gray frames have 480 on the long side, so more would be wasted
BASELINE = (0xC0, 0xC1)
NO_LENGTH = (0x01, *range(0xD0, 0xD9))  # markers that stand alone


def check_jpeg(jpeg: bytes) -> None:
    """Raise ValueError, with a sentence, unless this is a baseline JPEG of a plausible size.

    A progressive JPEG may hold thousands of scans in a few kilobytes, each as costly to decode as a picture. No
    browser's canvas makes them.
    """
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError as error:
        raise ValueError("not a JPEG") from error
    if not MIN_PX <= min(height, width) <= max(height, width) <= MAX_PX:
        raise ValueError(f"a picture of {width} x {height}; each side must have {MIN_PX} to {MAX_PX} pixels")
    if find_frame_marker(jpeg) not in BASELINE:
        raise ValueError("only baseline JPEGs are allowed")


def find_frame_marker(jpeg: bytes) -> int:
    """Return the marker of a JPEG's first frame (SOF, ITU-T T.81 table B.1), which names its coding; 0 without one."""
    at = 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # DHT, JPG and DAC start no frame
            return marker
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        at += 1 if marker == 0xFF else 2 if marker in NO_LENGTH else 2 + length
    return 0
