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
from services.display.web.server import WebServer
from shared.cameras.added_cameras import read_added_cameras
from shared.pipeline import CameraState
from shared.service.lifecycle import write_scrape_target
from shared.service.signals import scrape_target_path
from shared.settings import load_settings
from shared.telemetry.health import Health
from shared.telemetry.status_server import serve_status
from tests.pipeline.pipeline import free_port
from tests.services.feed import Feed

expect.set_options(timeout=15_000)  # on a machine that does other things too
AGE = re.compile(r"^\d+ ms$")


@contextmanager
def display(feed: Feed, folder: Path, port: str) -> Iterator[str]:
    """A display that shows a feed; gives the page's address."""
    given = {"WEB_PORT": port, "RUN_DIR": str(folder), "LEARNED_DIR": str(folder / "learned")}
    page = WebServer(load_settings(given, folder / ".env"), feed.now)
    stop = threading.Event()
    loop = threading.Thread(target=run, args=(feed, page, "display.1", stop, Health()))
    loop.start()
    try:
        yield page.url
    finally:
        stop.set()
        loop.join()
        page.close()


@pytest.fixture
def feed() -> Feed:
    return Feed("demo", "desk")


@pytest.fixture
def url(feed: Feed, tmp_path: Path) -> Iterator[str]:
    with display(feed, tmp_path, str(free_port())) as url:
        yield url


@pytest.fixture
def tab(chromium: Browser, url: str) -> Iterator[Tab]:
    """The page, open; an error in its scripts fails the test."""
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


def colourfulness(picture: Locator) -> float:
    """How far the canvas's pixels as painted, filter and all, are from grey; 0 to 255."""
    script = """canvas => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let most = 0;
        for (let i = 0; i < data.length; i += 4) most = Math.max(most, Math.abs(data[i] - data[i + 2]));
        return getComputedStyle(canvas).filter.includes("grayscale(1)") ? 0 : most;
    }"""
    return float(picture.evaluate(script))


def test_two_cameras_are_shown_with_their_numbers_and_ages(tab: Tab) -> None:
    for camera, number in [("demo", "30"), ("desk", "01892")]:
        expect(tile(tab, camera).locator("output b")).to_have_text(number)
        expect(tile(tab, camera).locator(".age dd")).to_have_text(AGE)
        expect(tile(tab, camera).locator(".rate dd")).to_have_text(re.compile(r"^[12]\d|30|31"))
        assert colourfulness(tile(tab, camera).locator("canvas")) > 50
    expect(tab.get_by_role("status").first).to_have_text("2 of 2 cameras live")


def test_age_shown_is_the_time_since_capture(tmp_path: Path, chromium: Browser) -> None:
    with display(Feed("demo", age_s=2.0), tmp_path, str(free_port())) as url:
        tab = chromium.new_page()
        tab.goto(url)
        expect(tab.locator(".age")).to_have_attribute("data-level", "old")
        expect(tab.locator(".age dd")).to_have_text(re.compile(r"^2\.\d s$"))
        tab.close()


def test_last_minute_is_a_curve_with_a_point_a_second(tab: Tab) -> None:
    for row, name in [
        (".age", r"^Age in the last minute: \d+ to \d+ ms$"),
        (".rate", r"^Frames a second in .*: \d+ to "),
    ]:
        curve = tile(tab, "demo").locator(f"{row} svg")
        expect(curve).to_have_attribute("aria-label", re.compile(name))
        expect(curve.locator("path")).to_have_attribute("d", re.compile(r"L59 [\d.]+$"))


def test_picture_says_to_a_screen_reader_what_it_shows(tab: Tab) -> None:
    expect(tab.get_by_role("img", name="Picture of demo. 30")).to_be_visible()


def test_camera_that_goes_turns_grey_with_the_reason_and_comes_back(tab: Tab, feed: Feed) -> None:
    desk = tile(tab, "desk")
    expect(desk.locator("output b")).to_have_text("01892")
    feed.set_state("desk", CameraState.FROZEN, "the picture stands still for 1.2 s")
    expect(desk.locator(".trouble")).to_be_visible()
    expect(desk.locator(".trouble")).to_contain_text("Frozen")
    expect(desk.locator(".trouble")).to_contain_text("the picture stands still for 1.2 s")
    expect(desk.locator(".trouble time")).to_have_text(re.compile(r"since \d"))
    expect(desk.locator("output b")).to_have_count(0)
    assert colourfulness(desk.locator("canvas")) == 0
    expect(tab.get_by_role("status").first).to_have_text("1 of 2 cameras live")
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    feed.set_state("desk", CameraState.LIVE, "")
    expect(desk.locator(".trouble")).to_be_hidden()
    expect(desk.locator("output b")).to_have_text("01892")


def test_pipeline_that_goes_is_said_on_every_tile(tab: Tab, feed: Feed) -> None:
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    feed.connected = False
    for camera in ("demo", "desk"):
        expect(tile(tab, camera).locator(".trouble")).to_contain_text("The pipeline does not answer")
    feed.connected = True
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")


def test_page_finds_a_display_that_was_restarted_and_drops_the_cameras_that_are_gone(
    tmp_path: Path, chromium: Browser
) -> None:
    feed, tab = Feed("demo", "desk"), chromium.new_page()
    with display(feed, tmp_path, str(free_port())) as url:
        tab.goto(url)
        expect(tile(tab, "desk")).to_be_visible()
        expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    expect(tile(tab, "demo").locator(".trouble")).to_contain_text("Connection lost")
    feed = Feed("demo")  # the queue tells a display that is new
    with display(feed, tmp_path, url.rpartition(":")[2]):
        expect(tile(tab, "demo").locator(".trouble")).to_be_hidden()
        expect(tile(tab, "demo").locator("output b")).to_have_text("30")
        expect(tile(tab, "desk")).to_have_count(0)
        tab.close()


def test_one_camera_is_enlarged_and_put_back_by_keyboard(tab: Tab) -> None:
    expect(tile(tab, "desk").locator("output b")).to_have_text("01892")
    tab.get_by_role("button", name="Enlarge demo").focus()
    tab.keyboard.press("Enter")
    expect(tile(tab, "desk")).to_be_hidden()
    tab.keyboard.press("Escape")
    expect(tile(tab, "desk")).to_be_visible()
    expect(tile(tab, "desk").locator(".age")).to_have_attribute("data-level", re.compile("fresh|late"))


def test_panel_says_why_a_digit_was_read_and_closes_by_keyboard(tab: Tab) -> None:
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    tab.get_by_role("button", name="Why this reading of demo?").focus()
    tab.keyboard.press("Enter")
    panel = tab.get_by_role("dialog")
    expect(panel.locator(".words")).to_contain_text(re.compile("Read as [03]"))
    expect(panel.locator("tbody tr")).to_have_count(11)
    expect(panel.locator("tr.best .now")).to_have_text(re.compile(r"\d+ %"))
    expect(panel.get_by_role("img", name=re.compile("as the network saw it"))).to_be_visible()
    expect(panel.get_by_role("img", name=re.compile("Channels after max pooling")).first).to_be_attached()
    tab.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_digit_that_is_clicked_is_explained_and_the_rest_of_the_picture_enlarges(tab: Tab) -> None:
    demo = tile(tab, "demo")
    expect(demo.locator("output b")).to_have_text("30")
    canvas = demo.locator("canvas")
    box = canvas.bounding_box()
    assert box
    canvas.click(position={"x": 230 / 640 * box["width"], "y": 280 / 480 * box["height"]})  # on the 3
    expect(tab.get_by_role("dialog")).to_be_visible()
    tab.get_by_role("button", name="Close").click()
    canvas.click(position={"x": 0.9 * box["width"], "y": 0.9 * box["height"]})
    expect(tile(tab, "desk")).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(320, 844), (390, 844), (1280, 844), (844, 331), (320, 180)])
def test_page_fits_every_window(tab: Tab, url: str, width: int, height: int) -> None:
    """The last is 400 % of a small screen; the one before a phone that is held across."""
    tab.set_viewport_size({"width": width, "height": height})
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.goto(f"{url}/draw")
    sheet = tab.locator("#sheet").bounding_box()
    assert sheet
    assert sheet["width"] >= 280
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_line_that_is_cut_without_a_word_is_given_up_and_made_anew(chromium: Browser, url: str) -> None:
    """As by a router that loses power: no end of the connection comes, and nothing else."""
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


def test_who_is_not_let_in_is_told_so_once_and_asks_less_and_less(chromium: Browser, url: str) -> None:
    tab, asked = chromium.new_page(), 0

    def refuse(socket: WebSocketRoute) -> None:
        nonlocal asked
        asked += 1
        # opened first, as the display does, which has no other way to say why
        socket.on_message(lambda _: socket.close(code=1013, reason="50 browsers look already"))

    tab.route_web_socket(re.compile("/ws$"), refuse)
    tab.clock.install()
    tab.goto(url)
    expect(tab.locator("#status")).to_have_text("Not let in: 50 browsers look already")
    tab.evaluate(
        "window.said = []; new MutationObserver(() => said.push(document.getElementById('status').textContent))"
        ".observe(document.getElementById('status'), { childList: true })"
    )
    for _ in range(8):
        tab.clock.run_for(1_000)
    assert asked <= 6  # after 0.25, 0.5, 1, 2 and 4 s; with 0.25 s again and again it would be 33
    assert tab.evaluate("said") == []
    tab.close()


def test_nothing_is_asked_for_when_the_last_tab_is_closed(tab: Tab, feed: Feed) -> None:
    expect(tile(tab, "demo").locator("output b")).to_have_text("30")
    assert feed.asked[-1].with_jpeg
    tab.close()
    deadline = time.monotonic() + 5
    while feed.asked[-1].with_jpeg:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_slow_viewer_sees_fresh_pictures(tab: Tab) -> None:
    """A browser on a line of 400 kB/s, where a second of both cameras is 3 MB, sees fewer pictures and no old ones."""
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


def test_camera_that_is_taken_off_the_list_leaves_the_page_and_may_come_back(tab: Tab, feed: Feed) -> None:
    tile = tab.get_by_role("article", name="Camera desk")
    expect(tile.locator("output b").first).to_be_visible()
    feed.set_state("desk", CameraState.LEFT, "")
    expect(tile).to_have_count(0)
    expect(tab.locator("#status")).to_have_text("Live")
    feed.set_state("desk", CameraState.LIVE, "")
    expect(tile.locator("output b").first).to_be_visible()


def test_camera_is_added_and_removed_by_keyboard_and_a_refusal_says_why(tab: Tab, tmp_path: Path) -> None:
    panel = tab.locator("#cameras")
    panel.locator("summary").focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    tab.keyboard.type("hall")
    tab.keyboard.press("Tab")
    tab.keyboard.type("rtsp://10.0.0.7/live")
    tab.keyboard.press("Enter")
    expect(panel.get_by_role("status")).to_contain_text("hall is added")
    assert list(read_added_cameras(tmp_path)) == ["hall"]
    panel.get_by_label("Name").fill("desk")
    panel.get_by_label("Address").fill("demo")
    panel.get_by_role("button", name="Add").click()
    expect(panel.get_by_role("status")).to_contain_text("not added here")
    panel.get_by_role("button", name="Remove hall").focus()
    tab.keyboard.press("Enter")
    expect(panel.get_by_role("listitem")).to_have_count(0)
    assert read_added_cameras(tmp_path) == {}


def test_panel_of_the_pipeline_draws_the_stages_and_asks_nobody_while_it_is_folded(tab: Tab, tmp_path: Path) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    with serve_status(Health()) as port:
        write_scrape_target(scrape_target_path(tmp_path, "queue.1"), port, {"stage": "queue", "worker": "queue.1"})
        tab.get_by_text("How the pipeline does").click()
        stage = tab.get_by_role("region", name="Stage queue")
        curve = stage.get_by_role("img", name=re.compile(r"^queue: frames.s in the last minute: \d+ to \d+"))
        expect(curve.locator("path")).to_have_attribute("d", re.compile(r"L59 [\d.]+$"))
        tab.get_by_text("How the pipeline does").click()
        tab.wait_for_timeout(1200)  # so long that a page which still asked would have done so
        count = len(asked)
        tab.wait_for_timeout(1200)
    assert len(asked) == count
