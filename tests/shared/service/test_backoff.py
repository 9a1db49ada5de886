"""Retries start soon, slow down, and never stop."""

import pytest

from shared.service.backoff import retry_delay


@pytest.mark.parametrize(("failures", "longest"), [(0, 0.1), (1, 0.1), (2, 0.2), (3, 0.4), (6, 2.0), (10_000, 2.0)])
def test_delay_doubles_up_to_a_bound_and_never_shrinks_below_half(failures: int, longest: float) -> None:
    delays = [retry_delay(failures, 0.1, 2.0) for _ in range(200)]
    assert longest / 2 <= min(delays) < max(delays) <= longest
