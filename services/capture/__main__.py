"""A camera -> capture -> Frame, CameraReport: keeps the camera open and sends its newest frame when the queue asks."""

import math
import os
import time
from collections import deque
from pathlib import Path

import cv2

from services.capture.file_cursor import FileCursor
from services.capture.film_player import FilmPlayer
from services.capture.grabber import FrameGrabber
from services.capture.sources import is_played, open_source
from services.capture.webcam import wait_for_permission
from shared.cameras.added_cameras import load_added_cameras
from shared.cameras.camera_list import Camera, SourceKind, find_camera
from shared.cameras.pace import BLOCKED_S, CALL_S, WEBCAM_OPENING_S, Pace
from shared.cameras.publisher import FramePublisher, StatePublisher
from shared.cameras.watchdog import CameraStatus, CameraWatchdog, SourceEvent, SourceFinished, SourceOpening
from shared.messaging.messages import CameraReport
from shared.messaging.sockets import ClientSocket, FrameLink
from shared.pipeline import CameraState, DropReason, Stage
from shared.service import lifecycle
from shared.telemetry import metrics
from shared.telemetry.health import QUEUE_SILENT, NotReady, Problem

CLOSE_WITHIN_S = 0.5
STALLED_AFTER_S = 2.0  # without a frame sent; a slow network camera gives one per second
PACES = {SourceKind.STREAM: Pace(), SourceKind.WEBCAM: Pace(WEBCAM_OPENING_S, CALL_S, is_fast=True)}
HUNG = 75  # EX_TEMPFAIL of sysexits.h: the supervisor restarts this process


class HungError(Exception):
    """A call into the camera's driver does not return. Only a new process helps."""


def main(context: lifecycle.ServiceContext) -> None:
    cv2.setNumThreads(1)  # each camera has a process of its own, and their threads would compete
    settings = context.settings
    camera = find_camera(settings.cameras, context.instance, load_added_cameras(settings.run_dir))
    every_frame = settings.every_frame and camera.kind.is_file
    metrics.init_drop_counters(camera.name, Stage.CAPTURE)
    metrics.RECONNECTS.labels(camera.name)
    if camera.kind is SourceKind.WEBCAM:
        wait_for_permission(camera.source)
    pace = PACES.get(camera.kind, Pace(BLOCKED_S, CALL_S))
    cursor = FileCursor(settings.run_dir, camera.name, Path(camera.source).expanduser()) if every_frame else None
    grabber = make_grabber(camera, cursor, pace)
    if isinstance(grabber, FilmPlayer):
        grabber.wait_for_frame(0.0)  # opens the film: before the first heartbeat it may take long, as from a slow disk
    can_block = isinstance(grabber, FrameGrabber) and not every_frame
    watchdog = CameraWatchdog(time.monotonic(), can_block=can_block, can_freeze=camera.kind.is_device, pace=pace)
    queue = ClientSocket(settings)
    try:
        run(context, camera, queue, grabber, watchdog, cursor)
    except HungError:
        context.log.warning("the camera's driver does not return; restarting this process")
        os._exit(HUNG)  # a normal exit would wait for the driver
    if context.dismissed.is_set():
        queue.send(
            CameraReport(
                camera=camera.name, state=CameraState.LEFT, detail="removed from the list", began_at=queue.now()
            )
        )
    queue.close()
    if not grabber.close(CLOSE_WITHIN_S):
        os._exit(0)  # as above


def make_grabber(camera: Camera, cursor: FileCursor | None, pace: Pace) -> FrameGrabber | FilmPlayer:
    """Return what holds the camera open: a thread, unless it is a film that gives a frame whenever it is asked.

    cursor: of a file that is read once.
    """
    on_replaced = metrics.DROPS.labels(camera.name, Stage.CAPTURE, DropReason.REPLACED).inc
    if cursor:
        return FrameGrabber(
            lambda: open_source(camera, every_frame=True, pace=pace, cursor=cursor),
            keep_all=True,
            on_replaced=on_replaced,
            has_changed=cursor.has_changed,
        )
    if is_played(camera):
        return FilmPlayer(
            lambda schedule: open_source(camera, every_frame=False, pace=pace, schedule=schedule),
            on_replaced=on_replaced,
        )
    return FrameGrabber(
        lambda: open_source(camera, every_frame=False, pace=pace), keep_all=False, on_replaced=on_replaced
    )


def run(  # noqa: PLR0917 - the parts of a camera, each replaced in tests
    context: lifecycle.ServiceContext,
    camera: Camera,
    queue: FrameLink,
    grabber: FrameGrabber | FilmPlayer,
    watchdog: CameraWatchdog,
    cursor: FileCursor | None = None,
) -> None:
    """Send frames as the queue grants credit, and the camera's state. Raises HungError if its driver hangs.

    cursor: of a file that is read once.
    """
    states = StatePublisher(queue, camera.name)
    frames = FramePublisher(
        queue,
        camera.name,
        every_frame=grabber.keep_all,
        options=camera.options,
        long_side_px=context.settings.long_side_px,
        unrecorded=cursor.unrecorded if cursor else None,
    )
    events: deque[SourceEvent] = deque()
    while not context.stop.is_set():
        events += grabber.drain_events()
        while events and not (isinstance(events[0], SourceFinished) and cursor and not cursor.is_ended):
            event = events.popleft()
            watchdog.handle_event(event)
            if isinstance(event, SourceOpening):
                metrics.RECONNECTS.labels(camera.name).inc()
        now = time.monotonic()
        if cursor:
            cursor.save(now)
        status = watchdog.check_status(now)
        states.publish(status, now, frames.ring_name)
        context.health.heartbeat(find_problem(status, queue.connected, now - frames.last_sent_at))
        if watchdog.needs_reopening():
            grabber.request_reopen()
        if watchdog.is_hung(now):
            raise HungError
        if grabber.has_crashed:
            raise RuntimeError("the thread that grabs frames has crashed")
        frames.send_next(grabber)
    frames.close()
    if cursor:
        cursor.save(math.inf)


def find_problem(status: CameraStatus, connected: bool, unsent_s: float) -> Problem | None:
    """Return what keeps frames from flowing; None also if the file has ended."""
    if status.state not in (CameraState.LIVE, CameraState.ENDED):
        reason = NotReady.CAMERA_ABSENT if status.state == CameraState.ABSENT else NotReady.CAMERA_DOWN
        return Problem(reason, f"the camera is {status.state}: {status.detail}")
    if not connected:
        return QUEUE_SILENT
    is_stalled = status.state == CameraState.LIVE and unsent_s > STALLED_AFTER_S
    return Problem(NotReady.NO_FRAMES, f"the queue has taken no frame for {unsent_s:.0f} s") if is_stalled else None


if __name__ == "__main__":
    lifecycle.run_service(Stage.CAPTURE, main)
