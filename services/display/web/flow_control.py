"""How many pictures may be in flight to a browser. Pure: time is an argument."""

SLOW_S = 0.25  # a picture that took longer to be painted waited behind others: send fewer at once
QUICK_S = 0.1  # one that took less leaves capacity for more
INITIAL_WINDOW = 2.0


class FrameWindow:
    """How many pictures may be in flight to a browser: halved after a slow picture, one more after a quick one.

    One picture in flight for each camera is not enough of a limit: on a line that carries 4 pictures a second, those of
    16 cameras would all be 4 s old. This is TCP's congestion window, with the age of a picture as the signal.
    """

    def __init__(self) -> None:
        self._size = INITIAL_WINDOW

    def is_open(self, in_flight: int) -> bool:
        """Return whether one more picture may be sent."""
        return in_flight < int(self._size)

    def record(self, latency_s: float, in_flight: int) -> None:
        """Adjust the window after a picture was painted; in_flight counts it too.

        A window that was not full does not grow: the line was not tested.
        """
        if latency_s > SLOW_S:
            self._size = max(1.0, self._size / 2)
        elif latency_s < QUICK_S and not self.is_open(in_flight):
            self._size += 1
