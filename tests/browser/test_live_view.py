"""The live view in a real Chromium: digits, numbers and ages of cameras that come and go."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, WebSocketRoute, expect
from playwright.sync_api import Page as Tab

from services.display.__main__ import run
from services.display.fan_in import FanIn
from services.display.file_recorder import FileRecorder
from services.display.web.server import WebServer
from shared.cameras.added_cameras import read_added_cameras
from shared.file_reading.frame_records import FrameRecords
from shared.pipeline import CameraState
from shared.service.lifecycle import write_scrape_target
from shared.service.signals import scrape_target_path
from shared.settings import load_settings
from shared.telemetry.health import Health
from shared.telemetry.status_server import serve_status
from tests.pipeline.pipeline import find_free_port
from tests.services.feed import Feed, one_queue

expect.set_options(timeout=15_000)  # on a machine that does other things too
AGE = re.compile(r"^\d+ ms$")


@contextmanager
def display(feed: Feed, folder: Path, port: str) -> Iterator[str]:
    """Run a display that shows a feed; yields its address."""
    with display_of(one_queue(feed), folder, port) as url:
        yield url


@contextmanager
def display_of(queues: FanIn, folder: Path, port: str, **given: str) -> Iterator[str]:
    """Run a display of one queue or several; yields its address."""
    given |= {"WEB_PORT": port, "RUN_DIR": str(folder), "LEARNED_DIR": str(folder / "learned")}
    server = WebServer(load_settings(given, folder / ".env"), queues.now)
    stop = threading.Event()
    recorder = FileRecorder(queues, FrameRecords(folder))
    loop = threading.Thread(target=run, args=(queues, server, stop, Health(), recorder))
    loop.start()
    try:
        yield server.url
    finally:
        stop.set()
        loop.join()
        server.close()


@pytest.fixture
def feed() -> Feed:
    return Feed("demo", "hall")


@pytest.fixture
def url(feed: Feed, tmp_path: Path) -> Iterator[str]:
    with display(feed, tmp_path, str(find_free_port())) as url:
        yield url


@pytest.fixture
def tab(chromium: Browser, url: str) -> Iterator[Tab]:
    """The live view, open; an error in its scripts fails the test."""
    context = chromium.new_context()
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.goto(url)
    yield tab
    context.close()
    # Chromium reports a lost connection, and a request that was refused, as errors
    assert [error for error in errors if "WebSocket" not in error and "status of 409" not in error] == []


def tile(tab: Tab, camera: str) -> Locator:
    return tab.get_by_role("article", name=f"Camera {camera}")


def max_color_difference(picture: Locator) -> float:
    """Return how far the painted pixels are from gray, after CSS filters; 0 to 255."""
    script = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let most = 0;
        for (let i = 0; i < data.length; i += 4) most = Math.max(most, Math.abs(data[i] - data[i + 2]));
        return getComputedStyle(canvas).filter.includes("grayscale(1)") ? 0 : most;
    }"""
    return float(picture.evaluate(script))


def test_two_cameras_are_shown_with_their_numbers_and_ages(tab: Tab) -> None:
    for camera, number in [("demo", "30"), ("hall", "01892")]:
        expect(tile(tab, camera).locator("output b")).to_have_text(number)
        expect(tile(tab, camera).locator(".age dd")).to_have_text(AGE)
        expect(tile(tab, camera).locator(".rate dd")).to_have_text(re.compile(r"^[12]\d|30|31"))
        assert max_color_difference(tile(tab, camera).locator("canvas")) > 50
    expect(tab.get_by_role("status").first).to_have_text("2 of 2 cameras live")


def test_displayed_age_is_the_time_since_capture(tmp_path: Path, chromium: Browser) -> None:
    with display(Feed("demo", age_s=2.0), tmp_path, str(find_free_port())) as url:
        tab = chromium.new_page()
        tab.goto(url)
        expect(tab.locator(".age")).to_have_attribute("data-level", "old")
        expect(tab.locator(".age dd")).to_have_text(re.compile(r"^2\.\d s$"))
        tab.close()


def test_sparkline_gets_a_point_a_second(tab: Tab) -> None:
    for row, name in [
        (".age", r"^Age in the last minute: \d+ to \d+ ms$"),
        (".rate", r"^Frames a second in .*: \d+ to "),
    ]:
        curve = tile(tab, "demo").locator(f"{row} svg")
        expect(curve).to_have_attribute("aria-label", re.compile(name))
        expect(curve.locator("path")).to_have_attribute("d", re.compile(r"L59 [\d.]+$"))


def test_picture_has_its_number_as_label_for_screen_readers(tab: Tab) -> None:
    expect(tab.get_by_role("img", name="Picture of demo. 30")).to_be_visible()


def test_frozen_camera_turns_gray_with_the_reason_and_recovers(tab: Tab, feed: Feed) -> None:
    hall = tile(tab, "hall")
    expect(hall.locator("output b")).to_have_text("01892")
    feed.set_state("hall", CameraState.FROZEN, "the picture stands still for 1.2 s")
    expect(hall.locator(".trouble")).to_be_visible()
    expect(hall.locator(".trouble")).to_contain_text("Frozen")
    expect(hall.locator(".trouble")).to_contain_text("the picture stands still for 1.2 s")
    expect(hall.locator(".trouble time")).to_have_text(re.compile(r"since \d"))
    expect(hall.locator("output b")).to_have_count(0)
    assert max_color_difference(hall.locator("canvas")) == 0
    expect(tab.get_by_role("status").first).to_have_text("1 of 2 cameras live")
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    feed.set_state("hall", CameraState.LIVE, "")
    expect(hall.locator(".trouble")).to_be_hidden()
    expect(hall.locator("output b")).to_have_text("01892")


def test_every_tile_says_that_the_pipeline_does_not_answer(tab: Tab, feed: Feed) -> None:
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    feed.connected = False
    for camera in ("demo", "hall"):
        expect(tile(tab, camera).locator(".trouble")).to_contain_text("The pipeline does not answer")
    feed.connected = True
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")


def test_page_reconnects_to_a_restarted_display_and_drops_cameras_that_are_gone(
    tmp_path: Path, chromium: Browser
) -> None:
    feed, tab = Feed("demo", "hall"), chromium.new_page()
    with display(feed, tmp_path, str(find_free_port())) as url:
        tab.goto(url)
        expect(tile(tab, "hall")).to_be_visible()
        expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    expect(tile(tab, "demo").locator(".trouble")).to_contain_text("Connection lost")
    feed = Feed("demo")  # the queue tells a display that is new
    with display(feed, tmp_path, url.rpartition(":")[2]):
        expect(tile(tab, "demo").locator(".trouble")).to_be_hidden()
        expect(tile(tab, "demo").locator("output b")).to_have_text("30")
        expect(tile(tab, "hall")).to_have_count(0)
        tab.close()


def test_tile_is_enlarged_and_reduced_by_keyboard(tab: Tab) -> None:
    expect(tile(tab, "hall").locator("output b")).to_have_text("01892")
    tab.get_by_role("button", name="Enlarge demo").focus()
    tab.keyboard.press("Enter")
    expect(tile(tab, "hall")).to_be_hidden()
    tab.keyboard.press("Escape")
    expect(tile(tab, "hall")).to_be_visible()
    expect(tile(tab, "hall").locator(".age")).to_have_attribute("data-level", re.compile("fresh|late"))


def test_explanation_panel_opens_and_closes_by_keyboard(tab: Tab) -> None:
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    tab.get_by_role("button", name="Explain the reading of demo").focus()
    tab.keyboard.press("Enter")
    panel = tab.get_by_role("dialog")
    expect(panel.locator(".sentences")).to_contain_text(re.compile("Read as [03]"))
    expect(panel.locator("tbody tr")).to_have_count(11)
    expect(panel.locator("tr.best .now")).to_have_text(re.compile(r"\d+ %"))
    expect(panel.get_by_role("img", name=re.compile("as the classifier gets it"))).to_be_visible()
    expect(panel.get_by_role("img", name=re.compile("Channels after max pooling")).first).to_be_attached()
    tab.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_click_on_a_digit_explains_it_and_elsewhere_enlarges_the_picture(tab: Tab) -> None:
    demo = tile(tab, "demo")
    expect(demo.locator("output b")).to_have_text("30")
    canvas = demo.locator("canvas")
    box = canvas.bounding_box()
    assert box
    canvas.click(position={"x": 230 / 640 * box["width"], "y": 280 / 480 * box["height"]})  # on the 3
    expect(tab.get_by_role("dialog")).to_be_visible()
    tab.get_by_role("button", name="Close").click()
    canvas.click(position={"x": 0.9 * box["width"], "y": 0.9 * box["height"]})
    expect(tile(tab, "hall")).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(320, 844), (390, 844), (1280, 844), (844, 331), (320, 180)])
def test_page_fits_every_window(tab: Tab, url: str, width: int, height: int) -> None:
    """The last is a small screen at 400 %; the one before is a phone in landscape."""
    tab.set_viewport_size({"width": width, "height": height})
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.goto(f"{url}/draw")
    sheet = tab.locator("#sheet").bounding_box()
    assert sheet
    assert sheet["width"] >= 280
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_connection_that_is_cut_without_notice_is_replaced(chromium: Browser, url: str) -> None:
    """As by a router that loses power: neither data nor the end of the connection arrives."""
    tab, is_cut, lines = chromium.new_page(), threading.Event(), []

    def carry(socket: WebSocketRoute) -> None:
        lines.append(socket)
        display = socket.connect_to_server()
        display.on_message(lambda message: None if is_cut.is_set() and socket is lines[0] else socket.send(message))

    tab.route_web_socket(re.compile("/ws$"), carry)
    tab.clock.install()
    tab.goto(url)
    expect(tab.locator("#status")).to_have_text("2 of 2 cameras live")
    is_cut.set()
    tab.clock.run_for(10_000)  # it asks for the clock,
    tab.clock.run_for(10_000)  # and has had no answer
    tab.clock.run_for(1_000)
    expect(tab.locator("#status")).to_have_text("2 of 2 cameras live")
    assert len(lines) == 2
    tab.close()


def test_refused_browser_shows_the_reason_once_and_retries_with_backoff(chromium: Browser, url: str) -> None:
    tab, connections = chromium.new_page(), 0

    def refuse(socket: WebSocketRoute) -> None:
        nonlocal connections
        connections += 1
        # opened first, as the display does: a WebSocket that is not open cannot give a reason
        socket.on_message(lambda _: socket.close(code=1013, reason="50 browsers are connected already"))

    tab.route_web_socket(re.compile("/ws$"), refuse)
    tab.clock.install()
    tab.goto(url)
    expect(tab.locator("#status")).to_have_text("Refused: 50 browsers are connected already")
    tab.evaluate(
        "window.texts = []; new MutationObserver(() => texts.push(document.getElementById('status').textContent))"
        ".observe(document.getElementById('status'), { childList: true })"
    )
    for _ in range(8):
        tab.clock.run_for(1_000)
    assert connections <= 6  # after 0.25, 0.5, 1, 2 and 4 s; with 0.25 s again and again it would be 33
    assert tab.evaluate("texts") == []
    tab.close()


def test_pictures_are_not_requested_after_the_last_tab_is_closed(tab: Tab, feed: Feed) -> None:
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    assert feed.selection.pictures
    tab.close()
    deadline = time.monotonic() + 5
    while feed.selection.pictures:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_slow_viewer_sees_fresh_pictures(tab: Tab) -> None:
    """On a line of 400 kB/s (a second of both cameras takes 3 MB) a browser gets fewer pictures, never old ones."""
    session = tab.context.new_cdp_session(tab)
    session.send("Network.enable")
    line = {"offline": False, "latency": 0, "downloadThroughput": 400_000, "uploadThroughput": 400_000}
    session.send("Network.emulateNetworkConditions", line)
    ages = []
    for _ in range(20):
        tab.wait_for_timeout(250)
        ages.append(tab.locator(".age dd").first.inner_text())
    old = [age for age in ages[4:] if not AGE.match(age)]  # a second or more
    assert len(old) <= 1, ages  # a busy machine may stall the browser itself once


def test_tile_of_a_removed_camera_disappears_and_may_return(tab: Tab, feed: Feed) -> None:
    tile = tab.get_by_role("article", name="Camera hall")
    expect(tile.locator("output b").first).to_be_visible()
    feed.set_state("hall", CameraState.LEFT, "")
    expect(tile).to_have_count(0)
    expect(tab.locator("#status")).to_have_text("Live")
    feed.set_state("hall", CameraState.LIVE, "")
    expect(tile.locator("output b").first).to_be_visible()


def test_camera_is_added_and_removed_by_keyboard_and_a_refusal_has_a_reason(tab: Tab, tmp_path: Path) -> None:
    panel = tab.locator("#cameras")
    panel.locator("summary").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    tab.keyboard.type(" door ")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Rtsp://10.0.0.7/live")
    tab.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("door is added")
    assert list(read_added_cameras(tmp_path)) == ["door"]
    panel.get_by_label("Name").fill("hall")
    panel.get_by_label("Address").fill("demo")
    panel.get_by_role("button", name="Add").click()
    expect(panel.get_by_role("status")).to_contain_text("not added here")
    panel.get_by_role("button", name="Remove door").focus()
    tab.keyboard.press("Enter")
    expect(panel.get_by_role("listitem")).to_have_count(0)
    assert read_added_cameras(tmp_path) == {}


def test_pipeline_status_shows_stages_and_sends_no_requests_while_closed(tab: Tab, tmp_path: Path) -> None:
    requests: list[str] = []
    tab.on("request", lambda request: requests.append(request.url))
    with serve_status(Health()) as port:
        write_scrape_target(scrape_target_path(tmp_path, "queue.1"), port, {"stage": "queue", "worker": "queue.1"})
        tab.get_by_text("Pipeline status").click()
        stage = tab.get_by_role("region", name="Stage queue")
        curve = stage.get_by_role("img", name=re.compile(r"^queue: frames.s in the last minute: \d+ to \d+"))
        expect(curve.locator("path")).to_have_attribute("d", re.compile(r"L59 [\d.]+$"))
        tab.get_by_text("Pipeline status").click()
        tab.wait_for_timeout(1200)  # longer than the time between two requests
        count = len(requests)
        tab.wait_for_timeout(1200)
    assert len(requests) == count
