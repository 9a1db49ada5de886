"""multiprocessing.Queue: a process a camera puts JPEGs into one bounded queue, from which the workers take them.

A full queue refuses the newest picture, as put_nowait does everywhere; the bound, two a camera, keeps what waits young.
"""

import multiprocessing
from multiprocessing.queues import Queue
from queue import Full

from benchmarks.peers.place import Place, Record, Role, load_vision

WAITING = 2  # pictures a camera

Item = tuple[int, float, bytes]


def start(place: Place, _: int) -> None:
    """Start cameras and workers, which inherit the queue, and wait for them."""
    context = multiprocessing.get_context("spawn")
    queue: Queue[Item] = context.Queue(WAITING * len(place.films))
    started = [context.Process(target=work, args=(place, queue), daemon=True) for _ in range(place.workers)]
    started += [context.Process(target=watch, args=(place, queue, camera), daemon=True) for camera in place.cameras]
    for process in started:
        process.start()
    for process in started:
        process.join()


def watch(place: Place, queue: "Queue[Item]", camera: int) -> None:
    """Put a camera's pictures into the queue."""
    for frame in place.play_camera(camera):
        try:
            queue.put_nowait((camera, frame.captured_at, frame.jpeg))
        except Full:
            continue


def work(place: Place, queue: "Queue[Item]") -> None:
    """Read what the queue gives."""
    see, record = load_vision(), Record(place)
    while True:
        camera, due_at, jpeg = queue.get()
        see([jpeg])
        record(camera, due_at)


ROLES = {"start": Role(start, "run")}
