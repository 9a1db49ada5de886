"""Loads pictures from photos, documents and videos, upright and opaque. Errors are one sentence each."""

import errno
import os
import struct
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from shared.vision.gray_frame import as_uint8, blend_alpha
from shared.vision.jpeg import check_scans
from shared.vision.video_files import BgrConverter, decode_frames, open_video

Picture = NDArray[np.generic]  # that can be read
Photo = NDArray[np.uint8]  # height x width gray, or x 3 BGR; upright and opaque

FILM_OF_JPEGS = (".mjpeg", ".mjpg")  # such a file begins like a photo
MAX_PIXELS = 200_000_000  # 200 megapixels are the largest photos of phones; 600 MB in colour
# Pillow's other plug-ins run programs (EPS), read only the header (MPEG, WMF), or can't recognize it safely (TGA)
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "PSD", "QOI", "TIFF", "WEBP")
WITH_FRAMES = {"AVIF", "GIF", "PNG", "TIFF", "WEBP"}  # the other images of an MPO or HEIF are previews
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"}
PDF_LONG_SIDE_PX = 2000
ONLY_OPENCV = (
    b"#?RGBE",
    b"#?RADIANCE",
    b"PF",
    b"Pf",
    b"P7",
    b"\x59\xa6\x6a\x95",
    b"\x76\x2f\x31\x01",
)  # HDR, PFM, PAM, Sun, EXR
OPENCV_BYTES = 100_000_000  # of a picture that only OpenCV can read
JPEG_END = b"\xff\xd9"
END_WITHIN = 100_000  # bytes: some programs add a few after the end
# what Pillow and its decoders raise in the middle of a file
BROKEN = (
    OSError,
    SyntaxError,
    EOFError,
    ValueError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    struct.error,
)
REASONS = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "there is no such file",
    errno.EACCES: "you have no right to read it",
    errno.EPERM: "you have no right to read it",
    errno.ENAMETOOLONG: "the name is too long for a file",
    errno.ELOOP: "its links lead in a circle",
}

Image.MAX_IMAGE_PIXELS = None  # checked here, in our words
warnings.filterwarnings("ignore", module="PIL")  # about odd metadata


def load_photo(path: Path) -> Photo:
    """Return the first picture of a file, turned as its EXIF says. Raises ValueError in one sentence."""
    with open_file(path) as file:
        return load_first(file, path.suffix)


def load_first(file: BinaryIO, suffix: str = "") -> Photo:
    """Return the first picture of a seekable file. Raises ValueError in one sentence."""
    picture = next(load_pictures(file, suffix), None)
    if picture is None:
        raise ValueError("there is no page in this document")
    return picture


def load_video(path: Path) -> Iterator[Photo]:
    """Yield the frames of a video, H x W x 3 (BGR), as far as it decodes. Raises ValueError if none does."""
    with open_file(path) as file:
        yield from load_frames(file)


def open_file(path: Path) -> BinaryIO:
    """Open a file. Raises ValueError in one sentence."""
    try:
        if path.is_dir():
            raise ValueError("this is a folder")
        if path.is_char_device() or path.is_block_device():
            raise ValueError(f"this is a device, not a file; a webcam is read by CAMERAS={path} honcho start")
        return path.open("rb")
    except OSError as error:
        raise ValueError(explain_error(error)) from error


def explain_error(error: OSError) -> str:
    """Return in one sentence why a file or folder can't be read."""
    return REASONS.get(error.errno or 0, f"it can't be read ({os.strerror(error.errno or 0).lower()})")


def load_pictures(file: BinaryIO, suffix: str = "") -> Iterator[Photo]:
    """Yield each picture of a seekable file: frames of a video or animation, pages of a PDF or TIFF. See load_photo().

    The content decides what it is, unless the suffix is that of a film of JPEGs.
    """
    head = read_start(file, 1024)
    if not head:
        raise ValueError("the file is empty")
    if suffix.lower() in FILM_OF_JPEGS:
        return load_frames(file)
    if b"%PDF-" in head:
        return load_pdf(file)
    is_heic = head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS and b"avif" not in head[:64]
    if is_heic:
        register_heif()
    try:
        image = Image.open(file, formats=("HEIF",) if is_heic else FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        return load_frames(file)
    except BROKEN as error:
        raise ValueError(f"this picture is broken ({error})") from error
    if image.format in {"JPEG", "MPO"}:
        jpeg = read_start(file)
        check_scans(jpeg)
        if lacks_end_only(jpeg):
            image = Image.open(BytesIO(jpeg + JPEG_END))
    return load_images(image)


def read_start(file: BinaryIO, count: int = -1) -> bytes:
    """Return the first bytes of a file, or all, and leave it at its start. Raises ValueError in one sentence."""
    try:
        file.seek(0)
        data = file.read(count)
        file.seek(0)
    except OSError as error:  # of a failing disk, or a share that has gone
        raise ValueError(explain_error(error)) from error
    return data


def lacks_end_only(jpeg: bytes) -> bool:
    """Return whether a JPEG is whole but for its end marker: browsers show it, Pillow refuses it."""
    if JPEG_END in jpeg[-END_WITHIN:]:
        return False
    try:
        simplejpeg.decode_jpeg(jpeg + JPEG_END, "GRAY")  # strictly: raises if data is missing
    except ValueError:
        return False
    return True


def register_heif() -> None:
    """Register Pillow's plug-in for HEIC. Raises ValueError if its plug-in is not installed."""
    try:
        import pillow_heif  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ValueError("this is a HEIC photo: run `pip install pillow-heif`, or save it as JPEG") from error
    pillow_heif.register_heif_opener()


def load_images(image: Image.Image) -> Iterator[Photo]:
    """Yield an image, or each frame or page of one with several."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"this picture is too large: {width} x {height} pixels; scale it down")
    try:
        for frame in ImageSequence.Iterator(image) if image.format in WITH_FRAMES else [image]:
            yield to_pixels(ImageOps.exif_transpose(frame))
    except BROKEN as error:
        is_cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        raise ValueError(
            "the file is cut off: only a part of the picture is there"
            if is_cut
            else f"this picture is broken ({error})"
        ) from error


def to_pixels(image: Image.Image) -> Photo:
    """Return the pixels of an image of any mode."""
    if image.mode.startswith("I;16"):
        return as_uint8(np.asarray(image) >> 8)
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, np.float64))
        top = next((top for top in (1, 255, 65535) if values.max() <= top), values.max())
        return np.clip(values * 255 / top, 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        return blend_alpha(as_uint8(cv2.cvtColor(np.asarray(image.convert("RGBA")), cv2.COLOR_RGBA2BGRA)))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    return as_uint8(cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR))


def load_frames(file: BinaryIO) -> Iterator[Photo]:
    """Yield the frames of a video; of an image that Pillow does not know, such as Radiance, the only one."""
    try:
        with open_video(file) as video:
            converter = BgrConverter(video)
            for frame in decode_frames(video):
                yield converter.convert(frame)
    except ValueError:
        file.seek(0)
        picture = decode_with_opencv(file.read(OPENCV_BYTES))
        if picture is None:
            raise
        yield picture


def decode_with_opencv(data: bytes) -> Photo | None:
    """Return a picture that only OpenCV can read; None if it can't, which it would log in its own words.

    Of a broken PNG it would make 4 GB.
    """
    if not data.startswith(ONLY_OPENCV):
        return None
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # of a header with impossible values
        picture = None
    finally:
        cv2.utils.logging.setLogLevel(level)
    return None if picture is None else as_uint8(picture)


def load_pdf(file: BinaryIO) -> Iterator[Photo]:
    """Yield each page of a PDF. Raises ValueError if pypdfium2 is not installed."""
    try:
        import pypdfium2  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ValueError("this is a PDF: run `pip install pypdfium2`, or save its pages as pictures") from error
    try:
        with pypdfium2.PdfDocument(file) as document:
            for page in document:
                picture = page.render(scale=PDF_LONG_SIDE_PX / max(page.get_size())).to_numpy()
                yield np.array(picture[:, :, :3])  # a copy: the page's memory is freed
    except pypdfium2.PdfiumError as error:
        raise ValueError(f"this PDF can't be read ({error})") from error
