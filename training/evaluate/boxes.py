"""Geometry of boxes (x, y, width, height)."""

from shared.vision.digit import Box


def centre_of(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def is_inside(point: tuple[float, float], box: Box) -> bool:
    x, y, width, height = box
    return x <= point[0] <= x + width and y <= point[1] <= y + height


def compute_iou(a: Box, b: Box) -> float:
    """Return the intersection over the union."""
    width = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    height = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)
