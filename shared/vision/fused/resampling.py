"""Resizes many pictures at once by matrix products, with the weights of OpenCV's INTER_AREA and INTER_LINEAR."""

import torch
from torch import Tensor


def area_weights(source: Tensor, target: Tensor, inputs: int, outputs: int, first: Tensor | None = None) -> Tensor:
    """Return n x outputs x inputs: the share of each pixel in the mean that makes a pixel of a smaller picture.

    source and target (n) are sizes in pixels, source at least target. The pictures begin at pixel `first`, else at 0.
    Rows beyond target are 0.
    """
    out, at = make_grid(source, inputs, outputs)
    scale = (source / target)[:, None, None]
    begin = out * scale + (0 if first is None else first[:, None, None])
    overlap = torch.minimum(begin + scale, at + 1) - torch.maximum(begin, at)
    return overlap.clamp_min(0) / scale * (out < target[:, None, None])


def linear_weights(source: Tensor, target: Tensor, inputs: int, outputs: int, first: Tensor | None = None) -> Tensor:
    """Return the weights of linear interpolation, as area_weights() returns those of means; target may be larger."""
    out, at = make_grid(source, inputs, outputs)
    centre = (out + 0.5) * (source / target)[:, None, None] - 0.5
    centre = torch.minimum(centre.clamp_min(0), source[:, None, None] - 1)
    centre = centre + (0 if first is None else first[:, None, None])
    return (1 - (at - centre).abs()).clamp_min(0) * (out < target[:, None, None])


def make_grid(like: Tensor, inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    """Return the indices of outputs (1 x outputs x 1) and inputs (1 x 1 x inputs)."""
    out, at = (torch.arange(size, device=like.device, dtype=like.dtype) for size in (outputs, inputs))
    return out[None, :, None], at[None, None]


def resample(pictures: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return pictures (n x h x w) resized by weights of their rows and columns, in whole gray levels."""
    return (rows @ pictures @ columns.transpose(1, 2)).round()


def resize_pages(pictures: Tensor, height: int, width: int) -> Tensor:
    """Return pictures of one size (n x h x w, 0 to 255) as make_gray_frame() scales them down."""
    rows, columns = pictures.shape[1:]
    if (rows, columns) == (height, width):
        return pictures.float()
    weigh = linear_weights if height >= rows / 2 and width >= columns / 2 else area_weights

    def weigh_side(source: int, target: int) -> Tensor:
        sizes = torch.tensor([[source], [target]], device=pictures.device, dtype=torch.float32)
        return weigh(sizes[0], sizes[1], source, target)

    return resample(pictures.float(), weigh_side(rows, height), weigh_side(columns, width))
