"""What waits, by camera: cameras in turn, and of a live camera only the newest. Pure."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Slots(Generic[T]):
    """What waits, by camera: served in turn, and for a live camera one place in which the newest wins."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[T]] = OrderedDict()  # the first is the one whose turn it is

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def count(self, camera: str) -> int:
        """How many items of the camera wait."""
        return len(self._lanes.get(camera, ()))

    def put(self, camera: str, item: T, keep_all: bool = False) -> T | None:
        """Let an item wait, and return the one it replaced; the place in the turn stays where it was."""
        lane = self._lanes.setdefault(camera, deque())
        replaced = lane.pop() if lane and not keep_all else None
        lane.append(item)
        return replaced

    def put_back(self, camera: str, item: T) -> None:
        """Let an item wait again before all others."""
        self._lanes.setdefault(camera, deque()).appendleft(item)
        self._lanes.move_to_end(camera, last=False)

    def take(self, most: int) -> list[T]:
        """Up to so many items, one from each camera in turn."""
        taken: list[T] = []
        while self._lanes and len(taken) < most:
            camera, lane = self._lanes.popitem(last=False)
            taken.append(lane.popleft())
            if lane:
                self._lanes[camera] = lane
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
