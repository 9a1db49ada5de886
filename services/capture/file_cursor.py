"""The position in a file that is read once. It is kept in RUN_DIR, so that a new process goes on there."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from services.capture.frames import FrameStream
from services.capture.unrecorded_frames import UnrecordedFrames
from shared.cameras.problems import CameraAbsentError, CameraProblem
from shared.cameras.publisher import CapturedFrame
from shared.file_reading.progress import FileProgress, find_request, load_progress, make_stamp, save_progress
from shared.messaging.messages import FilePosition

SAVE_EVERY_S = 0.1  # 0.3 ms of work; what is recorded after that is sent again by a new process, and noticed
CHECK_SHARE = 20  # a folder of many files takes long to look at: then it is looked at for a twentieth of the time

Grab = Callable[[int], Iterator[CapturedFrame]]  # yields the frames of the file from an index on


class FileCursor:
    """The progress of a file. read() and has_changed() are for the thread that grabs frames, the rest for another."""

    def __init__(self, run_dir: Path, camera: str, path: Path) -> None:
        self.unrecorded = UnrecordedFrames(self._record)
        self._run_dir, self._camera, self._path = run_dir, camera, path
        self._lock = threading.Lock()
        self._progress: FileProgress | None = None
        self._ahead: set[int] = set()  # recorded, though a frame before them is not
        self._saved: FileProgress | None = None
        self._saved_at = self._check_at = 0.0
        self._has_failed = False
        self._last_stamp = ""

    @property
    def is_ended(self) -> bool:
        """Whether every frame has ended and is recorded."""
        return self._progress is not None and self._progress.is_ended

    def read(self, grab: Grab) -> FrameStream:
        """Yield the frames that are not recorded yet. Raises CameraAbsentError."""
        progress = self._start()
        if progress.is_ended:
            return
        index = progress.recorded - 1
        for index, frame in enumerate(grab(progress.recorded), progress.recorded):
            yield replace(frame, position=FilePosition(progress.stamp, index))
        with self._lock:
            self._progress = replace(self._progress or progress, frames=index + 1)

    def _start(self) -> FileProgress:
        """Return the progress that still counts, or a new one."""
        request, last = find_request(self._run_dir, self._camera), self._progress
        try:
            stamp = make_stamp(self._path, request)
        except OSError as error:
            raise CameraAbsentError(CameraProblem.NO_FILE, f"the file can't be read: {error.strerror}") from error
        if last is None:
            last = self._saved = load_progress(self._run_dir, self._camera)
        with self._lock:
            if last is None or last.stamp != stamp:
                last = FileProgress(camera=self._camera, path=str(self._path.absolute()), stamp=stamp)
                self._ahead = set()
            self._progress = last
        return last

    def _record(self, position: FilePosition) -> None:
        with self._lock:
            if self._progress is None or position.stamp != self._progress.stamp:
                return
            recorded = self._progress.recorded
            self._ahead.add(position.index)
            while recorded in self._ahead:
                self._ahead.remove(recorded)
                recorded += 1
            self._progress = replace(self._progress, recorded=recorded)

    def save(self, now: float) -> None:
        """Write the progress to RUN_DIR if it has changed and it is time. On a full disk that is tried again."""
        progress = self._progress
        if progress is None or progress == self._saved or now - self._saved_at < SAVE_EVERY_S:
            return
        self._saved_at = now
        try:
            save_progress(self._run_dir, progress)
        except OSError as error:
            if not self._has_failed:
                logging.warning("how far the file is read can't be written to RUN_DIR (%s)", error.strerror)
            self._has_failed = True
            return
        self._saved, self._has_failed = progress, False

    def has_changed(self) -> bool:
        """Return whether a file that has ended must be read again. One that is still being written has to wait."""
        now = time.monotonic()
        if self._progress is None or not self.is_ended or now < self._check_at:
            return False
        try:
            stamp = make_stamp(self._path, find_request(self._run_dir, self._camera))
        except OSError:  # it is away; when it is back, it may be the same
            return False
        self._check_at = time.monotonic() + CHECK_SHARE * (time.monotonic() - now)
        is_stable, self._last_stamp = stamp == self._last_stamp, stamp
        return is_stable and stamp != self._progress.stamp
