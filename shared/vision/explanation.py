"""Explains one place of a gray frame by the output of both networks there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.networks.detector_channels import SCORE, STRIDE_PX
from shared.vision.detection import Detections, make_pyramid, sigmoid
from shared.vision.digit import NOT_A_DIGIT, Box
from shared.vision.fusion import fuse
from shared.vision.gray_frame import Gray
from shared.vision.normaliser import crop_around
from shared.vision.recognizer import FrameRecognizer, make_classifier_inputs, select_candidates
from shared.vision.unread_ink import find_ink_at

MAX_OUTSIDE = 0.15  # of a candidate's size: a place this far outside of its box still selects it

Probabilities = tuple[float, ...]  # of 0 to 9, and where there are eleven, of "not a digit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The output of both networks at one place.

    heatmap holds the detector's score of each cell of the frame (rows x columns, 0 to 1). score is the score of the
    candidate at the place. box is that of its ink, in the frame's pixels. image is the classifier's input, 28 x 28,
    or None if the crop holds no ink.

    Without a candidate score is the highest one nearby, and detector and fused are empty. The rest is about ink that
    the detector passed over; without ink box is None, and the rest is empty too.
    """

    shape: tuple[int, ...]  # of the frame: height, width
    heatmap: NDArray[np.float32]
    score: float
    box: Box | None = None
    crop: Gray
    image: NDArray[np.float32] | None = None
    detector: Probabilities = ()
    classifier: Probabilities = ()
    fused: Probabilities = ()
    is_digit: bool = False


def explain_place(recognizer: FrameRecognizer, gray: Gray, x: float, y: float) -> Explanation:
    """Return why the place (x, y) of a gray frame was read as it was."""
    pyramid = make_pyramid(gray)
    heatmap = make_heatmap(recognizer, pyramid)
    (detections,) = recognizer.detect([pyramid])
    index = find_nearest(detections.boxes, x, y)
    if index is None:
        row, column = int(y) // STRIDE_PX, int(x) // STRIDE_PX
        score = float(heatmap[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].max(initial=0))
        missed = Explanation(shape=gray.shape, heatmap=heatmap, score=score, crop=gray[:0])
        return explain_missed_ink(recognizer, pyramid, x, y, missed)
    output = recognizer.classify([pyramid], [detections])
    log_p = fuse(recognizer.fusion, detections, output)
    left, top, width, height = detections.boxes[index].tolist()
    seen = make_classifier_inputs([(pyramid, (left, top, width, height))])
    return Explanation(
        shape=gray.shape,
        heatmap=heatmap,
        score=float(detections.scores[index]),
        box=to_box(output.boxes[index]),
        crop=crop_around(gray, (left, top, width, height)),
        image=seen.images[0] if seen.has_ink[0] else None,
        detector=to_probabilities(detections.log_p[index]),
        classifier=to_probabilities(output.log_p[index]),
        fused=to_probabilities(log_p[index]),
        is_digit=index in select_candidates(detections.boxes, output.boxes, log_p),
    )


def explain_missed_ink(
    recognizer: FrameRecognizer, pyramid: Sequence[Gray], x: float, y: float, missed: Explanation
) -> Explanation:
    """Return the explanation with what the classifier says of ink at a place where the detector sees no digit."""
    box = find_ink_at(pyramid[0], x, y)
    seen = make_classifier_inputs([(pyramid, box)] if box else [])
    if not box or not seen.has_ink[0]:
        return missed
    scores, log_p = np.array([missed.score], np.float32), np.zeros((1, NOT_A_DIGIT), np.float32)
    output = recognizer.classify([pyramid], [Detections(np.array([box], np.float32), scores, log_p)])
    return replace(
        missed,
        box=to_box(seen.boxes[0]),
        crop=crop_around(pyramid[0], box),
        image=seen.images[0],
        classifier=to_probabilities(output.log_p[0]),
    )


def to_box(box: NDArray[np.float32]) -> Box:
    x, y, width, height = box.tolist()
    return x, y, width, height


def to_probabilities(log_p: NDArray[np.floating[Any]]) -> Probabilities:
    return tuple(np.exp(log_p).astype(float).tolist())


def make_heatmap(recognizer: FrameRecognizer, pyramid: Sequence[Gray]) -> NDArray[np.float32]:
    """Return the highest score over all levels for each cell of STRIDE_PX pixels of the frame."""
    rows, columns = (-(-side // STRIDE_PX) for side in pyramid[0].shape)
    heatmap = np.zeros((rows, columns), np.float32)
    for output in recognizer.run_levels(pyramid):
        scores = np.kron(sigmoid(output.maps[0, SCORE]), np.ones((output.scale, output.scale), np.float32))
        left, top = output.corner
        covered = heatmap[top : top + scores.shape[0], left : left + scores.shape[1]]
        np.maximum(covered, scores[: covered.shape[0], : covered.shape[1]], out=covered)
    return heatmap


def find_nearest(boxes: NDArray[np.float32], x: float, y: float) -> int | None:
    """Return the index of the candidate (n x 4, best first) that a place selects; None if none is near."""
    centres, sizes = boxes[:, :2] + boxes[:, 2:] / 2, np.maximum(boxes[:, 2:], 1)
    distances = (np.abs(np.array([x, y]) - centres) / sizes).max(axis=1)  # in its sizes: 0.5 is the box's edge
    return int(distances.argmin()) if distances.size and distances.min() <= 0.5 + MAX_OUTSIDE else None
