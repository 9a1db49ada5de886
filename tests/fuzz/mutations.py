"""Values and bytes that break programs."""

import random
from collections.abc import Sequence

ODD_BYTES = (
    b"",
    b"\0",
    b"\xff",
    b"\r\n",
    b"\n",
    b"%00",
    b"../",
    b"\xf0\x9f\x92\xa9",
    b"A" * 5000,
    b"-1",
    b"1e999",
    b"{",
    b"[" * 2000,
)


def mutate(data: bytes, rng: random.Random, pieces: Sequence[bytes] = ODD_BYTES) -> bytes:
    """Return bytes with one to four changes: bits, cuts, repeats, and odd pieces put in."""
    changed = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        to = min(len(changed), at + rng.choice((1, 2, 8, 64)))
        match rng.randrange(6):
            case 0 if changed:
                changed[min(at, len(changed) - 1)] ^= 1 << rng.randrange(8)
            case 1:
                del changed[at:to]
            case 2:
                changed[at:at] = changed[at:to] * rng.choice((1, 2, 20))
            case 3:
                changed[at:at] = rng.choice(pieces)
            case 4:
                changed[at:to] = rng.randbytes(to - at)
            case _:
                del changed[at:]
        if not changed:
            break
    return bytes(changed[:100_000])
