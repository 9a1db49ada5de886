"""What waits, by camera: cameras in turn, by their weights, and of a live camera only the newest. Pure."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """What waits, by camera: served in turn, and for a live camera one place in which the newest wins.

    Turns are given by stride scheduling (Waldspurger and Weihl, 1995): a camera's next turn is due 1 / weight after its
    last one, on a clock that each turn sets to the time when it was due. A turn that finds nothing is not saved up.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[T]] = OrderedDict()  # where something waits; the first since longest
        self._weights: dict[str, float] = {}
        self._due: dict[str, float] = {}  # the next turn of each camera
        self._clock = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def count(self, camera: str) -> int:
        """How many items of the camera wait."""
        return len(self._lanes.get(camera, ()))

    def put(self, camera: str, item: T, keep_all: bool = False, weight: float = 1.0) -> T | None:
        """Let an item wait, and return the one it replaced; the place in the turn stays where it was."""
        lane = self._open(camera)
        self._weights[camera] = weight
        replaced = lane.pop() if lane and not keep_all else None
        lane.append(item)
        return replaced

    def put_back(self, camera: str, item: T) -> None:
        """Let an item wait again before all others."""
        self._open(camera).appendleft(item)
        self._due[camera] = self._clock
        self._lanes.move_to_end(camera, last=False)

    def take(self, most: int) -> list[T]:
        """Up to so many items, one from each camera in turn."""
        taken: list[T] = []
        while self._lanes and len(taken) < most:
            camera = min(self._lanes, key=self._due.__getitem__)
            lane = self._lanes.pop(camera)
            taken.append(lane.popleft())
            if lane:
                self._lanes[camera] = lane
            self._clock = self._due[camera]
            self._due[camera] += 1 / self._weights[camera]
        if not self._lanes:  # everybody has been served: whose turn it was is past
            self._due, self._clock = {}, 0.0
        return taken

    def remove(self, unwanted: Callable[[T], bool]) -> list[T]:
        """Take out all that is unwanted."""
        removed = [item for lane in self._lanes.values() for item in lane if unwanted(item)]
        for camera, lane in list(self._lanes.items()) if removed else ():
            kept = deque(item for item in lane if not unwanted(item))
            if kept:
                self._lanes[camera] = kept
            else:
                del self._lanes[camera]
        return removed

    def _open(self, camera: str) -> deque[T]:
        if camera not in self._lanes:
            self._lanes[camera] = deque()
            self._due[camera] = max(self._due.get(camera, 0.0), self._clock)
        return self._lanes[camera]
