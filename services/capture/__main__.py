"""A camera -> capture -> Frame, CameraState: keeps it open and sends its newest picture when the queue takes one."""

import os
import threading
import time

import cv2

from services.capture.grabber import FrameGrabber
from services.capture.sources import open_source
from shared.cameras.added import read_added
from shared.cameras.camera_list import Camera, find_camera
from shared.cameras.publisher import FramePublisher, StatePublisher
from shared.cameras.watchdog import CameraStatus, CameraWatchdog, SourceOpening
from shared.messaging.messages import CameraState
from shared.messaging.sockets import ClientSocket
from shared.service import lifecycle
from shared.service.stage_loop import QueueLink
from shared.telemetry import metrics
from shared.telemetry.health import NO_QUEUE, Health

CLOSE_WITHIN_S = 0.5
STILL_AFTER_S = 2.0  # without a frame sent; a slow network camera gives one a second
HUNG = 75  # EX_TEMPFAIL of sysexits.h: keep-alive starts this process again


class HungError(Exception):
    """A call into the camera's driver does not return; only a new process helps."""


def main(life: lifecycle.ServiceContext) -> None:
    """CameraWatchdog the camera that this process is named after until told to stop."""
    cv2.setNumThreads(1)  # each camera has a process: their threads would only wait for one another
    camera = find_camera(life.settings.cameras, life.instance, read_added(life.settings.run_dir))
    every_frame = life.settings.every_frame and camera.kind.is_file
    metrics.expect_drops(camera.name, "capture")
    metrics.RECONNECTS.labels(camera.name)
    replaced = metrics.DROPS.labels(camera.name, "capture", "replaced").inc
    reader = FrameGrabber(lambda: open_source(camera, every_frame), every_frame, replaced)
    watch = CameraWatchdog(time.monotonic(), can_block=not every_frame, can_freeze=camera.kind.is_device)
    peer = ClientSocket(life.settings)
    try:
        run(peer, camera, reader, watch, life.stop, life.health)
    except HungError:
        life.log.warning("the driver does not answer; this process starts again")
        os._exit(HUNG)  # a normal exit would wait for the driver
    if life.dismissed.is_set():
        peer.send(CameraState(camera.name, "left", "taken off the list", peer.now()))
    peer.close()
    if not reader.close(CLOSE_WITHIN_S):
        os._exit(0)  # as above


def run(  # noqa: PLR0917 - all that a camera's process is made of
    queue: QueueLink, camera: Camera, reader: FrameGrabber, watch: CameraWatchdog, stop: threading.Event, health: Health
) -> None:
    """Send frames as the queue takes them, and how the camera is. Raises HungError where its driver does not return."""
    herald = StatePublisher(queue, camera.name)
    outbox = FramePublisher(queue, camera.name, reader.keep_all, camera.terms)
    while not stop.is_set():
        hear(watch, reader, camera.name)
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


def find_trouble(judgement: CameraStatus, connected: bool, still_s: float) -> str:
    """What keeps frames from flowing, in a sentence; empty where nothing does, or where there are no more to come."""
    if judgement.state not in ("live", "ended"):
        return f"the camera is {judgement.state}: {judgement.detail}"
    if not connected:
        return NO_QUEUE
    is_still = judgement.state == "live" and still_s > STILL_AFTER_S
    return f"the queue has taken no frame for {still_s:.0f} s" if is_still else ""


def hear(watch: CameraWatchdog, reader: FrameGrabber, name: str) -> None:
    """Tell the watch what the camera did, and count how often it was opened again."""
    for event in reader.events():
        watch.hear(event)
        if isinstance(event, SourceOpening):
            metrics.RECONNECTS.labels(name).inc()


if __name__ == "__main__":
    lifecycle.start("capture", main)
