"""How long to wait before something that failed is tried again."""

import random


def retry_delay(failures: int, first_s: float, last_s: float) -> float:
    """Seconds: doubling from first_s to last_s, with jitter so that what failed together does not come back at once."""
    longest = min(last_s, first_s * 2.0 ** min(30, max(0, failures - 1)))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
