"""Describes in sentences why a place was read as a digit, or was rejected."""

import math

from shared.vision.detection import MIN_SCORE
from shared.vision.digit import NOT_A_DIGIT, Box
from shared.vision.explanation import Explanation
from shared.vision.normaliser import MIN_CONTRAST
from shared.vision.recognizer import MIN_LOG_P

MIN_DIGIT_PX = 14  # the detector was trained on few smaller digits
TIE = 0.2  # a second digit this close to the first is mentioned


def describe(place: Explanation) -> list[str]:
    """Return a few sentences, the most important one first."""
    if place.box is None or not place.fused:
        score = percent(place.score)
        needed = f"its score is {score}, and at least {percent(MIN_SCORE)} is needed"
        elsewhere = f"a place nearby scores {score}, but none of its boxes is around this ink"
        reason = needed if place.score < MIN_SCORE else elsewhere
        return [f"The detector sees no digit here: {reason}.", *describe_missed_ink(place)]
    first, second, *_ = sorted(range(NOT_A_DIGIT), key=place.fused.__getitem__, reverse=True)
    sentences = [f"Read as {first}." if place.is_digit else describe_rejection(place)]
    sentences.append(f"The detector, which sees the surroundings, is {percent(place.score)} sure that this is a digit.")
    if place.image is not None:
        reject = place.classifier[NOT_A_DIGIT]
        doubt = f", and {percent(reject)} that it is a letter, a scribble or part of something" if reject > 0.1 else ""
        sentences.append(
            f"The classifier, which sees the shape, is {percent(place.classifier[first])} sure of a {first}{doubt}."
        )
    if place.fused[first] - place.fused[second] < TIE and place.fused[second] > MIN_SCORE:
        sentences.append(f"It could also be {second}: {percent(place.fused[second])}.")
    return [*sentences, *describe_problems(place, place.box)]


def describe_missed_ink(place: Explanation) -> list[str]:
    """Return what the classifier says of ink that the detector passed over."""
    if place.box is None:
        return []
    first = max(range(NOT_A_DIGIT), key=place.classifier.__getitem__)
    return [
        f"There is ink: the classifier, which sees the shape, is {percent(place.classifier[first])} sure of a {first}.",
        "If it is a digit, correct it; the correction teaches the classifier, not the detector.",
        *describe_problems(place, place.box),
    ]


def describe_rejection(place: Explanation) -> str:
    """Return why a candidate is not shown as a digit."""
    if place.fused[NOT_A_DIGIT] >= 0.5:
        return f"Rejected: both networks together say that it is no digit ({percent(place.fused[NOT_A_DIGIT])})."
    if max(place.fused[:NOT_A_DIGIT]) > math.exp(MIN_LOG_P):
        return "Not shown: it is part of a digit that is shown next to it."
    return "Rejected: no single digit is probable enough."


def describe_problems(place: Explanation, box: Box) -> list[str]:
    """Return what makes a candidate hard to read."""
    x, y, width, height = box
    rows, columns = place.shape
    problems = []
    if place.image is None:
        problems.append(f"It is too faint: ink and paper differ by less than {MIN_CONTRAST} of 255 gray levels.")
    if x <= 0 or y <= 0 or x + width >= columns or y + height >= rows:
        problems.append("It touches the edge of the picture: half a digit can look like another one.")
    if (size_px := max(width, height)) < MIN_DIGIT_PX:
        problems.append(f"It is too small: {size_px:.0f} pixels, and {MIN_DIGIT_PX} are needed. Hold it closer.")
    return problems


def percent(probability: float) -> str:
    """Return a probability in percent, rounded down; never 100 %."""
    return f"{min(int(100 * probability), 99)}\N{NO-BREAK SPACE}%"
