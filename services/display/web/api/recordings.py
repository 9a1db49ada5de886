"""Recordings of a camera with its readings drawn on it; `digitcam record` makes each in a process of its own."""

import asyncio
import re
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from services.display.web.schema import (
    RECORDING_ID,
    NewRecording,
    RecordingId,
    RecordingInfo,
    RecordingList,
    to_timestamp,
)
from services.display.web.state import DashboardState
from shared.state_files import make_folder

MAX_RUNNING = 2  # each takes a fifth of a core at 30 frames/s
MAX_KEPT = 20  # the oldest is deleted to make space for the next
ID_TIME = "%Y%m%dT%H%M%SZ"


class RecordingsApi:
    """The recordings in a folder, and those that are running."""

    def __init__(self, state: DashboardState, folder: Path) -> None:
        self._state, self._folder = state, folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    async def list_recordings(self) -> RecordingList:
        """Every recording, the newest first."""
        self._forget_ended()
        ids = sorted({*self._list_complete(), *self._running}, reverse=True)
        return RecordingList(recordings=[self._describe(recording_id) for recording_id in ids])

    async def start_recording(self, body: NewRecording) -> RecordingInfo:
        """Record a camera with its readings drawn on it."""
        if body.camera not in self._state.cameras:
            raise web.HTTPNotFound(text="there is no such camera")
        self._forget_ended()
        if len(self._running) >= MAX_RUNNING:
            raise web.HTTPTooManyRequests(text=f"{MAX_RUNNING} recordings are running already")
        try:
            make_folder(self._folder)
            for old in self._list_complete()[: -MAX_KEPT + 1 or None]:
                self._path(old).unlink(missing_ok=True)
        except OSError as error:
            raise web.HTTPConflict(text=f"no recording can be written to RUN_DIR ({error.strerror})") from error
        slug = re.sub(r"[^A-Za-z0-9]+", "-", body.camera)[:32]
        recording_id = f"{datetime.now(UTC):{ID_TIME}}-{slug}-{secrets.token_hex(3)}"
        command = [sys.executable, "-m", "digitcam", "record", "--seconds", str(body.seconds)]
        self._running[recording_id] = subprocess.Popen(
            [*command, "--to", str(self._path(recording_id)), "--", body.camera]
        )
        return self._describe(recording_id)

    async def get_recording(self, recording_id: RecordingId) -> web.FileResponse:
        """A complete recording."""
        path = self._path(recording_id)
        if path.is_file():
            return web.FileResponse(path, headers={"Content-Type": "video/mp4"})
        if recording_id in self._running:
            raise web.HTTPConflict(text="this recording is not complete yet")
        raise web.HTTPNotFound(text="there is no such recording")

    async def delete_recording(self, recording_id: RecordingId) -> None:
        """Stop a running recording, or delete a complete one."""
        process = self._running.get(recording_id)
        if self._path(recording_id).is_file():
            if process:  # about to end: the file gets its name when it is complete
                await asyncio.to_thread(process.wait)
                self._forget_ended()
            self._path(recording_id).unlink(missing_ok=True)
        elif process:
            process.terminate()
        else:
            raise web.HTTPNotFound(text="there is no such recording")

    async def stop_all(self, _: web.Application) -> None:
        """Stop every running recording; what is recorded so far is kept."""
        for process in self._running.values():
            process.terminate()

    def _list_complete(self) -> list[str]:
        """Return the ids of the complete recordings, the oldest first. Other files in the folder are none of them."""
        return sorted(path.stem for path in self._folder.glob("*.mp4") if is_recording(path))

    def _forget_ended(self) -> None:
        self._running = {
            recording_id: process for recording_id, process in self._running.items() if process.poll() is None
        }

    def _path(self, recording_id: str) -> Path:
        return self._folder / f"{recording_id}.mp4"  # RecordingId has no slash

    def _describe(self, recording_id: str) -> RecordingInfo:
        path = self._path(recording_id)
        return RecordingInfo(
            id=recording_id,
            state="running" if recording_id in self._running else "complete",
            started_at=to_timestamp(parse_start(recording_id).timestamp()),
            bytes=path.stat().st_size if path.is_file() else 0,
            url=f"/api/recordings/{recording_id}.mp4",
        )


def is_recording(path: Path) -> bool:
    """Return whether a file is a recording that was made here."""
    try:
        parse_start(path.stem)
    except ValueError:
        return False
    return RECORDING_ID.fullmatch(path.stem) is not None and path.is_file()


def parse_start(recording_id: str) -> datetime:
    """Return when a recording began, with which its id begins. Raises ValueError."""
    return datetime.strptime(recording_id[:16], ID_TIME).replace(tzinfo=UTC)
