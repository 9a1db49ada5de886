"""The cameras of the page: which there are, and the ones that may be added to CAMERAS and taken away again."""

from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from services.display.web.json_views import Values, of_camera
from services.display.web.requests import check, refuse, to_body
from services.display.web.state import CameraView, DashboardState
from shared.cameras.added_cameras import MAX_ADDED, make_added_camera, read_added_cameras, write_added_cameras
from shared.cameras.camera_list import Camera as Source
from shared.settings import ConfigError


class Cameras:
    """The file in RUN_DIR is what holds: capture watches it, and each page reads it whenever it is asked."""

    def __init__(self, desk: DashboardState, run_dir: Path) -> None:
        self._desk, self._run_dir = desk, run_dir

    async def list(self, request: web.Request) -> web.Response:
        """Every camera and how it is; one that was added just now has not reported yet."""
        check(request.query, {})
        added = self._read()
        return web.json_response({"cameras": [self._describe(n, added) for n in sorted({*added, *self._desk.cameras})]})

    async def put(self, request: web.Request) -> web.Response:
        """Add a camera, or let one that was added have another source."""
        name, body, added = request.match_info["name"], await to_body(request, {"source": str}), self._read()
        try:
            camera = make_added_camera(name, body["source"])
        except ConfigError as error:
            refuse(str(error))
        if name not in added and name in self._desk.cameras:
            raise web.HTTPConflict(text=f"there is a camera {name} already, which was not added here")
        if name not in added and len(added) >= MAX_ADDED:
            raise web.HTTPConflict(text=f"{MAX_ADDED} cameras have been added: take one away first")
        self._keep(added | {name: camera})
        return web.json_response(self._describe(name, {name: camera}), status=200 if name in added else 201)

    async def delete(self, request: web.Request) -> web.Response:
        """Take a camera away that was added here."""
        added = self._read()
        if added.pop(request.match_info["name"], None) is None:
            raise web.HTTPNotFound(text="no camera of this name was added here; those of CAMERAS are changed there")
        self._keep(added)
        return web.Response(status=204)

    def _describe(self, name: str, added: Mapping[str, Source]) -> Values:
        return of_camera(name, self._desk.cameras.get(name, CameraView()), self._desk, is_added=name in added)

    def _read(self) -> dict[str, Source]:
        try:
            return read_added_cameras(self._run_dir)
        except ConfigError as error:
            raise web.HTTPConflict(text=str(error)) from error

    def _keep(self, added: Mapping[str, Source]) -> None:
        try:
            write_added_cameras(self._run_dir, added)
        except OSError as error:
            raise web.HTTPConflict(text=f"the list can't be kept in RUN_DIR ({error.strerror})") from error
