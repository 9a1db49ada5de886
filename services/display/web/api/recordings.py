"""Films of a camera with what was read on it. Each is made by a process of its own, so that no page waits for it."""

import asyncio
import re
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from services.display.web.json_views import to_time
from services.display.web.requests import check, refuse, to_body
from services.display.web.state import DashboardState

MOST_RUNNING = 2  # each takes a tenth of a core
MOST_KEPT = 20  # the oldest is deleted for the next
MOST_S = 300
STAMP = "%Y%m%dT%H%M%SZ"
ID = r"\d{8}T\d{6}Z-[A-Za-z0-9-]{1,40}"


class Recordings:
    """The films in a folder, and those that are being made."""

    def __init__(self, desk: DashboardState, folder: Path) -> None:
        self._desk, self._folder = desk, folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    async def list(self, request: web.Request) -> web.Response:
        """Every film, the newest first."""
        check(request.query, {})
        self._forget_ended()
        names = {path.stem for path in self._folder.glob("*.mp4") if ".part" not in path.name} | self._running.keys()
        return web.json_response({"recordings": [self._describe(name) for name in sorted(names, reverse=True)]})

    async def start(self, request: web.Request) -> web.Response:
        """Begin a film of so many seconds."""
        body = await to_body(request, {"camera": str, "seconds": int})
        camera, seconds = body["camera"], body["seconds"]
        if not 1 <= seconds <= MOST_S:
            refuse(f"seconds is a whole number from 1 to {MOST_S}")
        if camera not in self._desk.cameras:
            raise web.HTTPNotFound(text="there is no such camera")
        self._forget_ended()
        if len(self._running) >= MOST_RUNNING:
            raise web.HTTPTooManyRequests(text=f"{MOST_RUNNING} films are being made already")
        name = self._begin(camera, seconds)
        return web.json_response(self._describe(name), status=201)

    def _begin(self, camera: str, seconds: int) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in sorted(self._folder.glob("*.mp4"))[: -MOST_KEPT + 1 or None]:
            old.unlink(missing_ok=True)
        slug = re.sub(r"[^A-Za-z0-9]+", "-", camera)[:32]
        name = f"{datetime.now(UTC):{STAMP}}-{slug}-{secrets.token_hex(3)}"
        command = [sys.executable, "-m", "digitcam", "record", "--seconds", str(seconds)]
        self._running[name] = subprocess.Popen([*command, "--to", str(self._path(name)), "--", camera])
        return name

    async def give(self, request: web.Request) -> web.FileResponse:
        """A film that is complete."""
        path = self._path(request.match_info["id"])
        if request.match_info["id"] in self._running and not path.is_file():
            raise web.HTTPConflict(text="this film is not complete yet")
        if not path.is_file():
            raise web.HTTPNotFound(text="there is no such recording")
        return web.FileResponse(path, headers={"Content-Type": "video/mp4"})

    async def delete(self, request: web.Request) -> web.Response:
        """End a film that is being made, or delete one that is complete."""
        name = request.match_info["id"]
        process = self._running.get(name)
        if self._path(name).is_file():
            if process:  # about to end: the film appears under its name when it is complete
                await asyncio.to_thread(process.wait)
                self._forget_ended()
            self._path(name).unlink(missing_ok=True)
        elif process:
            process.terminate()
        else:
            raise web.HTTPNotFound(text="there is no such recording")
        return web.Response(status=204)

    async def say_goodbye(self, _: web.Application) -> None:
        """End every film; what is there of it is kept."""
        for process in self._running.values():
            process.terminate()

    def _forget_ended(self) -> None:
        self._running = {name: process for name, process in self._running.items() if process.poll() is None}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.mp4"  # the route takes no name but one of ID

    def _describe(self, name: str) -> dict[str, Any]:
        path, began = self._path(name), datetime.strptime(name[:16], STAMP).replace(tzinfo=UTC)
        return {
            "id": name,
            "state": "running" if name in self._running else "complete",
            "started_at": to_time(began.timestamp()),
            "bytes": path.stat().st_size if path.is_file() else 0,
            "url": f"/api/recordings/{name}.mp4",
        }
