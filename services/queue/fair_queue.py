"""A weighted fair queue over cameras, in which a newer item of a live camera replaces the older one. Pure."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Serves cameras in turn, by their weights.

    Turns are given by stride scheduling (Waldspurger and Weihl, 1995): a camera's next turn is due 1 / weight after its
    last one, on a clock that each turn sets to the time when it was due. A camera saves up no turns while it is empty.
    """

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[T]] = OrderedDict()  # cameras with waiting items, longest waiting first
        self._weights: dict[str, float] = {}
        self._due: dict[str, float] = {}  # the next turn of each camera
        self._clock = 0.0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def count_items(self, camera: str) -> int:
        """Return how many items of the camera wait."""
        return len(self._lanes.get(camera, ()))

    def next_camera(self) -> str:
        """Return the camera whose turn is next; "" if nothing waits."""
        return min(self._lanes, key=self._due.__getitem__, default="")

    def add_item(self, camera: str, item: T, *, keep_all: bool = False, weight: float = 1.0) -> T | None:
        """Add an item. Unless keep_all, it replaces the camera's newest item, which is returned; the turn stays."""
        lane = self._open_lane(camera)
        self._weights[camera] = weight
        replaced = lane.pop() if lane and not keep_all else None
        lane.append(item)
        self._length += replaced is None
        return replaced

    def put_back_item(self, camera: str, item: T, *, weight: float) -> None:
        """Add an item ahead of all others."""
        self._open_lane(camera).appendleft(item)
        self._length += 1
        self._weights[camera] = weight
        self._due[camera] = self._clock
        self._lanes.move_to_end(camera, last=False)

    def take_items(self, limit: int) -> list[T]:
        """Remove and return up to limit items, one for each turn."""
        taken: list[T] = []
        while self._lanes and len(taken) < limit:
            camera = self.next_camera()
            lane = self._lanes.pop(camera)
            taken.append(lane.popleft())
            if lane:
                self._lanes[camera] = lane
            self._clock = self._due[camera]
            self._due[camera] += 1 / self._weights[camera]
        self._length -= len(taken)
        if not self._lanes:  # all cameras have been served: earlier turns no longer count
            self._weights, self._due, self._clock = {}, {}, 0.0
        return taken

    def remove_items(self, is_unwanted: Callable[[T], bool]) -> list[T]:
        """Remove and return all items that are unwanted."""
        removed = [item for lane in self._lanes.values() for item in lane if is_unwanted(item)]
        self._length -= len(removed)
        for camera, lane in list(self._lanes.items()) if removed else ():
            kept = deque(item for item in lane if not is_unwanted(item))
            if kept:
                self._lanes[camera] = kept
            else:
                del self._lanes[camera]
        return removed

    def forget_camera(self, camera: str) -> None:
        """Forget the turns of a camera, unless items of it wait."""
        if camera not in self._lanes:
            self._due.pop(camera, None)
            self._weights.pop(camera, None)

    def _open_lane(self, camera: str) -> deque[T]:
        if camera not in self._lanes:
            self._lanes[camera] = deque()
            self._due[camera] = max(self._due.get(camera, self._clock), self._clock)
        return self._lanes[camera]
