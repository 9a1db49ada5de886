"""The answers for programs, asked as a program would: what is shown, what came and went, streams, pictures, films."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import simplejpeg
from aiohttp import WSCloseCode, WSMsgType, web

from services.display.events import APPEAR_S
from services.display.web.api.stream import MAX_LISTENERS, Listener
from services.display.web.event_store import MAX_EVENTS, Event, EventQuery, EventStore
from services.display.web.server import GLANCE_S, WebServer
from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, MAX_ADDED, read_added_cameras
from shared.messaging.messages import CameraReport
from shared.pipeline import CameraState
from shared.settings import ConfigError
from tests.services.display.web.test_browser_cameras import becomes
from tests.services.display.web.test_server import in_browser, settings, shown
from tests.services.feed import pictures

JPEG = b"\xff\xd8"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[WebServer]:
    pictures(0)  # drawn once, which takes a second
    page = WebServer(settings(tmp_path), time.monotonic)
    yield page
    page.close()


async def ask(page: WebServer, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, page.url + path, **more) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await (answer.json() if is_json else answer.read())


def show(page: WebServer, camera: str = "demo", state: CameraState = CameraState.LIVE) -> None:
    page.update(
        [
            CameraReport(camera=camera, state=state, detail="because", began_at=time.monotonic() - 5),
            replace(shown(camera), jpeg=b""),
        ],
        True,
    )


async def hold_up(page: WebServer, seconds: float, camera: str = "demo") -> None:
    """Show the demo's sheet, which says 30, ten times a second for so long, and then nothing."""
    first = shown(camera)
    for step in range(round(10 * seconds) + 1):
        page.update([replace(first, captured_at=first.captured_at + step / 10, jpeg=b"")], True)
    page.update([replace(first, captured_at=first.captured_at + seconds + 0.1, numbers=(), jpeg=b"")], True)


def test_cameras_say_how_they_are_and_how_fast(page: WebServer) -> None:
    async def scenario() -> None:
        show(page, "desk", CameraState.FROZEN)
        show(page)
        _, answer = await ask(page, "/api/cameras")
        assert [camera["name"] for camera in answer["cameras"]] == ["demo", "desk"]
        desk = answer["cameras"][1]
        assert (desk["state"], desk["detail"]) == ("frozen", "because")
        assert desk["since"].endswith("Z")
        assert 0.03 <= desk["age_s"] < 2

    in_browser(scenario)


async def put(page: WebServer, name: str, source: object = "demo", **more: Any) -> tuple[int, Any]:
    return await ask(page, f"/api/cameras/{name}", "PUT", json={"source": source}, **more)


def test_camera_is_added_given_another_source_and_taken_away(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        show(page)
        status, camera = await put(page, "hall", "rtsp://me:s3cret@10.0.0.7/live")
        assert (status, camera["state"], camera["added"]) == (201, "connecting", True)
        assert (await put(page, "hall", "http://10.0.0.7/cam.mjpg"))[0] == 200
        assert read_added_cameras(tmp_path)["hall"].source == "http://10.0.0.7/cam.mjpg"
        listed = (await ask(page, "/api/cameras"))[1]["cameras"]
        assert [(camera["name"], camera["added"]) for camera in listed] == [("demo", False), ("hall", True)]
        assert "10.0.0.7" not in json.dumps(listed)
        assert (await ask(page, "/api/cameras/hall", "DELETE"))[0] == 204
        assert read_added_cameras(tmp_path) == {}
        assert (await ask(page, "/api/cameras/hall", "DELETE"))[0] == 404

    in_browser(scenario)


@pytest.mark.parametrize(
    ("name", "source", "refused"),
    [
        ("hall", "/etc/passwd", (400, "source is rtsp://")),
        ("hall", "0", (400, "source is rtsp://")),
        ("hall", 7, (400, "source: str")),
        ("-hall", "demo", (400, "name is")),
        ("demo", "demo", (409, "not added here")),
    ],
)
def test_camera_that_may_not_be_added_is_refused_in_a_sentence(
    page: WebServer, tmp_path: Path, name: str, source: object, refused: tuple[int, str]
) -> None:
    async def scenario() -> None:
        show(page)
        status, answer = await put(page, name, source)
        assert status == refused[0]
        assert refused[1] in answer["error"]

    in_browser(scenario)
    assert not (tmp_path / ADDED_CAMERAS_FILE).exists()


def test_no_more_cameras_are_added_than_a_machine_can_bear(page: WebServer) -> None:
    async def scenario() -> None:
        answers = [(await put(page, f"c{number}"))[0] for number in range(MAX_ADDED + 1)]
        assert answers == [201] * MAX_ADDED + [409]
        assert (await put(page, "c0"))[0] == 200

    in_browser(scenario)


def test_other_pages_scripts_and_who_has_no_token_add_no_camera(tmp_path: Path) -> None:
    async def scenario() -> None:
        page = WebServer(settings(tmp_path, WEB_TOKEN="of this test"), time.monotonic)  # noqa: S106 - of nothing else
        assert (await put(page, "hall"))[0] == 401
        assert (await put(page, "hall?token=of+this+test", headers={"Origin": "http://else.example"}))[0] == 403
        assert (await put(page, "hall?token=of+this+test"))[0] == 201
        await asyncio.to_thread(page.close)

    in_browser(scenario)


def test_list_that_was_spoilt_is_said_and_left_as_it_is(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / ADDED_CAMERAS_FILE).write_text("nonsense")
        for status, answer in (await put(page, "hall"), await ask(page, "/api/cameras")):
            assert status == 409
            assert "cameras.json can't be used" in answer["error"]

    in_browser(scenario)
    assert (tmp_path / ADDED_CAMERAS_FILE).read_text() == "nonsense"


def test_readings_are_the_newest_of_each_camera_or_of_one(page: WebServer) -> None:
    async def scenario() -> None:
        show(page, "desk")
        show(page)
        _, answer = await ask(page, "/api/readings?camera=demo")
        [reading] = answer["readings"]
        assert (reading["camera"], [number["text"] for number in reading["numbers"]]) == ("demo", ["30"])
        assert len((await ask(page, "/api/readings"))[1]["readings"]) == 2

    in_browser(scenario)


def test_number_that_came_and_went_is_an_event_with_its_times(page: WebServer) -> None:
    async def scenario() -> None:
        began_at = time.time()
        await hold_up(page, 2.0)
        _, answer = await ask(page, "/api/events")
        [event] = answer["events"]
        assert (event["camera"], event["number"], event["left_at"]) == ("demo", "30", None)
        assert event["confidence"] > 0.5
        await becomes_left(page)
        _, answer = await ask(page, "/api/events?camera=demo&number=30")
        [event] = answer["events"]
        came, went = (
            time.mktime(time.strptime(event[k][:19], "%Y-%m-%dT%H:%M:%S")) for k in ("appeared_at", "left_at")
        )
        assert went - came == pytest.approx(2.0, abs=1.01)
        assert abs(came - time.timezone - began_at) < 2

    async def becomes_left(page: WebServer) -> None:
        for _ in range(100):
            if (await ask(page, "/api/events"))[1]["events"][0]["left_at"]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("it never left")

    in_browser(scenario)


def test_readings_come_ten_times_a_second_while_nobody_looks(page: WebServer) -> None:
    assert page.min_interval_s == GLANCE_S
    assert APPEAR_S >= 2 * GLANCE_S


@pytest.mark.parametrize(
    "path",
    [
        "/api/events?limit=0",
        "/api/events?limit=1001",
        "/api/events?limit=1&limit=2",
        "/api/events?since=yesterday",
        "/api/events?since=2026-11-24T09:30:00",
        "/api/events?before=-1",
        "/api/events?number=seven",
        "/api/readings?camera=",
        "/api/readings?kamera=demo",
        "/api/cameras?camera=demo",
        "/api/cameras/demo/snapshot.jpg?plain=maybe",
    ],
)
def test_question_that_is_wrong_is_refused_in_a_sentence(page: WebServer, path: str) -> None:
    async def scenario() -> None:
        show(page)
        status, answer = await ask(page, path)
        assert status == 400
        assert " is " in answer["error"] or "there are" in answer["error"]

    in_browser(scenario)


@pytest.mark.parametrize("path", ["/api/nothing", "/api/cameras/nobody/snapshot.jpg", "/api/recordings/../x.mp4"])
def test_what_is_not_there_is_said_as_json(page: WebServer, path: str) -> None:
    async def scenario() -> None:
        status, answer = await ask(page, path)
        assert status == 404
        assert answer["error"]

    in_browser(scenario)


def test_snapshot_is_the_next_picture_with_what_was_read_on_it(page: WebServer) -> None:
    async def scenario() -> None:
        show(page)
        question = asyncio.create_task(ask(page, "/api/cameras/demo/snapshot.jpg"))
        await becomes(lambda: page.wants_pictures)
        page.update([shown()], True)
        status, jpeg = await question
        assert status == 200
        drawn, plain = (simplejpeg.decode_jpeg(data).astype(int) for data in (jpeg, shown().jpeg))
        assert (np.abs(drawn - plain).max(axis=2) > 60).mean() > 0.01  # boxes, labels
        await becomes(lambda: not page.wants_pictures)

    in_browser(scenario)


def test_snapshot_of_a_camera_that_gives_none_says_why(page: WebServer) -> None:
    async def scenario() -> None:
        show(page, "desk", CameraState.ABSENT)
        status, answer = await ask(page, "/api/cameras/desk/snapshot.jpg")
        assert status == 409
        assert answer["error"] == "no picture within 2 s; the camera is absent: because"

    in_browser(scenario)


def test_snapshot_of_a_camera_that_leaves_meanwhile_says_so(page: WebServer) -> None:
    async def scenario() -> None:
        show(page, "desk", CameraState.ABSENT)
        question = asyncio.create_task(ask(page, "/api/cameras/desk/snapshot.jpg"))
        await becomes(lambda: page.wants_pictures)
        page.update([CameraReport(camera="desk", state=CameraState.LEFT, detail="", began_at=time.monotonic())], True)
        status, answer = await question
        assert (status, answer["error"]) == (404, "there is no such camera")

    in_browser(scenario)


async def read_events(response: aiohttp.ClientResponse) -> list[tuple[str, dict[str, Any]]]:
    """The next server-sent event that is one, as a list of one."""
    while True:
        block = (await response.content.readuntil(b"\n\n")).decode()
        if block.startswith("event: "):
            kind, data = block.strip().split("\n")
            return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: ")))]


def test_stream_tells_readings_and_events_of_the_camera_asked_for(page: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{page.url}/api/stream?camera=demo") as stream:
            assert stream.content_type == "text/event-stream"
            await becomes(lambda: page.min_interval_s == 0)
            await hold_up(page, 0.5, "desk")
            await hold_up(page, 0.5)
            told: list[tuple[str, dict[str, Any]]] = []
            while "appeared" not in [kind for kind, _ in told] or "reading" not in [kind for kind, _ in told]:
                told += await read_events(stream)
            assert {values["camera"] for _, values in told} == {"demo"}
            assert dict(told)["appeared"]["number"] == "30"

        def is_left() -> bool:
            page.update([shown()], True)  # a write notices who has left
            return page.min_interval_s > 0

        await becomes(is_left)

    in_browser(scenario)


def test_socket_tells_states_and_readings_and_hears_nothing(page: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{page.url}/api/ws") as socket:
            await becomes(lambda: page.min_interval_s == 0)
            show(page)
            words = [json.loads((await socket.receive(5)).data) for _ in range(2)]
            assert [word["kind"] for word in words] == ["camera", "reading"]
            assert (words[0]["name"], words[1]["numbers"][0]["text"]) == ("demo", "30")
            await socket.send_str("hello")
            while (message := await socket.receive(5)).type is WSMsgType.TEXT:
                pass
            assert message.data == WSCloseCode.POLICY_VIOLATION

    in_browser(scenario)


def test_listener_too_many_is_told_so(page: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            opened = [await session.ws_connect(f"{page.url}/api/ws") for _ in range(MAX_LISTENERS)]
            assert (await ask(page, "/api/stream"))[0] == 429
            assert len(opened) == MAX_LISTENERS

    in_browser(scenario)


def test_slow_listener_has_the_newest_reading_of_each_camera_before_it(page: WebServer) -> None:
    async def scenario() -> None:
        listener = Listener(page._api.desk, None)
        for seq in range(100):
            listener.put(replace(shown("one"), seq=seq))
            listener.put(replace(shown("two"), seq=seq))
        told = [await listener.next(1) for _ in range(2)]
        assert [(values["camera"], values["seq"]) for _, values in told] == [("one", 99), ("two", 99)]
        assert await listener.next(0.01) == ("", {})

    in_browser(scenario)


def test_webhook_gets_each_event_also_when_it_fails_at_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        got: list[dict[str, Any]] = []
        tries = 0

        async def take(request: web.Request) -> web.Response:
            nonlocal tries
            tries += 1
            if tries == 1:
                return web.Response(status=503)
            got.append(await request.json())
            return web.Response()

        app = web.Application()
        app.router.add_post("/hook", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        page = WebServer(settings(tmp_path, WEBHOOK=f"http://127.0.0.1:{port}/hook"), time.monotonic)
        try:
            await hold_up(page, 0.5)
            await becomes(lambda: got)
            assert (got[0]["kind"], got[0]["number"], got[0]["camera"]) == ("appeared", "30", "demo")
        finally:
            await asyncio.to_thread(page.close)
            await runner.cleanup()

    in_browser(scenario)


def test_webhook_that_is_no_address_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="WEBHOOK=ftp://x is not right: it takes http"):
        settings(tmp_path, WEBHOOK="ftp://x")


def test_events_are_kept_across_a_restart_and_those_in_sight_end_with_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        for count in (1, 2):
            page = WebServer(settings(tmp_path), time.monotonic)
            await hold_up(page, 0.5)
            events = (await ask(page, "/api/events"))[1]["events"]
            assert len(events) == count
            assert all(event["left_at"] for event in events[1:])
            await asyncio.to_thread(page.close)

    in_browser(scenario)


def test_file_that_another_program_locks_does_not_hold_the_page_up(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "events.sqlite", 1)
    with closing(sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.add(event("demo", "7", 0.0))
        assert time.monotonic() - began < 1  # SQLite's own is 5 s
    store.close()


def test_no_events_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    async def scenario() -> None:
        page = WebServer(settings(tmp_path, EVENTS_DAYS="0"), time.monotonic)
        await hold_up(page, 0.5)
        assert (await ask(page, "/api/events")) == (404, {"error": "no events are kept here: EVENTS_DAYS is 0"})
        await asyncio.to_thread(page.close)
        assert not (tmp_path / "events.sqlite").exists()

    in_browser(scenario)


def test_file_that_is_no_store_of_events_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(ConfigError, match=r"RUN_DIR=.* can't keep events in events\.sqlite"):
        WebServer(settings(tmp_path), time.monotonic)


def event(camera: str, number: str, appeared_at: float) -> Event:
    return Event(id=0, camera=camera, number=number, appeared_at=appeared_at, left_at=None, confidence=0.9)


def test_store_forgets_by_age_and_gives_pages_of_what_is_asked(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "events.sqlite", days=1)
    for hour in range(48):
        store.add(event("demo" if hour % 2 else "hall", str(hour), hour * 3600.0))
    kept = store.find(EventQuery(limit=MAX_EVENTS))
    assert [event.number for event in kept] == [str(hour) for hour in range(47, 22, -1)]
    assert [event.number for event in store.find(EventQuery(camera="demo", limit=2))] == ["47", "45"]
    assert [e.number for e in store.find(EventQuery(camera="demo", before=kept[2].id, limit=2))] == ["43", "41"]
    assert [e.number for e in store.find(EventQuery(since=30 * 3600, until=32 * 3600))] == ["31", "30"]
    store.close()


async def ask_why(page: WebServer, query: str) -> tuple[int, Any]:
    """Ask why while the demo's camera gives its next picture."""
    show(page)
    question = asyncio.create_task(ask(page, f"/api/cameras/demo/why?{query}"))
    await becomes(lambda: page.wants_pictures)
    page.update([shown()], True)
    return await question


def test_why_answers_with_what_was_seen_and_said(page: WebServer) -> None:
    async def scenario() -> None:
        x, y, width, height = shown().digits[0].box
        status, why = await ask_why(page, f"x={x + width / 2}&y={y + height / 2}")
        assert status == 200
        assert why["words"][0].startswith(("Read as", "Rejected", "Not shown"))
        assert [len(why["evidence"][name]) for name in ("found", "read", "together")] == [10, 11, 11]
        assert [layer["kind"] for layer in why["layers"][:3]] == ["convolution", "ReLU", "max pooling"]
        pictures = [why["crop"], why["image"], why["heat"], *(layer["picture"] for layer in why["layers"])]
        assert all(picture.startswith("data:image/") for picture in pictures)

    in_browser(scenario)


@pytest.mark.parametrize("query", ["", "x=1", "x=1&y=-1", "x=1&y=nan", "x=1&y=1e9", "x=1&y=2&z=3"])
def test_why_asks_for_a_place_of_the_picture(page: WebServer, query: str) -> None:
    async def scenario() -> None:
        show(page)
        assert (await ask(page, f"/api/cameras/demo/why?{query}"))[0] == 400

    in_browser(scenario)
