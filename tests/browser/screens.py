"""Takes the screenshots of docs/web.md from the real pipeline: python -m tests.browser.screens [NAME...].

A real Chromium takes each as soon as the page shows what the screenshot is about; a page that never does gives none.
"""

import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir, closing
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect, sync_playwright
from playwright.sync_api import Page as Tab

from services.display.web.server import WebServer
from tests.browser.conftest import FLAGS
from tests.browser.film import film_digit
from tests.browser.test_browser_cameras import FAKE_WEBCAM, draw_strokes, url, write_three
from tests.pipeline.pipeline import ROOT, HonchoPipeline, run_pipeline, wait_for
from tests.services.display.web.test_server import settings

FOLDER = ROOT / "docs" / "screens"
WIDE, PHONE = (1280, 844), (390, 844)
LIGHT, DARK = "light", "dark"
CAMERAS = ("demo", "demo.2")
SPARKLINE_MS = 15_000  # until a sparkline has a shape
SHEET_MS = 4_500  # a sheet of the demo camera stays for four seconds
STILL_MS = 600  # a reading that does not change for this long is of a sheet that lies still
QUALITIES = (80, 70, 60, 50)  # the best that fits
MOST_BYTES = 150_000
GAP_PX, GREY = 16, 128

Prepare = Callable[[Tab], None]


def take_screenshot(
    browser: Browser, name: str, address: str, prepare: Prepare, schemes: tuple[str, str] = (LIGHT, DARK)
) -> None:
    """Write a screenshot of a page in a wide window and in a phone's, unless only others are requested."""
    if name not in (sys.argv[1:] or [name]):
        return
    windows = zip((WIDE, PHONE), schemes, strict=True)
    views = [render(browser, address, prepare, size, scheme) for size, scheme in windows]
    gap = np.full((views[0].shape[0], GAP_PX, 3), GREY, np.uint8)
    picture = np.hstack([views[0], gap, views[1]])
    jpegs = (cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for quality in QUALITIES)
    jpeg = next(jpeg.tobytes() for jpeg in jpegs if jpeg.size < MOST_BYTES)
    (FOLDER / f"{name}.jpg").write_bytes(jpeg)
    print(f"{name}.jpg: {len(jpeg) / 1000:.0f} kB", flush=True)


def render(browser: Browser, address: str, prepare: Prepare, size: tuple[int, int], scheme: str) -> NDArray[np.uint8]:
    """Return the page in a window of this size once it is prepared, as BGR."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    with closing(context):
        tab = context.new_page()
        tab.emulate_media(color_scheme="dark" if scheme == DARK else "light")
        tab.goto(address)
        prepare(tab)
        return np.asarray(cv2.imdecode(np.frombuffer(tab.screenshot(), np.uint8), cv2.IMREAD_COLOR), np.uint8)


def wait_for_numbers(tab: Tab) -> None:
    """Wait until the sparklines have a shape and both cameras show numbers of sheets that lie still."""
    tab.wait_for_timeout(SPARKLINE_MS)
    wait_for(lambda: is_still(tab), 120)


def is_still(tab: Tab) -> bool:
    """Return whether the numbers of each camera stay the same, and one has several digits."""
    before = read_numbers(tab)
    tab.wait_for_timeout(STILL_MS)
    return before == read_numbers(tab) and all(any(len(number) > 1 for number in numbers) for numbers in before)


def read_numbers(tab: Tab) -> list[list[str]]:
    """Return the numbers in the tile of each camera."""
    tiles = [tab.get_by_role("article", name=f"Camera {camera}", exact=True) for camera in CAMERAS]
    return [tile.locator("output b").all_inner_texts() for tile in tiles]


def open_pipeline_status(tab: Tab) -> None:
    """Open the panel and let its sparklines grow."""
    tab.get_by_text("Pipeline status").click()
    expect(tab.get_by_role("region", name="Stage inference")).to_be_visible(timeout=20_000)
    tab.wait_for_timeout(SPARKLINE_MS)
    tab.locator("#pipeline").scroll_into_view_if_needed()
    tab.evaluate("scrollTo(0, document.querySelector('#pipeline').offsetTop - 12)")


def open_explanation_panel(tab: Tab) -> None:
    """Freeze a number and explain its first digit; the sheet is then taken away, and the panel stays as it is."""
    wait_for(lambda: is_still(tab), 120)
    tab.get_by_role("button", name="Explain the reading of demo", exact=True).click()
    wait_for(lambda: is_explained(tab), 120)


def is_explained(tab: Tab) -> bool:
    """Return whether the frozen picture has a number that was read; if not, freeze the next one."""
    panel = tab.locator("#explanation")
    expect(panel).to_have_attribute("aria-busy", "false", timeout=20_000)
    digits = panel.locator(".digits button")
    if digits.count() > 1 and "Read as" in panel.locator(".sentences").inner_text():
        tab.wait_for_timeout(SHEET_MS)
        return True
    tab.keyboard.press("Escape")
    tab.wait_for_timeout(STILL_MS)
    tab.get_by_role("button", name="Explain the reading of demo", exact=True).click()
    return False


def correct_a_digit(tab: Tab) -> None:
    """Correct a digit to "no digit", and show the list of corrections."""
    open_explanation_panel(tab)
    tab.keyboard.press("n")
    expect(tab.locator("#explanation .message")).to_have_text("Stored as no digit.")
    tab.get_by_text("Your corrections").click()
    tab.locator("#explanation .correct").scroll_into_view_if_needed()


def wait_for_seven(tab: Tab) -> None:
    """Wait until the digit in front of the webcam is read, at the full rate."""
    expect(tab.locator("output b")).to_have_text("7", timeout=20_000)
    expect(tab.locator(".rate dd")).to_have_text(re.compile("^(29|30)$"), timeout=20_000)


def draw_three(tab: Tab) -> None:
    """Write a digit and a wavy line with the mouse, and wait until one is read and the other is marked."""
    expect(tab.locator("#status")).to_have_text("Live as camera draw", timeout=20_000)
    write_three(tab)
    expect(tab.locator("output b")).to_have_text("3", timeout=20_000)
    draw_strokes(tab, [(0.72, 0.72), (0.77, 0.69), (0.82, 0.73), (0.87, 0.69), (0.92, 0.72)])
    expect(tab.locator("#unread button")).to_have_count(1, timeout=20_000)
    tab.mouse.move(0, 0)


def stop_camera(pipeline: HonchoPipeline, tab: Tab) -> None:
    """Wait for the second camera, stop it, and wait until its tile says so. A process that hangs is soon replaced."""
    wait_for_numbers(tab)
    pipeline.find_processes()["capture.demo.2"].suspend()
    expect(tab.locator(".trouble").nth(1)).to_contain_text("Capture is down", timeout=20_000)
    tab.get_by_role("article", name="Camera demo.2").scroll_into_view_if_needed()


def wait_until_back(tab: Tab) -> None:
    """Wait until the camera is live again."""
    wait_for_numbers(tab)
    tab.get_by_role("article", name="Camera demo.2").scroll_into_view_if_needed()


def take_sign_in(browser: Browser, folder: Path) -> None:
    """Take the page that a web server with a token shows first."""
    with closing(WebServer(settings(folder, WEB_TOKEN=secrets.token_hex(16)), time.monotonic)) as server:
        take_screenshot(browser, "sign-in", server.url, lambda tab: expect(tab.get_by_label("Token")).to_be_focused())


def take_all(browser: Browser, pipeline: HonchoPipeline) -> None:
    """Take every screenshot, those of the stopped camera last."""
    live_view = url(pipeline, "/")
    take_screenshot(browser, "live", live_view, wait_for_numbers, (LIGHT, LIGHT))
    take_screenshot(browser, "live-dark", live_view, wait_for_numbers, (DARK, DARK))
    take_screenshot(browser, "pipeline-status", live_view, open_pipeline_status)
    take_screenshot(browser, "explanation", live_view, open_explanation_panel)
    take_screenshot(browser, "correction", live_view, correct_a_digit)
    take_screenshot(browser, "camera", url(pipeline, "/camera"), wait_for_seven)
    take_screenshot(browser, "draw", url(pipeline, "/draw"), draw_three)
    take_screenshot(browser, "stopped", live_view, partial(stop_camera, pipeline))
    take_screenshot(browser, "back", live_view, wait_until_back)


def main() -> int:
    """Take the screenshots and return the exit code."""
    if not (chromium := shutil.which("chromium") or shutil.which("google-chrome")):
        print("screens: chromium is not installed", file=sys.stderr)
        return 1
    # Chromium names a fake webcam by the path it was given
    with tempfile.TemporaryDirectory() as name, chdir(name), sync_playwright() as playwright:
        film = film_digit(7, Path("webcam.mjpeg"))
        flags = [*FLAGS, *FAKE_WEBCAM, f"--use-file-for-fake-video-capture={film}"]
        with (
            run_pipeline(Path(name), ",".join(["demo"] * len(CAMERAS))) as pipeline,
            closing(playwright.chromium.launch(executable_path=chromium, args=flags)) as browser,
        ):
            take_sign_in(browser, Path(name))
            wait_for(lambda: pipeline.is_reading(*CAMERAS), 60)
            take_all(browser, pipeline)
    return 0


if __name__ == "__main__":
    sys.exit(main())
