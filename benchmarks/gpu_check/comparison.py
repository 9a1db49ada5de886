"""Compares the digits of two recognizers: which are the same at the same place, and which only one of them reads."""

from collections.abc import Sequence
from typing import Any

from shared.vision.digit import Digit
from shared.vision.gray_frame import Gray
from shared.vision.recognizer import SupportsRead

MIN_SHARED = 0.5  # of the smaller box: two digits are at the same place
Facts = dict[str, Any]


def compare(shipped: SupportsRead, fused: SupportsRead, named: Sequence[tuple[str, Gray]]) -> Facts:
    """Return how many digits both read alike, and each that only one of them reads."""
    grays = [gray for _, gray in named]
    expected = [digits for gray in grays for digits in shipped.read([gray])]
    counts, pairs = count_same(expected, fused.read(grays))
    differences = [
        {"frame": name, "reader": reader, "digit": repr(digit)}
        for (name, _), (missing, added) in zip(named, pairs, strict=True)
        for reader, digits in (("shipped", missing), ("fused", added))
        for digit in digits
    ]
    return counts | {"differences": differences}


def count_same(
    expected: Sequence[Sequence[Digit]], read: Sequence[Sequence[Digit]]
) -> tuple[Facts, list[tuple[list[Digit], list[Digit]]]]:
    """Return counts of equal digits at equal places, and for each frame the digits that only one side has."""
    pairs = [subtract_digits(one, other) for one, other in zip(expected, read, strict=True)]
    digits, missing, added = (sum(map(len, side)) for side in (expected, *zip(*pairs, strict=True)))
    frames_same = sum(not one and not other for one, other in pairs)
    same = digits - missing
    facts = {"frames": len(pairs), "frames_same": frames_same, "digits": digits, "digits_same": same, "added": added}
    return facts | {"share_same": round(same / max(1, digits + added), 4)}, pairs


def subtract_digits(ours: Sequence[Digit], theirs: Sequence[Digit]) -> tuple[list[Digit], list[Digit]]:
    """Return the digits of each side that the other has not at the same place."""
    left, missing = list(theirs), []
    for digit in ours:
        match = next((one for one in left if one.digit == digit.digit and do_share_place(one, digit)), None)
        if match is None:
            missing.append(digit)
        else:
            left.remove(match)
    return missing, left


def do_share_place(one: Digit, other: Digit) -> bool:
    (x, y, width, height), (ox, oy, other_width, other_height) = one.box, other.box
    across, down = min(x + width, ox + other_width) - max(x, ox), min(y + height, oy + other_height) - max(y, oy)
    return min(across, down) > 0 and across * down > MIN_SHARED * min(width * height, other_width * other_height)
