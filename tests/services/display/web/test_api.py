"""The HTTP API as a client sees it: cameras, readings, events, streams, snapshots, explanations."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import simplejpeg
from aiohttp import WSCloseCode, WSMsgType

from services.display.events import SETTLE_S
from services.display.web.api.stream import MAX_CLIENTS, UpdateQueue
from services.display.web.event_store import RETRY_S, Event, EventStore
from services.display.web.schema import MAX_EVENTS, EventsQuery, ReadingInfo
from services.display.web.server import EVENTS_INTERVAL_S, WebServer
from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, MAX_ADDED, read_added_cameras
from shared.file_reading.frame_records import FrameRecord, FrameRecords
from shared.messaging.messages import FilePosition, Selection
from shared.pipeline import CameraState, Outcome
from tests.services.display.web.test_browser_cameras import becomes
from tests.services.display.web.test_server import in_browser, report, settings, shown
from tests.services.feed import UP, pictures

JPEG = b"\xff\xd8"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    pictures(0)  # drawn once, which takes a second
    server = WebServer(settings(tmp_path), time.monotonic)
    yield server
    server.close()


async def ask(server: WebServer, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, server.url + path, **more) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await (answer.json() if is_json else answer.read())


def show(server: WebServer, camera: str = "demo", state: CameraState = CameraState.LIVE) -> None:
    server.update(
        [
            report(camera, state, detail="because", age_s=5),
            replace(shown(camera), jpeg=b""),
        ],
        UP,
    )


async def hold_up(server: WebServer, seconds: float, camera: str = "demo") -> None:
    """Show the number 30 ten times a second for some seconds, and then nothing."""
    first = shown(camera)
    for step in range(round(10 * seconds) + 1):
        server.update([replace(first, captured_at=first.captured_at + step / 10, jpeg=b"")], UP)
    server.update([replace(first, captured_at=first.captured_at + seconds + 0.1, numbers=(), jpeg=b"")], UP)


def test_cameras_are_listed_with_state_and_rates(server: WebServer) -> None:
    async def scenario() -> None:
        show(server, "hall", CameraState.FROZEN)
        show(server)
        _, answer = await ask(server, "/api/cameras")
        assert [camera["name"] for camera in answer["cameras"]] == ["demo", "hall"]
        hall = answer["cameras"][1]
        assert (hall["state"], hall["detail"]) == ("frozen", "because")
        assert hall["since"].endswith("Z")
        assert 0.03 <= hall["age_s"] < 2

    in_browser(scenario)


async def put(server: WebServer, name: str, source: object = "demo", **more: Any) -> tuple[int, Any]:
    return await ask(server, f"/api/cameras/{name}", "PUT", json={"source": source}, **more)


def test_camera_is_added_changed_and_removed(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        show(server)
        status, camera = await put(server, "hall", "rtsp://me:s3cret@10.0.0.7/live")
        assert (status, camera["state"], camera["added"]) == (201, "connecting", True)
        assert (await put(server, "hall", "http://10.0.0.7/cam.mjpg#rotate=90#mirror"))[0] == 200
        hall = read_added_cameras(tmp_path)["hall"]
        assert (hall.source, hall.options.rotate, hall.options.mirror) == ("http://10.0.0.7/cam.mjpg", 90, True)
        listed = (await ask(server, "/api/cameras"))[1]["cameras"]
        assert [(camera["name"], camera["added"]) for camera in listed] == [("demo", False), ("hall", True)]
        assert "10.0.0.7" not in json.dumps(listed)
        assert (await ask(server, "/api/cameras/hall", "DELETE"))[0] == 204
        assert read_added_cameras(tmp_path) == {}
        assert (await ask(server, "/api/cameras/hall", "DELETE"))[0] == 404

    in_browser(scenario)


@pytest.mark.parametrize(
    ("name", "source", "refused"),
    [
        ("hall", "/etc/passwd", (400, "source is rtsp://")),
        ("hall", "0", (400, "source is rtsp://")),
        ("hall", 7, (400, "source: expected str, got int")),
        ("hall", "demo#rotate=5", (400, "#rotate=5: rotate takes 90, 180 or 270")),
        ("hall", "rtsp://10.0.0.7/#size=9x9", (400, "no webcam")),
        ("-hall", "demo", (400, "name is")),
        ("demo", "demo", (409, "not added here")),
    ],
)
def test_camera_that_is_not_allowed_is_refused_with_a_sentence(
    server: WebServer, tmp_path: Path, name: str, source: object, refused: tuple[int, str]
) -> None:
    async def scenario() -> None:
        show(server)
        status, answer = await put(server, name, source)
        assert status == refused[0]
        assert refused[1] in answer["error"]

    in_browser(scenario)
    assert not (tmp_path / ADDED_CAMERAS_FILE).exists()


def test_number_of_added_cameras_is_limited(server: WebServer) -> None:
    async def scenario() -> None:
        answers = [(await put(server, f"c{number}"))[0] for number in range(MAX_ADDED + 1)]
        assert answers == [201] * MAX_ADDED + [409]
        assert (await put(server, "c0"))[0] == 200

    in_browser(scenario)


def test_adding_a_camera_needs_the_token_and_the_own_origin(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = WebServer(settings(tmp_path, WEB_TOKEN="a secret of this test"), time.monotonic)  # noqa: S106 - used here only
        assert (await put(server, "hall"))[0] == 401
        assert (await put(server, "hall?token=a+secret+of+this+test", headers={"Origin": "http://else.example"}))[
            0
        ] == 403
        assert (await put(server, "hall?token=a+secret+of+this+test"))[0] == 201
        await asyncio.to_thread(server.close)

    in_browser(scenario)


def test_damaged_list_of_cameras_is_reported_and_kept(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / ADDED_CAMERAS_FILE).write_text("nonsense")
        for status, answer in (await put(server, "hall"), await ask(server, "/api/cameras")):
            assert status == 409
            assert "cameras.json can't be used" in answer["error"]

    in_browser(scenario)
    assert (tmp_path / ADDED_CAMERAS_FILE).read_text() == "nonsense"


def test_readings_are_the_newest_of_each_camera_or_of_one(server: WebServer) -> None:
    async def scenario() -> None:
        show(server, "hall")
        show(server)
        _, answer = await ask(server, "/api/readings?camera=demo")
        [reading] = answer["readings"]
        assert (reading["camera"], [number["text"] for number in reading["numbers"]]) == ("demo", ["30"])
        assert len((await ask(server, "/api/readings"))[1]["readings"]) == 2

    in_browser(scenario)


def test_number_that_appeared_and_left_is_an_event_with_both_times(server: WebServer) -> None:
    async def scenario() -> None:
        began_at = time.time()
        await hold_up(server, 2.0)
        _, answer = await ask(server, "/api/events")
        [event] = answer["events"]
        assert (event["camera"], event["number"], event["left_at"]) == ("demo", "30", None)
        assert event["confidence"] > 0.5
        await becomes_left(server)
        _, answer = await ask(server, "/api/events?camera=demo&number=30")
        [event] = answer["events"]
        came, went = (
            time.mktime(time.strptime(event[k][:19], "%Y-%m-%dT%H:%M:%S")) for k in ("appeared_at", "left_at")
        )
        assert went - came == pytest.approx(2.0, abs=1.01)
        assert abs(came - time.timezone - began_at) < 2

    async def becomes_left(server: WebServer) -> None:
        for _ in range(100):
            if (await ask(server, "/api/events"))[1]["events"][0]["left_at"]:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the number never left")

    in_browser(scenario)


def test_numbers_of_a_camera_that_leaves_have_left(server: WebServer) -> None:
    async def scenario() -> None:
        await hold_up(server, 2.0)
        assert (await ask(server, "/api/events"))[1]["events"][0]["left_at"] is None
        server.update([report("demo", CameraState.LEFT)], UP)
        assert (await ask(server, "/api/events"))[1]["events"][0]["left_at"]

    in_browser(scenario)


def test_readings_are_needed_ten_times_a_second_without_viewers(server: WebServer) -> None:
    assert server.selection == Selection(pictures=(), cameras=(), interval_s=EVENTS_INTERVAL_S)
    assert SETTLE_S >= 2 * EVENTS_INTERVAL_S


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
def test_invalid_parameter_is_refused_with_a_sentence(server: WebServer, path: str) -> None:
    async def scenario() -> None:
        show(server)
        status, answer = await ask(server, path)
        assert status == 400
        assert answer["error"].endswith("(see /api/docs)")

    in_browser(scenario)


@pytest.mark.parametrize("path", ["/api/nothing", "/api/cameras/nobody/snapshot.jpg", "/api/recordings/../x.mp4"])
def test_unknown_address_is_answered_with_json(server: WebServer, path: str) -> None:
    async def scenario() -> None:
        status, answer = await ask(server, path)
        assert status == 404
        assert answer["error"]

    in_browser(scenario)


def test_snapshot_is_the_next_picture_with_its_reading_drawn_on_it(server: WebServer) -> None:
    async def scenario() -> None:
        show(server)
        question = asyncio.create_task(ask(server, "/api/cameras/demo/snapshot.jpg"))
        await becomes(lambda: bool(server.selection.pictures))
        server.update([shown()], UP)
        status, jpeg = await question
        assert status == 200
        drawn, plain = (simplejpeg.decode_jpeg(data).astype(int) for data in (jpeg, shown().jpeg))
        assert (np.abs(drawn - plain).max(axis=2) > 60).mean() > 0.01  # boxes, labels
        await becomes(lambda: not server.selection.pictures)

    in_browser(scenario)


def test_snapshot_of_a_camera_without_pictures_says_why(server: WebServer) -> None:
    async def scenario() -> None:
        show(server, "hall", CameraState.ABSENT)
        status, answer = await ask(server, "/api/cameras/hall/snapshot.jpg")
        assert status == 409
        assert answer["error"] == "no picture within 2 s; the camera is absent: because"

    in_browser(scenario)


def test_snapshot_of_a_camera_that_leaves_meanwhile_is_refused(server: WebServer) -> None:
    async def scenario() -> None:
        show(server, "hall", CameraState.ABSENT)
        question = asyncio.create_task(ask(server, "/api/cameras/hall/snapshot.jpg"))
        await becomes(lambda: bool(server.selection.pictures))
        server.update([report("hall", CameraState.LEFT)], UP)
        status, answer = await question
        assert (status, answer["error"]) == (404, "there is no such camera")

    in_browser(scenario)


async def read_events(response: aiohttp.ClientResponse) -> list[tuple[str, dict[str, Any]]]:
    """Return the next server-sent event that is not a comment, as a list of one."""
    while True:
        block = (await response.content.readuntil(b"\n\n")).decode()
        if block.startswith("event: "):
            kind, data = block.strip().split("\n")
            return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: ")))]


def test_stream_sends_readings_and_events_of_the_requested_camera(server: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/api/stream?camera=demo") as stream:
            assert stream.content_type == "text/event-stream"
            await becomes(lambda: server.selection.cameras == ("demo",))
            await hold_up(server, 0.5, "hall")
            await hold_up(server, 0.5)
            received: list[tuple[str, dict[str, Any]]] = []
            while "appeared" not in [kind for kind, _ in received] or "reading" not in [kind for kind, _ in received]:
                received += await read_events(stream)
            assert {values["camera"] for _, values in received} == {"demo"}
            assert dict(received)["appeared"]["number"] == "30"

        def has_left() -> bool:
            server.update([shown()], UP)  # a write notices that the client is gone
            return server.selection.cameras == ()

        await becomes(has_left)

    in_browser(scenario)


def test_websocket_sends_states_and_readings_and_takes_no_messages(server: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/api/ws") as socket:
            await becomes(lambda: server.selection.cameras is None)
            show(server)
            messages = [json.loads((await socket.receive(5)).data) for _ in range(2)]
            assert [message["kind"] for message in messages] == ["camera", "reading"]
            assert (messages[0]["name"], messages[1]["numbers"][0]["text"]) == ("demo", "30")
            await socket.send_str("hello")
            while (message := await socket.receive(5)).type is WSMsgType.TEXT:
                pass
            assert message.data == WSCloseCode.POLICY_VIOLATION

    in_browser(scenario)


STAMP = "0123456789abcdef"


def record_frames(server: WebServer, folder: Path, *indices: int, camera: str = "film") -> None:
    """Record frames of a file as the display does, and announce them."""
    records = FrameRecords(folder)
    records.add(
        [
            FrameRecord(
                camera=camera,
                position=FilePosition(STAMP, index),
                seq=index,
                captured_at=time.time(),
                outcome=Outcome.READ,
                width=640,
                height=480,
                digits=shown().digits,
            )
            for index in indices
        ]
    )
    records.close()
    server.announce_records()


async def read_indices(stream: aiohttp.ClientResponse, count: int) -> tuple[list[int], str]:
    """Return the indices of the next recorded readings, and the id of the last."""
    indices: list[int] = []
    last = ""
    while len(indices) < count:
        lines = (await asyncio.wait_for(stream.content.readuntil(b"\n\n"), 5)).decode().strip().split("\n")
        values = dict(line.split(": ", 1) for line in lines)
        if "id" in values:
            reading = json.loads(values["data"])
            assert (values["event"], reading["stamp"]) == ("reading", STAMP)
            indices.append(reading["index"])
            last = values["id"]
    return indices, last


def test_stream_sends_every_recorded_reading_of_a_file_and_no_other(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/api/stream") as stream:
            await becomes(lambda: server.selection.cameras is None)
            server.update([replace(shown("film"), position=FilePosition(STAMP, 1))], UP)  # not recorded yet
            record_frames(server, tmp_path, *range(250))
            assert (await read_indices(stream, 250))[0] == list(range(250))

    in_browser(scenario)


@pytest.mark.parametrize(("start_s", "expected"), [(60.0, [2, 3]), (0.0, [3])])
def test_client_of_a_display_that_was_replaced_gets_what_was_recorded_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_s: float, expected: list[int]
) -> None:
    monkeypatch.setattr("services.display.web.api.stream.START_S", start_s)
    with closing(WebServer(settings(tmp_path), time.monotonic)) as server:
        record_frames(server, tmp_path, 0, 1)

    async def scenario() -> None:
        with closing(WebServer(settings(tmp_path), time.monotonic)) as server:
            record_frames(server, tmp_path, 2)
            async with aiohttp.ClientSession() as session, session.get(f"{server.url}/api/stream") as stream:
                record_frames(server, tmp_path, 3)
                assert (await read_indices(stream, len(expected)))[0] == expected

    in_browser(scenario)


@pytest.mark.parametrize("how", ["Last-Event-ID", "after"])
def test_client_that_connects_again_goes_on_where_it_was(server: WebServer, tmp_path: Path, how: str) -> None:
    async def scenario() -> None:
        last, read = "0", []
        record_frames(server, tmp_path, *range(5))
        record_frames(server, tmp_path, 7, camera="other")
        async with aiohttp.ClientSession() as session:
            for count in (2, 3):
                query = f"camera=film&after={last}" if how == "after" else "camera=film"
                headers = {how: last} if how != "after" else {}
                async with session.get(f"{server.url}/api/stream?{query}", headers=headers) as stream:
                    indices, last = await read_indices(stream, count)
                    read += indices
        assert read == list(range(5))

    in_browser(scenario)


def test_client_of_another_record_gets_all_of_this_one(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        record_frames(server, tmp_path, 0, 1)
        headers = {"Last-Event-ID": "00000000-1500"}
        address = f"{server.url}/api/stream"
        async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as stream:
            assert (await read_indices(stream, 2))[0] == [0, 1]

    in_browser(scenario)


@pytest.mark.parametrize("last", ["1500", "x", "00000000-99999999999999999", "0-0-0"])
def test_id_that_is_none_is_refused(server: WebServer, last: str) -> None:
    async def scenario() -> None:
        assert (await ask(server, f"/api/stream?after={last}"))[0] == 400
        assert (await ask(server, "/api/stream", headers={"Last-Event-ID": last}))[0] == 400

    in_browser(scenario)


def test_readings_of_live_cameras_have_no_index(server: WebServer) -> None:
    async def scenario() -> None:
        show(server)
        server.update([replace(shown("film"), position=FilePosition(STAMP, 252))], UP)
        readings = (await ask(server, "/api/readings"))[1]["readings"]
        found = [(reading["camera"], reading["index"], reading["stamp"]) for reading in readings]
        assert found == [("demo", None, None), ("film", 252, STAMP)]

    in_browser(scenario)


def test_number_of_stream_clients_is_limited(server: WebServer) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as session:
            opened = [await session.ws_connect(f"{server.url}/api/ws") for _ in range(MAX_CLIENTS)]
            assert (await ask(server, "/api/stream"))[0] == 429
            assert len(opened) == MAX_CLIENTS

    in_browser(scenario)


def test_slow_client_gets_only_the_newest_reading_of_each_camera(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        queue = UpdateQueue(server.api.state, None, FrameRecords(tmp_path))
        for seq in range(100):
            queue.enqueue(replace(shown("one"), seq=seq))
            queue.enqueue(replace(shown("two"), seq=seq))
        updates = [await queue.next(1), await queue.next(1)]
        readings = [update.values for update in updates if update and isinstance(update.values, ReadingInfo)]
        assert [(reading.camera, reading.seq) for reading in readings] == [("one", 99), ("two", 99)]
        assert await queue.next(0.01) is None

    in_browser(scenario)


def test_events_survive_a_restart_which_ends_the_open_ones(tmp_path: Path) -> None:
    async def scenario() -> None:
        for count in (1, 2):
            server = WebServer(settings(tmp_path), time.monotonic)
            await hold_up(server, 0.5)
            events = (await ask(server, "/api/events"))[1]["events"]
            assert len(events) == count
            assert all(event["left_at"] for event in events[1:])
            await asyncio.to_thread(server.close)

    in_browser(scenario)


def test_locked_file_does_not_block_the_server(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "events.sqlite", 1)
    with closing(sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.add(event("demo", "7", 0.0))
        assert time.monotonic() - began < 1  # SQLite's own is 5 s
    store.close()


def test_events_are_not_stored_with_events_days_0(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = WebServer(settings(tmp_path, EVENTS_DAYS="0"), time.monotonic)
        await hold_up(server, 0.5)
        assert (await ask(server, "/api/events")) == (404, {"error": "no events are stored: EVENTS_DAYS is 0"})
        await asyncio.to_thread(server.close)
        assert not (tmp_path / "events.sqlite").exists()

    in_browser(scenario)


def cut_off(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE t (a)")
    path.write_bytes(path.read_bytes()[:3000])


def make_other_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE events (id INTEGER)")


def damage_pages(path: Path) -> None:
    EventStore(path, days=1).close()
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * (len(data) - 100))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("this is no database, and long enough to be seen as none" * 20),
    "noise": lambda path: path.write_bytes(bytes(range(1, 256)) * 40),
    "noise after the right beginning": lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40),
    "cut off": cut_off,
    "damaged pages": damage_pages,
    "a folder": lambda path: path.mkdir(),
    "tables of another program": make_other_table,
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damaged_event_store_is_set_aside_and_prevents_no_start(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "events.sqlite"
    DAMAGES[kind](path)
    store = EventStore(path, days=1)
    store.add(event("demo", "7", time.time()))
    assert [found.number for found in store.find(EventsQuery())] == ["7"]
    store.close()
    (aside,) = tmp_path.glob("events.sqlite.broken-*")
    (sentence,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert aside.name in sentence
    again = EventStore(path, days=1)
    assert [found.number for found in again.find(EventsQuery())] == ["7"]
    again.close()


def test_event_store_that_is_damaged_while_it_is_used_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    store = EventStore(path, days=1)
    store.add(event("demo", "1", time.time()))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TABLE deliveries")
        other.execute("DROP TABLE events")
    with pytest.raises(sqlite3.Error):
        store.add(event("demo", "2", time.time()))
    store.add(event("demo", "3", time.time()))
    assert [found.number for found in store.find(EventsQuery())] == ["3"]
    assert len(list(tmp_path.glob("events.sqlite.broken-*"))) >= 1
    store.close()


def test_display_runs_without_events_while_they_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: the history in the file is not set aside, and is there again when there is room."""
    path = tmp_path / "events.sqlite"
    old = EventStore(path, days=1)
    old.add(event("demo", "1", time.time()))
    old.close()

    def fail(*_: object) -> sqlite3.Connection:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    now = 0.0
    with monkeypatch.context() as patch:
        patch.setattr("services.display.web.event_store.connect", fail)
        store = EventStore(path, days=1, clock=lambda: now)
        for _ in range(5):
            with pytest.raises(sqlite3.OperationalError, match=r"RUN_DIR \(database or disk is full\)"):
                store.add(event("demo", "2", time.time()))
    assert [record.getMessage() for record in caplog.records] == [
        "events can't be stored in RUN_DIR (database or disk is full); trying again every 10 s"
    ]
    now = RETRY_S
    store.add(event("demo", "3", time.time()))
    assert [found.number for found in store.find(EventsQuery())] == ["3", "1"]
    store.close()


def test_events_that_cannot_be_read_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("services.display.web.event_store.connect", fail)

    async def scenario() -> None:
        server = WebServer(settings(tmp_path), time.monotonic)
        sentence = {"error": "events can't be stored in RUN_DIR (database or disk is full)"}
        assert await ask(server, "/api/events") == (409, sentence)
        assert (await ask(server, "/api/readings"))[0] == 200
        await asyncio.to_thread(server.close)

    in_browser(scenario)


def hour(number: int) -> datetime:
    return datetime.fromtimestamp(number * 3600, UTC)


def event(camera: str, number: str, appeared_at: float) -> Event:
    return Event(id=0, camera=camera, number=number, appeared_at=appeared_at, left_at=None, confidence=0.9)


def test_store_deletes_old_events_and_answers_queries_in_parts(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "events.sqlite", days=1)
    for number in range(48):
        store.add(event("demo" if number % 2 else "hall", str(number), number * 3600.0))
    kept = store.find(EventsQuery(limit=MAX_EVENTS))
    assert [event.number for event in kept] == [str(number) for number in range(47, 22, -1)]
    assert [event.number for event in store.find(EventsQuery(camera="demo", limit=2))] == ["47", "45"]
    assert [e.number for e in store.find(EventsQuery(camera="demo", before=kept[2].id, limit=2))] == ["43", "41"]
    assert [e.number for e in store.find(EventsQuery(since=hour(30), until=hour(32)))] == ["31", "30"]
    store.close()


async def request_explanation(server: WebServer, query: str) -> tuple[int, Any]:
    """Request an explanation while the demo camera sends its next picture."""
    show(server)
    question = asyncio.create_task(ask(server, f"/api/cameras/demo/explanation?{query}"))
    await becomes(lambda: bool(server.selection.pictures))
    server.update([shown()], UP)
    return await question


def test_explanation_has_inputs_evidence_and_layers(server: WebServer) -> None:
    async def scenario() -> None:
        x, y, width, height = shown().digits[0].box
        status, explanation = await request_explanation(server, f"x={x + width / 2}&y={y + height / 2}")
        assert status == 200
        assert explanation["sentences"][0].startswith(("Read as", "Rejected", "Not shown"))
        assert [len(explanation["evidence"][name]) for name in ("detector", "classifier", "fused")] == [10, 11, 11]
        assert [layer["kind"] for layer in explanation["layers"][:3]] == ["convolution", "ReLU", "max pooling"]
        pictures = [
            explanation["crop"],
            explanation["classifier_input"],
            explanation["heatmap"],
            *(layer["picture"] for layer in explanation["layers"]),
        ]
        assert all(picture.startswith("data:image/") for picture in pictures)

    in_browser(scenario)


@pytest.mark.parametrize("query", ["", "x=1", "x=1&y=-1", "x=1&y=nan", "x=1&y=1e9", "x=1&y=2&z=3"])
def test_explanation_needs_a_valid_place(server: WebServer, query: str) -> None:
    async def scenario() -> None:
        show(server)
        assert (await ask(server, f"/api/cameras/demo/explanation?{query}"))[0] == 400

    in_browser(scenario)


def test_listener_that_does_not_read_gives_its_place_up(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stall(*_: object) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        monkeypatch.setattr("services.display.web.api.stream.TAKEN_WITHIN_S", 0.05)
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/api/stream?camera=demo"):
            assert server.api.stream.followed_cameras() == frozenset({"demo"})
            monkeypatch.setattr("aiohttp.web.StreamResponse.write", stall)
            show(server)
            async with asyncio.timeout(10):
                while server.api.stream.followed_cameras():
                    await asyncio.sleep(0.01)

    in_browser(scenario)


def test_only_recordings_are_listed_and_deleted(server: WebServer, tmp_path: Path) -> None:
    """Whoever keeps a video of his own in the folder neither breaks the list nor loses it."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("holiday.mp4", "20269999T000000Z-demo.mp4", "20260101T000000Z-demo.mp4"):
        (folder / name).write_bytes(b"video")
    (folder / "20260102T000000Z-demo.mp4").mkdir()

    async def scenario() -> None:
        status, answer = await ask(server, "/api/recordings")
        assert (status, [one["id"] for one in answer["recordings"]]) == (200, ["20260101T000000Z-demo"])

    in_browser(scenario)
