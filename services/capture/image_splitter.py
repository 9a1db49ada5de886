"""Finds the JPEGs and PNGs in the bytes of an HTTP camera, however it frames them.

Browsers show streams whose boundaries, types and lengths are wrong or missing, so only the images themselves count.
"""

import re
from collections.abc import Iterator

from shared.messaging.codec import MAX_PAYLOAD_BYTES

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
START = re.compile(re.escape(JPEG_START) + b"|" + re.escape(PNG_START))
LENGTH = re.compile(rb"content-length:\s*(\d{1,9})\s*\r?\n", re.IGNORECASE)
HEADER_BYTES = 4096  # kept of what precedes an image: its Content-Length may be there
PART_END = re.compile(rb"\r?\n--")
TRAILER = re.compile(
    rb"\r?\n--[^\r\n]{1,200}\r?\n(?:[!-~]+:[^\r\n]*\r?\n)*\r?\n$"
)  # boundary and headers of the next part
MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)  # FF 00 and FF D0 to FF D7 are part of the pixels
START_OF_IMAGE, END_OF_IMAGE, START_OF_SCAN = 0xD8, 0xD9, 0xDA


class ImageSplitter:
    """Takes the bytes of a stream as they come and returns each image when it is complete.

    A JPEG without its end marker is returned when its part ends or the next image starts. It may lack no more
    than that; if it is cut off, it will be counted as malformed.
    """

    def __init__(self, limit_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._is_in_image = False  # then the buffer starts with it
        self._announced = 0  # bytes of the image by its Content-Length: a hint
        self._scanned = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the images that these bytes complete; one larger than the limit is skipped."""
        self._buffer += data
        while self._is_in_image or self._find_start():
            find_end = self._find_png_end if self._buffer.startswith(PNG_START) else self._find_jpeg_end
            end = find_end()
            if end:
                image = bytes(self._buffer[:end])
                self._skip(end)
                yield image
            elif len(self._buffer) > self._limit_bytes:
                self._skip(len(JPEG_START))
            else:
                return

    def take_rest(self) -> bytes:
        """Return an image whose end has not come, when the stream has ended; b"" if there is none."""
        rest = bytes(self._buffer) if self._is_in_image else b""
        self._skip(len(rest))
        return rest

    def _skip(self, count: int) -> None:
        del self._buffer[:count]
        self._is_in_image, self._scanned = False, 0

    def _find_start(self) -> bool:
        start = START.search(self._buffer)
        if not start:
            del self._buffer[:-HEADER_BYTES]
            return False
        lengths = LENGTH.findall(self._buffer, max(0, start.start() - HEADER_BYTES), start.start())
        self._announced = int(lengths[-1]) if lengths else 0
        self._skip(start.start())
        self._is_in_image = True
        return True

    def _find_jpeg_end(self) -> int:
        """Return the length of the JPEG; 0 if it is not complete. A false marker in broken data is no segment."""
        buffer = self._buffer
        announced = self._announced
        if buffer[max(0, announced - 2) : announced] == JPEG_END or (announced and PART_END.match(buffer, announced)):
            return announced
        position = max(2, self._scanned)
        while marker := MARKER.search(buffer, position):
            self._scanned = marker.start()
            if marker[1][0] == END_OF_IMAGE:
                return marker.end()
            if marker[1][0] == START_OF_IMAGE:
                trailer = TRAILER.search(buffer, max(0, marker.start() - HEADER_BYTES), marker.start())
                return (trailer or marker).start()
            after = marker.end() + int.from_bytes(buffer[marker.end() : marker.end() + 2])
            if after >= len(buffer):  # the segment, or its length, is not complete
                return 0
            is_segment = buffer[after] == 0xFF if marker[1][0] != START_OF_SCAN else after - marker.end() <= 12
            position = after if is_segment else marker.end()
        self._scanned = max(position, len(buffer) - 1)
        return 0

    def _find_png_end(self) -> int:
        """Return the length of the PNG; 0 if it is not complete."""
        position = max(len(PNG_START), self._scanned)
        while position + 12 <= len(self._buffer):
            after = position + 12 + int.from_bytes(self._buffer[position : position + 4])
            if self._buffer[position + 4 : position + 8] == PNG_END:
                return after
            self._scanned = position = after
        return 0
