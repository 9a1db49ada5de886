"""/api/cameras and /api/cells: all cameras, the cells that they belong to, and cameras that are added and removed."""

from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from services.display.web.conversions import camera_info, cell_info
from services.display.web.endpoint import refuse
from services.display.web.schema import CameraInfo, CameraList, CellList, NewCamera, NewCameraName
from services.display.web.state import CameraView, DashboardState
from shared.cameras.added_cameras import MAX_ADDED, make_added_camera, read_added_cameras, write_added_cameras
from shared.cameras.camera_list import Camera
from shared.settings import ConfigError


class CamerasApi:
    """The added cameras are in a file in RUN_DIR, which capture watches; every request reads it anew."""

    def __init__(self, state: DashboardState, run_dir: Path, *, has_cells: bool) -> None:
        self._state, self._run_dir, self._has_cells = state, run_dir, has_cells

    async def list_cameras(self) -> CameraList:
        """Every camera with its state and its rates."""
        added = self._read()
        names = sorted({*added, *self._state.cameras})
        return CameraList(cameras=[self._describe(name, added) for name in names])

    async def list_cells(self) -> CellList:
        """Every cell of CELLS, and whether its queue answers; none if the display shows the one queue of QUEUE."""
        return CellList(cells=[cell_info(cell, self._state) for cell in self._state.cells if cell.name])

    async def put_camera(self, name: NewCameraName, body: NewCamera) -> tuple[CameraInfo, int]:
        """Add a camera to the running pipeline, or change the source of one that was added."""
        self._check_changeable()
        added = self._read()
        try:
            camera = make_added_camera(name, body.source)
        except ConfigError as error:
            refuse(str(error))
        if name not in added and name in self._state.cameras:
            raise web.HTTPConflict(text=f"a camera {name} exists, and was not added here: choose another name")
        if name not in added and len(added) >= MAX_ADDED:
            raise web.HTTPConflict(text=f"{MAX_ADDED} cameras are added already: remove one first")
        self._write(added | {name: camera})
        return self._describe(name, {name: camera}), 200 if name in added else 201

    async def delete_camera(self, name: NewCameraName) -> None:
        """Remove a camera that was added."""
        self._check_changeable()
        added = self._read()
        if added.pop(name, None) is None:
            raise web.HTTPNotFound(text="no camera of this name was added here; those of CAMERAS are changed there")
        self._write(added)

    def _check_changeable(self) -> None:
        if self._has_cells:
            raise web.HTTPConflict(text="this display shows several cells: change a camera in the CAMERAS of its cell")

    def _describe(self, name: str, added: Mapping[str, Camera]) -> CameraInfo:
        return camera_info(name, self._state.cameras.get(name, CameraView()), self._state, is_added=name in added)

    def _read(self) -> dict[str, Camera]:
        if self._has_cells:
            return {}
        try:
            return read_added_cameras(self._run_dir)
        except ConfigError as error:
            raise web.HTTPConflict(text=str(error)) from error

    def _write(self, added: Mapping[str, Camera]) -> None:
        try:
            write_added_cameras(self._run_dir, added)
        except OSError as error:
            raise web.HTTPConflict(text=f"the list cannot be written to RUN_DIR ({error.strerror})") from error
