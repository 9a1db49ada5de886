"""A stage that is slower than it need be: its time a page and a digit come from the environment, set by the bench."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from shared.messaging.messages import Reading

PAGE_S, DIGIT_S = "DIGITCAM_BENCH_PAGE_S", "DIGITCAM_BENCH_DIGIT_S"

Work = TypeVar("Work")


def slowed(
    read: Callable[[Sequence[Work]], list[Reading]],
    environment: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
) -> Callable[[Sequence[Work]], list[Reading]]:
    """The same function, which takes at least so many seconds a page and a digit; without these it is unchanged."""
    page_s, digit_s = (float(environment.get(name, "0")) for name in (PAGE_S, DIGIT_S))
    if not page_s and not digit_s:
        return read

    def read_slowly(work: Sequence[Work]) -> list[Reading]:
        began = time.monotonic()
        readings = read(work)
        takes_s = sum(page_s + digit_s * len(reading.digits) for reading in readings)
        sleep(max(0.0, began + takes_s - time.monotonic()))
        return readings

    return read_slowly
