"""The web interface and the API of a display that shows several cells: names with a slash, cells that are gone."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.display.fan_in import CellStatus
from services.display.web.server import READINGS_INTERVAL_S, WebServer
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from tests.services.display.web.test_api import ask, hold_up
from tests.services.display.web.test_browser_cameras import RecordingQueue, becomes, jpeg, open_camera
from tests.services.display.web.test_server import in_browser, open_live_view, report, settings, shown
from tests.services.feed import pictures

HALL, YARD = "hall=tcp://127.0.0.1:5750", "yard=tcp://127.0.0.1:5751"


def cells(*, hall: bool = True, yard: bool = True, since: float = 0.0) -> tuple[CellStatus, ...]:
    return CellStatus("hall", is_up=hall, since=0.0), CellStatus("yard", is_up=yard, since=since)


@dataclass
class Wall:
    """A web server that shows two cells, and the connections that its browser cameras got."""

    server: WebServer
    queues: list[RecordingQueue]


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[Wall]:
    pictures(0)  # drawn once, which takes a second
    queues: list[RecordingQueue] = []

    def connect() -> RecordingQueue:
        queues.append(RecordingQueue())
        return queues[-1]

    server = WebServer(settings(tmp_path, CELLS=f"{HALL},{YARD}"), time.monotonic, connect)
    server.update([report("hall/door", CameraState.LIVE), report("yard/door", CameraState.FROZEN)], cells())
    yield Wall(server, queues)
    server.close()


@pytest.mark.parametrize("name", ["yard/door", "yard%2Fdoor", "yard%2fdoor"])
def test_camera_of_a_cell_is_found_by_its_name_in_an_address(wall: Wall, name: str) -> None:
    """A client encodes the slash, and a proxy may decode it again."""

    async def scenario() -> None:
        question = asyncio.create_task(ask(wall.server, f"/api/cameras/{name}/snapshot.jpg?plain=true"))
        await becomes(lambda: wall.server.selection.pictures == ("yard/door",))
        wall.server.update([shown("hall/door"), shown("yard/door", seq=2)], cells())
        status, picture = await question
        assert (status, picture) == (200, shown("yard/door", seq=2).jpeg)

    in_browser(scenario)


@pytest.mark.parametrize("name", ["yard/gate", "door", "yard%2F..%2F..%2Fetc", "yard//door", "hall/door/door"])
def test_name_that_no_camera_has_is_not_found(wall: Wall, name: str) -> None:
    async def scenario() -> None:
        status, answer = await ask(wall.server, f"/api/cameras/{name}/snapshot.jpg")
        assert (status, answer["error"]) == (404, "there is no such camera")

    in_browser(scenario)


def test_readings_and_events_are_of_the_camera_of_one_cell(wall: Wall) -> None:
    async def scenario() -> None:
        await hold_up(wall.server, 0.5, "yard/door")
        wall.server.update([shown("hall/door")], cells())
        _, readings = await ask(wall.server, "/api/readings?camera=hall/door")
        assert [one["camera"] for one in readings["readings"]] == ["hall/door"]
        _, events = await ask(wall.server, "/api/events")
        assert [(one["camera"], one["number"]) for one in events["events"]] == [("yard/door", "30")]
        assert (await ask(wall.server, "/api/events?camera=hall/door"))[1]["events"] == []

    in_browser(scenario)


def test_cells_are_listed_with_what_they_show(wall: Wall) -> None:
    async def scenario() -> None:
        _, answer = await ask(wall.server, "/api/cells")
        assert [(one["name"], one["up"], one["cameras"], one["live"]) for one in answer["cells"]] == [
            ("hall", True, 1, 1),
            ("yard", True, 1, 0),
        ]
        lost = CameraReport(camera="yard/door", state=CameraState.UNREACHABLE, detail="", began_at=time.monotonic())
        wall.server.update([lost], cells(yard=False))
        _, answer = await ask(wall.server, "/api/cells")
        assert [one["up"] for one in answer["cells"]] == [True, False]
        _, answer = await ask(wall.server, "/api/cameras")
        assert {one["name"]: one["state"] for one in answer["cameras"]} == {
            "hall/door": "live",
            "yard/door": "unreachable",
        }

    in_browser(scenario)


def test_display_of_one_queue_lists_no_cells(tmp_path: Path) -> None:
    async def scenario() -> None:
        assert (await ask(server, "/api/cells"))[1] == {"cells": []}

    server = WebServer(settings(tmp_path), time.monotonic)
    in_browser(scenario)
    server.close()


@pytest.mark.parametrize(("method", "body"), [("PUT", {"source": "demo"}), ("DELETE", None)])
@pytest.mark.parametrize("name", ["new", "hall%2Fnew"])
def test_camera_cannot_be_changed_here(wall: Wall, method: str, body: dict[str, str] | None, name: str) -> None:
    async def scenario() -> None:
        status, answer = await ask(wall.server, f"/api/cameras/{name}", method, json=body)
        assert status == 409
        assert answer["error"].endswith("change a camera in the CAMERAS of its cell")

    in_browser(scenario)


def test_browser_that_is_a_camera_joins_the_first_cell_under_a_name_there(wall: Wall) -> None:
    async def scenario() -> None:
        wall.server.update(
            [report("hall/browser", CameraState.LIVE), report("yard/browser.2", CameraState.LIVE)], cells()
        )
        async with open_camera(wall.server) as browser:
            assert browser.name == "hall/browser.2"
            await browser.message("credit")
            await browser.send(jpeg(), time.monotonic())
            await becomes(wall.queues[0].frames)
            assert wall.queues[0].frames()[0].camera == "browser.2"
            assert wall.server.selection.cameras == ("hall/browser.2",)
            wall.server.update([shown("hall/browser.2", seq=7)], cells())
            assert (await browser.message("reading"))["seq"] == 7
            wall.server.update([], cells(hall=False))
            assert (await browser.message("pipeline"))["up"] is False

    in_browser(scenario)


def test_browser_is_informed_which_cells_answer(wall: Wall) -> None:
    async def scenario() -> None:
        async with open_live_view(wall.server, tiles=()) as browser:
            found = [await browser.message("cell") for _ in range(2)]
            assert [(one["cell"], one["up"]) for one in found] == [("hall", True), ("yard", True)]
            wall.server.update([], cells(yard=False, since=time.monotonic() - 5))
            gone = await browser.message("cell")
            assert (gone["cell"], gone["up"]) == ("yard", False)
            assert gone["for_s"] == pytest.approx(5, abs=1)

    in_browser(scenario)


def test_recording_is_of_the_camera_of_one_cell_and_its_file_has_no_slash(
    wall: Wall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    class Process:
        def __init__(self, command: list[str]) -> None:
            started.append(command)

        def poll(self) -> int | None:
            return None

        def terminate(self) -> None:
            pass

    async def scenario() -> None:
        monkeypatch.setattr("services.display.web.api.recordings.subprocess.Popen", Process)
        status, answer = await ask(wall.server, "/api/recordings", "POST", json={"camera": "yard/door", "seconds": 1})
        assert status == 201
        assert "-yard-door-" in answer["id"]
        assert started[0][-1] == "yard/door"
        assert Path(started[0][-3]).parent == tmp_path / "recordings"

    in_browser(scenario)


def test_without_events_few_views_are_needed_of_cameras_that_nobody_watches(tmp_path: Path) -> None:
    server = WebServer(settings(tmp_path, EVENTS_DAYS="0"), time.monotonic)
    assert server.selection.interval_s == READINGS_INTERVAL_S
    server.close()
