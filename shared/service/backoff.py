"""How long to wait before something that failed is tried again."""

import random


def retry_delay(failures: int, first_s: float, last_s: float) -> float:
    """Return seconds that double from first_s to last_s, with jitter so that processes do not retry in step."""
    longest = min(last_s, first_s * 2.0 ** min(30, max(0, failures - 1)))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - not used for security
