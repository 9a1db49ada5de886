"""A camera -> capture -> Frame, CameraState: keeps it open and sends its newest picture when the queue takes one."""

import logging
import os
import threading
import time

import cv2

from shared import lifecycle, metrics
from shared.bus import Peer
from shared.cameras import find_camera
from shared.cameras.reader import Reader
from shared.cameras.shot import Shot
from shared.cameras.sources import open_source
from shared.cameras.watch import Judgement, Opening, Watch
from shared.health import NO_QUEUE, Health
from shared.messages import CameraState, Credit, Frame
from shared.worker import Queue

HEARTBEAT_S = 0.5
WAIT_S = 0.1  # how late a change of state or a stop may be noticed
CLOSE_WITHIN_S = 0.5
STILL_AFTER_S = 2.0  # without a frame sent; a slow network camera gives one a second
HUNG = 75  # EX_TEMPFAIL of sysexits.h: keep-alive starts this process again


class HungError(Exception):
    """A call into the camera's driver does not return; only a new process helps."""


def main(life: lifecycle.Life) -> None:
    """Watch the camera that this process is named after until told to stop."""
    cv2.setNumThreads(1)  # each camera has a process: their threads would only wait for one another
    camera = find_camera(life.settings.cameras, life.instance)
    every_frame = life.settings.every_frame and camera.kind.is_file
    metrics.expect_drops(camera.name, "capture")
    metrics.RECONNECTS.labels(camera.name)
    replaced = metrics.DROPS.labels(camera.name, "capture", "replaced").inc
    reader = Reader(lambda: open_source(camera, every_frame), every_frame, replaced)
    watch = Watch(time.monotonic(), can_block=not every_frame, can_freeze=camera.kind.is_device)
    peer = Peer(life.settings)
    try:
        run(peer, camera.name, reader, watch, life.stop, life.health)
    except HungError:
        life.log.warning("the driver does not answer; this process starts again")
        os._exit(HUNG)  # a normal exit would wait for the driver
    peer.close()
    if not reader.close(CLOSE_WITHIN_S):
        os._exit(0)  # as above


def run(  # noqa: PLR0913, PLR0917 - all that a camera's process is made of
    queue: Queue, name: str, reader: Reader, watch: Watch, stop: threading.Event, health: Health
) -> None:
    """Send frames as the queue takes them, and how the camera is. Raises HungError where its driver does not return."""
    herald = Herald(queue, name)
    outbox = Outbox(queue, name, reader.keep_all)
    while not stop.is_set():
        hear(watch, reader, name)
        now = time.monotonic()
        judgement = watch.judge(now)
        herald.tell(judgement, now)
        health.beat(find_trouble(judgement, queue.connected, now - outbox.sent_at))
        if watch.needs_reopening(now):
            reader.reopen()
        if watch.is_hung(now):
            raise HungError
        if reader.is_broken:
            raise RuntimeError("the thread that reads the camera has crashed")
        outbox.turn(reader)


def find_trouble(judgement: Judgement, connected: bool, still_s: float) -> str:
    """What keeps frames from flowing, in a sentence; empty where nothing does, or where there are no more to come."""
    if judgement.state not in ("live", "ended"):
        return f"the camera is {judgement.state}: {judgement.detail}"
    if not connected:
        return NO_QUEUE
    is_still = judgement.state == "live" and still_s > STILL_AFTER_S
    return f"the queue has taken no frame for {still_s:.0f} s" if is_still else ""


def hear(watch: Watch, reader: Reader, name: str) -> None:
    """Tell the watch what the camera did, and count how often it was opened again."""
    for event in reader.events():
        watch.hear(event)
        if isinstance(event, Opening):
            metrics.RECONNECTS.labels(name).inc()


class Herald:
    """Says how a camera is: to the log on a change, to the queue also as this process's heartbeat."""

    def __init__(self, queue: Queue, name: str) -> None:
        self._queue, self._name = queue, name
        self._state = ""
        self._told_at = -HEARTBEAT_S

    def tell(self, judgement: Judgement, now: float) -> None:
        """Pass a judgement on where it is new or a heartbeat is due; again soon where the queue is not there."""
        changed = judgement.state != self._state
        if changed:
            self._state = judgement.state
            logging.info("%s: %s", judgement.state, judgement.detail)
        if changed or now - self._told_at >= HEARTBEAT_S:
            since = judgement.since + self._queue.now() - now
            # rounded, or the clocks' last digits would make every heartbeat a change
            told = CameraState(self._name, judgement.state, judgement.detail, round(since, 1))
            self._told_at = now if self._queue.send(told) else -HEARTBEAT_S


class Outbox:
    """Shots on their way to the queue, as many as it gave credit for; without credit they stay with the reader."""

    def __init__(self, queue: Queue, name: str, every_frame: bool) -> None:
        self._queue, self._name, self._every_frame = queue, name, every_frame
        self._seq = int(time.time() * 1e6)  # grows across restarts too
        self._credit = 0
        self.sent_at = time.monotonic()  # the last frame
        self._unsent: Shot | None = None

    def turn(self, reader: Reader) -> None:
        """Wait a little: for a shot where there is credit to send it, else for credit."""
        if self._credit and (shot := self._unsent or reader.take(WAIT_S)):
            self._send(shot)
        for message in self._queue.receive(0 if self._credit else WAIT_S):
            if isinstance(message, Credit):
                self._credit = message.frames

    def _send(self, shot: Shot) -> None:
        age_s = time.monotonic() - shot.taken_at
        frame = Frame(self._name, self._seq, self._queue.now() - age_s, self._every_frame, shot.jpeg)
        if self._queue.send(frame):
            self._seq, self._credit, self._unsent = self._seq + 1, self._credit - 1, None
            self.sent_at = time.monotonic()
            metrics.FRAMES.labels(self._name, "capture").inc()
            metrics.AGE.labels(self._name, "capture").observe(age_s)
            return
        self._credit = 0  # the queue is gone; it will give credit when it is back
        if self._every_frame:
            self._unsent = shot
        else:
            metrics.DROPS.labels(self._name, "capture", "no queue").inc()


if __name__ == "__main__":
    lifecycle.start("capture", main)
