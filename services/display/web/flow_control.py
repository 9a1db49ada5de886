"""How much a browser is sent at once, and how much it may say: both learn from the clock, which is passed in."""

from dataclasses import dataclass

SLOW_S = 0.25  # a picture that takes longer to be painted waited behind others: send fewer at once
QUICK_S = 0.1  # one that takes less leaves room for more
ROOM_AT_FIRST = 2.0


class FrameWindow:
    """How many pictures may be on their way: halved when one was slow, one more when one was quick.

    One at a time for each camera would not do: 16 cameras on a line that carries 4 pictures a second would all be 4 s
    old. This is the rule by which TCP shares a line, with the age of a picture as the measure.
    """

    def __init__(self) -> None:
        self._pictures = ROOM_AT_FIRST

    def holds(self, on_their_way: int) -> bool:
        """Whether one more may be sent."""
        return on_their_way < int(self._pictures)

    def learn(self, took_s: float, on_their_way: int) -> None:
        """Learn from how long a picture took from being sent to being painted, itself on its way with others.

        Room that was not used proves nothing and does not grow.
        """
        if took_s > SLOW_S:
            self._pictures = max(1.0, self._pictures / 2)
        elif took_s < QUICK_S and not self.holds(on_their_way):
            self._pictures += 1


@dataclass(slots=True)
class TokenBucket:
    """So much a second, and so much at once."""

    per_s: float
    at_once: float
    left: float
    at: float

    def take(self, now: float) -> bool:
        """Take one; False where none is left."""
        self.left = min(self.at_once, self.left + self.per_s * (now - self.at))
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True
