"""Explanations and corrections of a frozen frame speak of that frame, whatever the camera shows later."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.display.display_state import CameraDisplay, DisplayFrame
from services.display.web.explain.frozen_frames import KEPT_S, MAX_BYTES, MAX_FRAMES, FrozenFrames
from services.display.web.live.viewer import MAX_KEPT
from services.display.web.server import WebServer
from shared.pipeline import CameraState
from shared.vision.corrections import CorrectionStore
from shared.vision.digit import Box
from tests.services.display.web.test_api import ask
from tests.services.display.web.test_browser_cameras import Served, becomes, jpeg, open_camera, served
from tests.services.display.web.test_server import Browser, in_browser, open_live_view, report, settings, shown
from tests.services.feed import UP, pictures, view_of

__all__ = ["served"]  # a fixture
UNKNOWN = 2**52


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    pictures(0)  # drawn once, which takes a second
    server = WebServer(settings(tmp_path), time.monotonic)
    yield server
    server.close()


def later_sheet(seq: int) -> DisplayFrame:
    """Return a frame of the same camera with another sheet of paper: 01892 after 30."""
    return CameraDisplay().make_frame(view_of("demo", seq, time.monotonic(), seed=1))


async def see(browser: Browser, server: WebServer, frame: DisplayFrame) -> None:
    """Send a frame to a browser, which paints it."""
    server.update([frame], UP)
    assert (await browser.picture())[0]["seq"] == frame.seq
    await browser.send(kind="painted", camera="demo")


async def freeze(browser: Browser, seq: int) -> int | None:
    await browser.send(kind="freeze", camera="demo", seq=seq)
    answer = await browser.message("frozen")
    assert (answer["camera"], answer["seq"]) == ("demo", seq)
    frame_id: int | None = answer["frame_id"]
    return frame_id


async def explain(server: WebServer, frame_id: int, box: Box) -> Any:
    x, y, width, height = box
    status, answer = await ask(server, f"/api/frames/{frame_id}/explanation?x={x + width / 2}&y={y + height / 2}")
    assert status == 200, answer
    return answer


def test_correction_labels_the_frame_that_was_clicked_when_the_sheet_has_changed(
    server: WebServer, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            clicked = shown()
            await see(browser, server, clicked)
            frame_id = await freeze(browser, clicked.seq)
            assert frame_id
            before = await explain(server, frame_id, clicked.digits[0].box)
            await see(browser, server, later_sheet(2))
            server.update([report("demo", CameraState.LEFT)], UP)
            after = await explain(server, frame_id, clicked.digits[0].box)
            assert before["sentences"][0] == "Read as 3."
            assert {**after, "crop_id": 0} == {**before, "crop_id": 0}
            body = {"crop_id": before["crop_id"], "label": "5"}
            status, correction = await ask(server, "/api/corrections", "POST", json=body)
            assert (status, correction["image"]) == (201, before["classifier_input"])
            (kept,) = CorrectionStore(tmp_path / "learned").fetch()
            assert (kept.label, kept.crop.predicted) == (5, 3)

    in_browser(scenario)


def test_picture_on_the_screen_can_be_frozen_while_the_next_one_is_on_its_way(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            await see(browser, server, shown(seq=1))
            server.update([later_sheet(2)], UP)
            assert (await browser.picture())[0]["seq"] == 2  # decoded, but not painted
            assert await freeze(browser, 1)
            assert await freeze(browser, 2)

    in_browser(scenario)


def test_frozen_camera_is_still_explained(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            await see(browser, server, shown())
            server.update([report("demo", CameraState.ABSENT, "unplugged")], UP)
            frame_id = await freeze(browser, 1)
            assert frame_id
            assert (await explain(server, frame_id, shown().digits[1].box))["sentences"][0] == "Read as 0."

    in_browser(scenario)


def test_picture_of_a_tile_that_was_scrolled_away_and_back_can_be_frozen(server: WebServer) -> None:
    """A camera that has gone sends no newer one."""

    async def scenario() -> None:
        async with open_live_view(server) as browser:
            await see(browser, server, shown())
            await browser.show_tiles()
            await browser.show_tiles("demo")
            assert await freeze(browser, 1)

    in_browser(scenario)


def test_pictures_of_few_cameras_out_of_view_are_kept(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            for number in range(MAX_KEPT + 1):
                await browser.show_tiles(f"cam{number}")
                server.update([replace(shown(seq=1), camera=f"cam{number}")], UP)
                await browser.picture()
                await browser.send(kind="painted", camera=f"cam{number}")
            await browser.show_tiles()
            for number, is_kept in ((0, False), (1, True), (MAX_KEPT, True)):
                await browser.send(kind="freeze", camera=f"cam{number}", seq=1)
                assert bool((await browser.message("frozen"))["frame_id"]) is is_kept

    in_browser(scenario)


def test_frame_that_the_viewer_does_not_see_cannot_be_frozen(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            assert await freeze(browser, 1) is None
            await see(browser, server, shown())
            server.update([report("demo", CameraState.LEFT)], UP)
            await browser.message("state")
            assert await freeze(browser, 1) is None
            status, answer = await ask(server, f"/api/frames/{UNKNOWN}/explanation?x=1&y=1")
            assert (status, answer["error"]) == (404, "this frame is no longer kept: frames are kept for 15 minutes")

    in_browser(scenario)


def test_viewer_holds_one_frame(server: WebServer) -> None:
    async def scenario() -> None:
        async with open_live_view(server) as browser:
            await see(browser, server, shown(seq=1))
            first = await freeze(browser, 1)
            second = await freeze(browser, 1)
            assert (await ask(server, f"/api/frames/{first}/explanation?x=1&y=1"))[0] == 404
            assert (await ask(server, f"/api/frames/{second}/explanation?x=1&y=1"))[0] == 200

    in_browser(scenario)


def test_browser_that_is_a_camera_freezes_the_picture_whose_reading_it_shows(served: Served) -> None:
    """The queue returns readings without pictures: the display joins them to those that the browser sent."""

    async def scenario() -> None:
        async with open_camera(served.server) as browser:
            read, view = shown(), shown().jpeg
            for _ in range(2):
                await browser.message("credit")
                await browser.send(view, time.monotonic())
                view = jpeg(640, 480)  # blank
            await becomes(lambda: len(served.queues[0].frames()) == 2)
            sent = served.queues[0].frames()[0]
            frame = replace(read, camera=browser.name, seq=sent.seq, captured_at=sent.captured_at, jpeg=b"")
            served.server.update([frame], UP)
            assert (await browser.message("reading"))["seq"] == sent.seq
            await browser.socket.send_json({"kind": "freeze", "camera": browser.name, "seq": sent.seq})
            frame_id = (await browser.message("frozen"))["frame_id"]
            assert (await explain(served.server, frame_id, read.digits[0].box))["sentences"][0] == "Read as 3."
            await browser.socket.send_json({"kind": "freeze", "camera": browser.name, "seq": sent.seq + 1})
            assert (await browser.message("frozen"))["frame_id"] is None

    in_browser(scenario)


def sized(size_bytes: int) -> DisplayFrame:
    return replace(shown(), jpeg=bytes(size_bytes))


def test_frames_are_kept_for_a_bounded_time_after_their_last_use() -> None:
    now = 0.0
    frozen = FrozenFrames(lambda: now)
    idle, used = frozen.add(sized(1)), frozen.add(sized(1))
    now = KEPT_S
    assert frozen.get(used)
    now = KEPT_S + 1
    assert frozen.get(idle) is None
    assert frozen.get(used)


@pytest.mark.parametrize(("size_bytes", "kept"), [(1, MAX_FRAMES), (MAX_BYTES // 4, 4), (MAX_BYTES // 4 + 1, 3)])
def test_frames_take_bounded_memory_and_the_least_used_go_first(size_bytes: int, kept: int) -> None:
    frozen = FrozenFrames(lambda: 0.0)
    ids = [frozen.add(sized(size_bytes)) for _ in range(kept)]
    assert frozen.get(ids[0])
    newest = frozen.add(sized(size_bytes))
    assert frozen.get(ids[1]) is None
    assert all(frozen.get(frame_id) for frame_id in (ids[0], *ids[2:], newest))
