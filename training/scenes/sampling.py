"""Random sizes."""

import numpy as np


def draw_log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a value between two bounds whose logarithm is uniform: each doubling is as frequent as the next."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
