"""In words why a place was read as a digit, or what kept it from being one."""

import math
from dataclasses import dataclass

from shared.vision.detection import KEEP
from shared.vision.digit import NOT_A_DIGIT, Box
from shared.vision.normaliser import FAINTEST
from shared.vision.recognizer import SAID

SMALL_PX = 14  # of the page: the detector learnt from hardly any smaller digits
TIE = 0.2  # a second digit that is nearer than this to the first could as well be it


@dataclass(frozen=True, slots=True)
class ExplainedPlace:
    """What is known of a candidate: the page's height and width, its box there, and what the networks said."""

    page: tuple[int, ...]
    box: Box
    heat: float
    has_ink: bool
    read: tuple[float, ...]  # probabilities of 0 to 9 and of "not a digit", by its shape alone
    together: tuple[float, ...]  # the same, with its surroundings
    is_said: bool


def tell(place: ExplainedPlace) -> tuple[str, ...]:
    """Return one sentence or a few, what decided first."""
    digits = sorted(range(NOT_A_DIGIT), key=place.together.__getitem__, reverse=True)
    first, second = digits[:2]
    sentences = [*tell_refusal(place)] if not place.is_said else [f"Read as {first}."]
    sentences += tell_witnesses(place, first)
    if place.together[first] - place.together[second] < TIE and place.together[second] > KEEP:
        sentences.append(f"It could as well be {second}: {share(place.together[second])}.")
    return (*sentences, *tell_troubles(place))


def tell_refusal(place: ExplainedPlace) -> list[str]:
    """Return why it is not shown as a digit."""
    if place.together[NOT_A_DIGIT] >= 0.5:
        return [f"Refused: all in all it is more probably no digit ({share(place.together[NOT_A_DIGIT])})."]
    if max(place.together[:NOT_A_DIGIT]) > math.exp(SAID):
        return ["Not shown: it is part of a digit that is shown beside it."]
    return ["Refused: no one digit is probable enough."]


def tell_witnesses(place: ExplainedPlace, digit: int) -> list[str]:
    """Return what each network said."""
    sentences = [f"The detector, which knows its surroundings, takes it for a digit with {share(place.heat)}."]
    if place.has_ink:
        none = place.read[NOT_A_DIGIT]
        said = f"takes it for {digit} with {share(place.read[digit])}"
        kept = "for a letter, a scribble or part of something with"
        sentences.append(
            f"The reader, which knows its shape, {said}" + (f", {kept} {share(none)}." if none > 0.1 else ".")
        )
    return sentences


def tell_troubles(place: ExplainedPlace) -> list[str]:
    """Return what makes it hard to read."""
    x, y, width, height = place.box
    rows, columns = place.page
    sentences = []
    if not place.has_ink:
        sentences.append(f"It is too faint: no ink is darker than its paper by {FAINTEST} of 255 grey levels.")
    if x <= 0 or y <= 0 or x + width >= columns or y + height >= rows:
        sentences.append("It touches the edge of the picture: half a digit reads as another one.")
    if max(width, height) < SMALL_PX:
        sentences.append(
            f"It is too small: {max(width, height):.0f} pixels where {SMALL_PX} are needed. Hold it closer."
        )
    return sentences


def tell_nothing(heat: float) -> str:
    """Return why there is no candidate at a place."""
    return f"The detector sees no digit here: it believes in one with {share(heat)}, and {share(KEEP)} is the least."


def share(probability: float) -> str:
    """Return a probability in words; 99.7 % is not 100."""
    return f"{min(int(100 * probability), 99)}\N{NO-BREAK SPACE}%"
