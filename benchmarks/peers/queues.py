"""multiprocessing.Queue: one process per camera puts JPEGs into one bounded queue, from which the workers take them.

A full queue refuses the newest frame, as put_nowait usually does. The bound of two per camera keeps waiting frames
fresh.
"""

import multiprocessing
from multiprocessing.queues import Queue
from queue import Full

from benchmarks.peers.setup import OnePer, PeerSetup, ReadingSender, Role, load_recognize

FRAMES_PER_CAMERA = 2

Item = tuple[int, float, bytes]  # camera, due at, JPEG


def start(setup: PeerSetup, _: int) -> None:
    """Start cameras and workers, which inherit the queue, and wait for them."""
    context = multiprocessing.get_context("spawn")
    queue: Queue[Item] = context.Queue(FRAMES_PER_CAMERA * len(setup.films))
    processes = [context.Process(target=work, args=(setup, queue), daemon=True) for _ in range(setup.workers)]
    processes += [context.Process(target=send, args=(setup, queue, camera), daemon=True) for camera in setup.cameras]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def send(setup: PeerSetup, queue: "Queue[Item]", camera: int) -> None:
    """Put a camera's frames into the queue."""
    for frame in setup.play_camera(camera):
        try:
            queue.put_nowait((camera, frame.captured_at, frame.jpeg))
        except Full:
            continue


def work(setup: PeerSetup, queue: "Queue[Item]") -> None:
    """Read the frames of the queue."""
    recognize, viewer = load_recognize(), ReadingSender(setup)
    while True:
        camera, due_at, jpeg = queue.get()
        (reading,) = recognize([jpeg])
        viewer.send(camera, due_at, reading.digits)


ROLES = {"start": Role(start, OnePer.RUN)}
