"""Reads a still picture at several sizes and averages what each says of a digit.

The levels that the detector sees lie an octave apart, and it sees digits between two of them least well. Letters look
like digits at one size more often than at three. A camera has no time for this: its next frame is another chance.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from shared.vision.detection import Shape, log_softmax, overlaps_any, widen_box
from shared.vision.digit import NOT_A_DIGIT, Digit
from shared.vision.fusion import Calibration
from shared.vision.gray_frame import LONG_SIDE_PX, Gray, as_uint8
from shared.vision.recognizer import MAX_IOU, FrameRecognizer, measure_gaps

SCALES = (1.0, 0.75, math.sqrt(2))
MIN_SCORE = 0.2  # of a detector's cell: what one size hardly shows, another may
UNSEEN_LOG_ODDS = -4.0  # what a size says where it shows no candidate
AVERAGED = Calibration(slope=1.13, offset=1.22)  # of the mean; `python -m training.fusion` fits it

Group = dict[int, Digit]  # one digit as each size shows it, by the index of the size; the surest first


def read_at_scales(recognizer: FrameRecognizer, gray: Gray, calibration: Calibration = AVERAGED) -> tuple[Digit, ...]:
    """Return the digits of a whole picture (h x w uint8, any size), their boxes in its pixels, the surest first."""
    fit = min(1.0, LONG_SIDE_PX / max(gray.shape))
    scales = [fit * scale for scale in SCALES]
    frames = [resize(gray, scale) for scale in scales]
    lenient = replace(recognizer, min_score=MIN_SCORE, min_log_p=-math.log1p(math.exp(-UNSEEN_LOG_ODDS)))
    seen = [
        [digit.scaled(fit / scale) for digit in digits]
        for scale, digits in zip(scales, lenient.read(frames), strict=True)
    ]
    averaged = (average(group, calibration) for group in group_digits(seen))
    said = [digit for digit in averaged if digit.log_p[digit.digit] > recognizer.min_log_p]
    said.sort(key=lambda digit: -digit.confidence)
    return tuple(digit.scaled(1 / fit) for digit in measure_gaps(frames[0], tuple(said)))


def resize(gray: Gray, scale: float) -> Gray:
    """Return the picture larger or smaller."""
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    method = cv2.INTER_LINEAR if scale >= 1 / 2 else cv2.INTER_AREA
    return as_uint8(cv2.resize(gray, (width, height), interpolation=method))


def group_digits(seen: Sequence[Sequence[Digit]]) -> list[Group]:
    """Return what the sizes show, one group for each place. All boxes are in the same pixels."""
    found = [(index, digit) for index, digits in enumerate(seen) for digit in digits]
    groups: list[tuple[Shape, Group]] = []
    for index, digit in sorted(found, key=lambda one: -measure_odds(one[1])):
        shape = widen_box(*digit.box)
        group = next((group for surest, group in groups if overlaps_any(shape, [surest], MAX_IOU)), None)
        if group is None:
            groups.append((shape, {index: digit}))
        else:
            group.setdefault(index, digit)
    return [group for _, group in groups]


def average(group: Group, calibration: Calibration) -> Digit:
    """Return one digit: its log-odds are the mean over all sizes, its classes over those that show it."""
    surest = next(iter(group.values()))
    unseen = (len(SCALES) - len(group)) * UNSEEN_LOG_ODDS
    mean = (sum(map(measure_odds, group.values())) + unseen) / len(SCALES)
    odds = calibration.apply(np.array(mean))
    log_p = np.array([digit.log_p[:NOT_A_DIGIT] for digit in group.values()])
    classes = log_softmax(log_softmax(log_p).mean(axis=0)) - np.logaddexp(0, -odds)
    return replace(surest, log_p=(*classes.tolist(), -float(np.logaddexp(0, odds))))


def measure_odds(digit: Digit) -> float:
    """Return the log-odds of a digit, whichever it is."""
    return float(np.logaddexp.reduce(digit.log_p[:NOT_A_DIGIT])) - digit.log_p[NOT_A_DIGIT]
