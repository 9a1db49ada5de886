"""Decodes JPEGs to gray pages on the device: by nvJPEG on a GPU, by libjpeg on a CPU and where nvJPEG fails."""

from collections.abc import Sequence

import torch
from torch import Tensor

from shared.vision.fused.resampling import resize_pages
from shared.vision.jpeg import check_jpeg, decode_checked


def decode_pages(jpegs: Sequence[bytes], long_side_px: int, device: torch.device) -> list[Tensor | None]:
    """Return each JPEG as a gray page on the device (h x w uint8), scaled down to long_side_px; None if it is broken.

    All are decoded whole: nvJPEG has no reduced sizes.
    """
    pictures = decode_by_nvjpeg(jpegs, device) if device.type == "cuda" else [decode_on_cpu(jpeg) for jpeg in jpegs]
    pages: list[Tensor | None] = [None] * len(jpegs)
    for shape in {picture.shape for picture in pictures if picture is not None}:
        chosen = [(index, picture) for index, picture in enumerate(pictures) if picture is not None]
        chosen = [(index, picture) for index, picture in chosen if picture.shape == shape]
        height, width = find_page_shape(shape[0], shape[1], long_side_px)
        stacked = torch.stack([picture for _, picture in chosen]).to(device)
        resized = resize_pages(stacked, height, width).to(torch.uint8)
        for (index, _), page in zip(chosen, resized, strict=True):
            pages[index] = page
    return pages


def find_page_shape(height: int, width: int, long_side_px: int) -> tuple[int, int]:
    """Return the size that make_gray_frame() gives a picture."""
    scale = min(1.0, long_side_px / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def decode_by_nvjpeg(jpegs: Sequence[bytes], device: torch.device) -> list[Tensor | None]:
    """Return JPEGs as pictures on the device (h x w uint8). One that nvJPEG refuses is decoded on the CPU."""
    from torchvision.io import ImageReadMode, decode_jpeg  # noqa: PLC0415 - only JPEGs need it

    try:
        for jpeg in jpegs:
            check_jpeg(jpeg)
        sent = [torch.frombuffer(bytearray(jpeg), dtype=torch.uint8) for jpeg in jpegs]
        return [picture[0] for picture in decode_jpeg(sent, mode=ImageReadMode.GRAY, device=device)]
    except (ValueError, RuntimeError):
        return [decode_on_cpu(jpeg) for jpeg in jpegs]


def decode_on_cpu(jpeg: bytes) -> Tensor | None:
    """Return a JPEG as a picture (h x w uint8) on the CPU; None if it is broken, too large or too costly."""
    try:
        return torch.from_numpy(decode_checked(jpeg, "GRAY")[:, :, 0])
    except ValueError:
        return None
