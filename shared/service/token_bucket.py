"""Limits how often something happens: so many a second, and bursts. Pure: time is an argument."""

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class TokenBucket:
    """Allows rate_per_s actions a second, and bursts of capacity actions."""

    rate_per_s: float
    capacity: float
    updated_at: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.capacity

    def has_token(self, now: float) -> bool:
        """Return whether an action would be allowed now."""
        self.tokens = min(self.capacity, self.tokens + self.rate_per_s * (now - self.updated_at))
        self.updated_at = now
        return self.tokens >= 1

    def take_token(self, now: float) -> bool:
        """Return whether an action is allowed now, and count it."""
        if not self.has_token(now):
            return False
        self.tokens -= 1
        return True
