"""A person without a session signs in, and sees only what their token may do."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from services.display.web.guesses import PER_ADDRESS
from services.display.web.server import WebServer
from shared.pipeline import CameraState
from tests.services.display.web.test_server import report, settings, shown
from tests.services.feed import UP

TOKEN, WATCH_TOKEN = "a secret of the tests", "a secret to watch with"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    with closing(WebServer(settings(tmp_path, WEB_TOKEN=TOKEN, WEB_WATCH_TOKEN=WATCH_TOKEN), time.monotonic)) as server:
        yield server


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    with closing(chromium.new_context()) as context:
        yield context.new_page()


def sign_in(tab: Page, token: str) -> None:
    expect(tab.get_by_label("Token")).to_be_focused()
    tab.keyboard.type(token)
    tab.keyboard.press("Enter")


def test_person_signs_in_on_the_page_that_was_opened(server: WebServer, tab: Page) -> None:
    tab.goto(server.url + "/draw")
    expect(tab.get_by_role("alert")).to_be_hidden()
    sign_in(tab, "a guess")
    expect(tab.get_by_role("alert")).to_have_text("This token is not right.")
    sign_in(tab, TOKEN)
    expect(tab.get_by_label("Sheet to write on")).to_be_visible()
    assert tab.url == server.url + "/draw"
    tab.goto(server.url)
    server.update([], UP)
    expect(tab.locator("#status")).to_have_text("Connected")
    server.update([report("demo", CameraState.LIVE), shown()], UP)
    expect(tab.get_by_role("article", name="Camera demo")).to_be_visible()
    expect(tab.get_by_text("Add a camera")).to_be_visible()
    [cookie] = tab.context.cookies()
    assert TOKEN not in cookie.get("value", "")
    assert tab.evaluate("document.cookie") == ""


def test_watcher_sees_the_cameras_and_nothing_that_would_be_refused(server: WebServer, tab: Page) -> None:
    tab.goto(server.url)
    sign_in(tab, WATCH_TOKEN)
    server.update([], UP)
    expect(tab.locator("#status")).to_have_text("Connected")
    server.update([report("demo", CameraState.LIVE), shown()], UP)
    expect(tab.get_by_role("article", name="Camera demo")).to_be_visible()
    for name in ("Add a camera", "My camera", "Draw"):
        expect(tab.get_by_text(name, exact=True)).to_be_hidden()
    tab.goto(server.url + "/draw")
    expect(tab.get_by_role("alert")).to_contain_text("may watch")
    sign_in(tab, TOKEN)
    expect(tab.get_by_label("Sheet to write on")).to_be_visible()


def test_person_who_mistypes_too_often_is_told_to_wait(server: WebServer, tab: Page) -> None:
    tab.goto(server.url)
    for _ in range(PER_ADDRESS + 1):
        sign_in(tab, "a guess")
        expect(tab.get_by_label("Token")).to_have_value("")  # the page that came back
    expect(tab.get_by_role("alert")).to_contain_text("Wait a minute")


def test_open_page_says_that_its_session_has_ended(tmp_path: Path, tab: Page) -> None:
    first = WebServer(settings(tmp_path, WEB_TOKEN=TOKEN), time.monotonic)
    port = first.url.rpartition(":")[2]
    tab.goto(first.url)
    sign_in(tab, TOKEN)
    expect(tab.locator("#status")).to_contain_text("The pipeline does not answer")
    first.close()
    changed = settings(tmp_path, WEB_TOKEN=WATCH_TOKEN, WEB_PORT=port)
    with closing(WebServer(changed, time.monotonic)):
        expect(tab.locator("#status")).to_contain_text("signed out. Reload the page", timeout=15_000)
        tab.reload()
        expect(tab.get_by_label("Token")).to_be_visible()
