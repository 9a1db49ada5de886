"""Checks a browser's JPEG before it enters the pipeline, by its header only: no pixel is decoded."""

from shared.vision.jpeg import read_header

MIN_PX, MAX_PX = 16, 1920  # of either side; gray frames have 480 on the long side, so more would be wasted


def check_browser_jpeg(jpeg: bytes) -> None:
    """Raise ValueError, with a sentence, unless a browser's canvas could have made this: baseline, in one scan."""
    try:
        header = read_header(jpeg)
    except ValueError as error:
        raise ValueError("not a JPEG") from error
    height, width = header.height, header.width
    if not MIN_PX <= min(height, width) <= max(height, width) <= MAX_PX:
        raise ValueError(f"a picture of {width} x {height}; each side must have {MIN_PX} to {MAX_PX} pixels")
    if header.has_scans:
        raise ValueError("only baseline JPEGs are allowed")
