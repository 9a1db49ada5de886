"""Pairs items one to one, the closest first: digits with their neighbours, and tracks with digits."""

from collections.abc import Iterable


def pair_closest(candidates: Iterable[tuple[float, int, int]]) -> dict[int, int]:
    """Return pairs (left -> right) of candidates (distance, left, right); each item is in at most one pair per side."""
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, left, right in sorted(candidates):
        if left not in pairs and right not in taken:
            pairs[left] = right
            taken.add(right)
    return pairs
