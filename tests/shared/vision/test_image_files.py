"""Pictures of every format come upright, opaque and whole; what is broken is one sentence."""

import io
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from shared.vision.image_files import Photo, load_photo, load_pictures
from tests.shared.vision.hostile_jpegs import add_scans

# 64 x 48: the left upper quarter is black, its right neighbour gray
SHEET = np.full((48, 64), 255, np.uint8)
SHEET[:24, :32] = 0
SHEET[:24, 32:] = 120
TURNED_BY = {  # EXIF orientation -> what the camera did to the picture
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def load(data: bytes, suffix: str = "") -> list[Photo]:
    return list(load_pictures(io.BytesIO(data), suffix))


def add_empty_page(tiff: bytes) -> bytes:
    """Return a TIFF with one more page, without a width and a height."""
    directory = int.from_bytes(tiff[4:8], "little")
    following = directory + 2 + 12 * int.from_bytes(tiff[directory : directory + 2], "little")
    return tiff[:following] + len(tiff).to_bytes(4, "little") + tiff[following + 4 :] + bytes(8)


def claim_content(png: bytes, count: int) -> bytes:
    """Return a PNG whose pixels claim to have so many bytes."""
    at = png.index(b"IDAT") - 4
    return png[:at] + count.to_bytes(4) + png[at + 4 :]


def assert_is_sheet(photo: Photo) -> None:
    gray = photo if photo.ndim == 2 else photo.mean(axis=2)
    assert gray.shape == SHEET.shape
    assert np.abs(gray.astype(float) - SHEET)[4:-4, 4:-4].mean() < 12  # JPEG blurs the edges


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", TURNED_BY)
def test_exif_orientation_is_applied_in_every_format(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    turned = Image.fromarray(SHEET).convert("RGB").transpose(TURNED_BY[orientation])
    (photo,) = load(encode(turned, kind, exif=exif))
    assert_is_sheet(photo)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *((kind, "RGB") for kind in ("BMP", "GIF", "JPEG2000", "PPM", "QOI", "PCX", "SGI")),
        *((kind, "L") for kind in ("PNG", "TIFF", "JPEG")),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "P"),
        ("TIFF", "F"),
        ("TIFF", "I;16"),
    ],
)
def test_picture_of_any_format_and_depth_is_read(kind: str, mode: str) -> None:
    image = Image.fromarray(SHEET)
    if mode == "F":
        image = Image.fromarray(SHEET.astype(np.float32) / 255)
    elif mode == "I;16":
        image = Image.fromarray(SHEET.astype(np.uint16) * 257)
    elif mode == "1":
        image = image.point(lambda level: 255 * (level > 60), "1")
    else:
        image = image.convert(mode)
    (photo,) = load(encode(image, kind))
    assert photo.dtype == np.uint8
    assert photo[12, 16].max() < 8
    assert photo[36, 16].min() > 247


@pytest.mark.parametrize("suffix", [".hdr", ".pfm", ".pam", ".ras", ".tiff"])
def test_picture_that_only_opencv_or_ffmpeg_know_is_read(suffix: str) -> None:
    bgr = np.dstack([SHEET] * 3)
    pixels = bgr.astype(np.float32) / 255 if suffix in (".hdr", ".pfm", ".tiff") else bgr
    _, data = cv2.imencode(suffix, pixels)
    (photo,) = load(data.tobytes())
    assert photo[12, 16].max() < 8
    assert photo[36, 16].min() > 240


@pytest.mark.parametrize(("ink", "expected"), [(0, (0, 255)), (255, (255, 0)), (120, (120, 255))])
def test_transparent_ink_lies_on_paper_that_shows_it(ink: int, expected: tuple[int, int]) -> None:
    alpha = np.where(SHEET == 0, 255, 0).astype(np.uint8)
    (photo,) = load(encode(Image.fromarray(np.dstack([np.full_like(alpha, ink), alpha])), "PNG"))
    assert (photo[12, 16].max(), photo[36, 16].min()) == expected


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("is_progressive", [False, True])
def test_jpeg_that_lacks_only_its_end_marker_is_read(missing: int, is_progressive: bool) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    image = Image.fromarray(SHEET).transpose(TURNED_BY[6])
    (photo,) = load(encode(image, "JPEG", progressive=is_progressive, exif=exif)[:-missing])
    assert_is_sheet(photo)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF", "BMP"])
def test_file_that_is_cut_off_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    data = encode(Image.fromarray(noise), kind)
    with pytest.raises(ValueError, match="cut off: only a part of the picture is there"):
        load(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"no picture", "not a picture or video that can be read"),
        (b"\xff\xd8 no picture", "."),
        (b"%PDF-1.7 no document", "this PDF can't be read"),
        (b"P6 40000 40000 255\n" + bytes(100), "too large: 40000 x 40000 pixels"),
        (b"P7\nWIDTH 0\nHEIGHT 0\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n", "not a picture or video"),
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999999 +X 99999999\n", "not a picture or video"),
        (add_empty_page(encode(Image.fromarray(SHEET), "TIFF")), "this picture is broken"),
        (claim_content(encode(Image.fromarray(SHEET), "PNG"), 0xFFFFFFF0)[:60], "."),
        (add_scans(3000), "more than 100 scans: save it again as an ordinary JPEG"),
    ],
)
def test_what_is_no_picture_is_one_sentence(data: bytes, sentence: str) -> None:
    began_at = time.thread_time()
    with pytest.raises(ValueError, match=sentence) as error:
        load(data)
    assert "\n" not in str(error.value)
    assert time.thread_time() - began_at < 1.0


@pytest.mark.parametrize("kind", [TypeError, RuntimeError, IndexError, ZeroDivisionError, SyntaxError])
def test_whatever_a_decoder_raises_is_one_sentence(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise kind("in the middle")

    monkeypatch.setattr("shared.vision.image_files.ImageOps.exif_transpose", fail)
    with pytest.raises(ValueError, match="this picture is broken \\(in the middle"):
        load(cv2.imencode(".png", SHEET)[1].tobytes())


def test_opencv_does_not_log_what_it_can_not_read(capfd: pytest.CaptureFixture[str]) -> None:
    tiff = cv2.imencode(".tiff", SHEET.astype(np.float64))[1].tobytes()
    with pytest.raises(ValueError, match="this is not a picture"):
        load(tiff)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["TIFF", "PDF", "GIF"])
def test_each_page_is_a_picture(kind: str) -> None:
    pages = [Image.new("L", (64, 48), level) for level in (10, 120, 250)]
    photos = load(encode(pages[0], kind, save_all=True, append_images=pages[1:]))
    assert [round(float(photo.mean())) for photo in photos] == pytest.approx([10, 120, 250], abs=3)


def test_heic_is_read_upright() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(SHEET).convert("RGB")).save(buffer)
    (photo,) = load(buffer.getvalue())
    assert_is_sheet(photo)


@pytest.mark.parametrize(
    ("data", "package"), [(b"\0\0\0\x18ftypheic" + bytes(40), "pillow_heif"), (b"%PDF-1.7", "pypdfium2")]
)
def test_format_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, data: bytes, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ValueError, match=f"pip install {package.replace('_', '-')}`, or save"):
        load(data)


@pytest.mark.parametrize(
    "name", [b"latin\xe9.jpg", b"a:b.jpg", b"%d.jpg", b"new\nline.jpg", b"a,b#c.jpg", b"no-suffix", b"\xe6\x95\xb0.jpg"]
)
def test_file_of_any_name_is_read(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / name.decode(errors="surrogateescape")
    path.write_bytes(encode(Image.fromarray(SHEET), "JPEG"))
    assert_is_sheet(load_photo(path))
