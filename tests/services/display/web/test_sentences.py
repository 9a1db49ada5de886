"""The sentences of an explanation name the reason why a place was read or rejected."""

import numpy as np
import pytest

from services.display.web.explain.sentences import describe
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.explanation import Explanation

HEATMAP, CROP = np.zeros((60, 80), np.float32), np.zeros((60, 40), np.uint8)


def shares(**given: float) -> tuple[float, ...]:
    """Eleven probabilities: those given by d0 to d9 and none; the rest is shared."""
    values = {NOT_A_DIGIT if name == "none" else int(name[1:]): share for name, share in given.items()}
    rest = (1 - sum(values.values())) / (11 - len(values))
    return tuple(values.get(i, rest) for i in range(11))


INSIDE = (100.0, 100.0, 40.0, 60.0)


@pytest.mark.parametrize(
    ("box", "score", "has_ink", "classifier", "fused", "is_digit", "sentences"),
    [
        (INSIDE, 0.98, True, {"d7": 0.99}, {"d7": 0.98}, True, ["Read as 7."]),
        (
            INSIDE,
            0.3,
            True,
            {"d1": 0.1, "none": 0.88},
            {"none": 0.9},
            False,
            ["that it is no digit (90\N{NO-BREAK SPACE}%)", "letter"],
        ),
        (INSIDE, 0.9, False, {"none": 0.99}, {"none": 0.8}, False, ["too faint"]),
        ((0.0, 100.0, 40.0, 60.0), 0.6, True, {"d4": 0.9}, {"none": 0.6}, False, ["touches the edge"]),
        ((100.0, 430.0, 40.0, 60.0), 0.6, True, {"d4": 0.9}, {"none": 0.6}, False, ["touches the edge"]),
        ((100.0, 100.0, 6.0, 9.0), 0.6, True, {"d4": 0.9}, {"none": 0.6}, False, ["too small: 9 pixels"]),
        (INSIDE, 0.9, True, {"d4": 0.5}, {"d4": 0.45, "d9": 0.4}, False, ["no single digit", "also be 9: 40"]),
        (INSIDE, 0.9, True, {"d4": 0.9}, {"d4": 0.9}, False, ["part of a digit that is shown next to it"]),
    ],
)
def test_explanation_says_what_decided(  # noqa: PLR0917 - a row of the table
    box: tuple[float, float, float, float],
    score: float,
    has_ink: bool,
    classifier: dict[str, float],
    fused: dict[str, float],
    is_digit: bool,
    sentences: list[str],
) -> None:
    place = Explanation(
        shape=(480, 640),
        heatmap=HEATMAP,
        score=score,
        box=box,
        crop=CROP,
        image=np.zeros((28, 28), np.float32) if has_ink else None,
        classifier=shares(**classifier),
        fused=shares(**fused),
        is_digit=is_digit,
    )
    described = " ".join(describe(place))
    assert all(sentence in described for sentence in sentences), described


def test_ink_that_the_detector_passed_over_has_the_classifiers_opinion() -> None:
    described = describe(
        Explanation(
            shape=(480, 640),
            heatmap=HEATMAP,
            score=0.129,
            box=(100, 100, 10, 60),
            crop=CROP,
            image=np.zeros((28, 28), np.float32),
            classifier=shares(d1=0.8),
        )
    )
    assert described[0].startswith("The detector sees no digit here")
    assert "80\N{NO-BREAK SPACE}% sure of a 1" in described[1]


def test_score_that_would_do_is_not_called_too_low() -> None:
    """The score is that of the best cell nearby, whose box may lie elsewhere."""
    (sentence,) = describe(Explanation(shape=(480, 640), heatmap=HEATMAP, score=0.585, crop=CROP))
    assert "is needed" not in sentence
    assert "nearby scores 58\N{NO-BREAK SPACE}%, but none of its boxes is around this ink" in sentence


def test_place_without_a_candidate_is_described_by_its_score() -> None:
    (sentence,) = describe(Explanation(shape=(480, 640), heatmap=HEATMAP, score=0.129, crop=CROP))
    assert sentence.startswith("The detector sees no digit here: its score is 12\N{NO-BREAK SPACE}%")
