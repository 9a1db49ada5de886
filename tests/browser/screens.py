"""Takes the pictures of docs/web.md, or some, of the real pipeline: python -m tests.browser.screens [NAME...].

Each is of a real Chromium that waits for what it is to show, as a test would; a page that does not show it gives none.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect, sync_playwright
from playwright.sync_api import Page as Tab

from tests.browser.conftest import FLAGS
from tests.browser.film import film_digit
from tests.browser.test_guests import FAKE_WEBCAM, url, write_three
from tests.pipeline.pipeline import ROOT, Pipeline, running, wait_for

FOLDER = ROOT / "docs" / "screens"
WIDE, PHONE = (1280, 844), (390, 844)
LIGHT, DARK = "light", "dark"
CAMERAS = ("demo", "demo.2")
CURVE_MS = 15_000  # until a curve is one
EVIDENCE_MS = 2_500  # a sheet of the demo stays for four seconds
STANDS_MS = 600  # what is said for so long is of a sheet that lies still
QUALITIES = (80, 70, 60, 50)  # the best that fits
MOST_BYTES = 150_000
GAP_PX, GREY = 16, 128

Prepare = Callable[[Tab], None]


def take(browser: Browser, name: str, address: str, prepare: Prepare, schemes: tuple[str, str] = (LIGHT, DARK)) -> None:
    """Write a picture of a page in a wide window beside the same in a phone's, unless only others are asked for."""
    if name not in (sys.argv[1:] or [name]):
        return
    windows = zip((WIDE, PHONE), schemes, strict=True)
    views = [look(browser, address, prepare, size, scheme) for size, scheme in windows]
    gap = np.full((views[0].shape[0], GAP_PX, 3), GREY, np.uint8)
    picture = np.hstack([views[0], gap, views[1]])
    jpegs = (cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for quality in QUALITIES)
    jpeg = next(jpeg.tobytes() for jpeg in jpegs if jpeg.size < MOST_BYTES)
    (FOLDER / f"{name}.jpg").write_bytes(jpeg)
    print(f"{name}.jpg: {len(jpeg) / 1000:.0f} kB", flush=True)


def look(browser: Browser, address: str, prepare: Prepare, size: tuple[int, int], scheme: str) -> NDArray[np.uint8]:
    """Return what a window of this size shows once it shows what it is to show, as BGR."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    with closing(context):
        tab = context.new_page()
        tab.emulate_media(color_scheme="dark" if scheme == DARK else "light")
        tab.goto(address)
        prepare(tab)
        return np.asarray(cv2.imdecode(np.frombuffer(tab.screenshot(), np.uint8), cv2.IMREAD_COLOR), np.uint8)


def see_numbers(tab: Tab) -> None:
    """Wait until the curves are curves, and both cameras say numbers of sheets that lie still."""
    tab.wait_for_timeout(CURVE_MS)
    wait_for(lambda: stand_still(tab), 120)


def stand_still(tab: Tab) -> bool:
    """Whether each camera goes on saying the same, a number of several digits in it."""
    before = say_numbers(tab)
    tab.wait_for_timeout(STANDS_MS)
    return before == say_numbers(tab) and all(any(len(number) > 1 for number in said) for said in before)


def say_numbers(tab: Tab) -> list[list[str]]:
    """Return what the tile of each camera says."""
    tiles = [tab.get_by_role("article", name=f"Camera {camera}", exact=True) for camera in CAMERAS]
    return [tile.locator("output b").all_inner_texts() for tile in tiles]


def see_stages(tab: Tab) -> None:
    """Open the panel of the pipeline and let its curves grow."""
    tab.get_by_text("How the pipeline does").click()
    expect(tab.get_by_role("region", name="Stage inference")).to_be_visible(timeout=20_000)
    tab.wait_for_timeout(CURVE_MS)
    tab.locator("#pipeline").scroll_into_view_if_needed()
    tab.evaluate("scrollTo(0, document.querySelector('#pipeline').offsetTop - 12)")


def see_why(tab: Tab) -> None:
    """Ask why a digit was read, again and again until it stays in sight for the curves of a few seconds."""
    says = tab.get_by_role("article", name="Camera demo", exact=True).locator("output b").first
    expect(says).to_be_visible(timeout=60_000)
    wait_for(lambda: stays_read(tab), 120)


def stays_read(tab: Tab) -> bool:
    """Whether the panel explains a digit that was read, and still does when its curves have begun."""
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Why this reading of demo?", exact=True).click()
    tab.wait_for_timeout(EVIDENCE_MS)
    return "Read as" in tab.locator("#why .words").inner_text() and tab.locator("#why .layers img").count() > 0


def see_correction(tab: Tab) -> None:
    """Say of a digit that was read that it is none, and see it kept and listed."""
    wait_for(lambda: stays_read(tab) and is_kept(tab), 120)
    tab.get_by_text("What you have said").click()
    tab.locator("#why .correct").scroll_into_view_if_needed()


def is_kept(tab: Tab) -> bool:
    """Whether it was still there to be kept when it was said what it is."""
    tab.keyboard.press("n")
    tab.wait_for_timeout(STANDS_MS)
    return tab.locator("#why .said").inner_text() == "Kept as no digit."


def see_seven(tab: Tab) -> None:
    """Wait until what the webcam shows is read, and at its full rate."""
    expect(tab.locator("output b")).to_have_text("7", timeout=20_000)
    expect(tab.locator(".rate dd")).to_have_text(re.compile("^(29|30)$"), timeout=20_000)


def draw_three(tab: Tab) -> None:
    """Write a digit with the mouse, and wait until it is read."""
    expect(tab.locator("#status")).to_have_text("Live as camera draw", timeout=20_000)
    write_three(tab)
    expect(tab.locator("output b")).to_have_text("3", timeout=20_000)


def see_down(camera: psutil.Process, tab: Tab) -> None:
    """See the second camera live, stop it, and wait until it is said to be down."""
    camera.resume()
    see_numbers(tab)
    camera.suspend()
    expect(tab.locator(".trouble").nth(1)).to_contain_text("Capture is down", timeout=20_000)
    tab.get_by_role("article", name="Camera demo.2").scroll_into_view_if_needed()


def see_back(tab: Tab) -> None:
    """Wait until it is live again."""
    see_numbers(tab)
    tab.get_by_role("article", name="Camera demo.2").scroll_into_view_if_needed()


def take_all(browser: Browser, pipeline: Pipeline) -> None:
    """Take every picture, the stopped camera's last."""
    page = url(pipeline, "/")
    take(browser, "live", page, see_numbers, (LIGHT, LIGHT))
    take(browser, "live-dark", page, see_numbers, (DARK, DARK))
    take(browser, "stages", page, see_stages)
    take(browser, "why", page, see_why)
    take(browser, "correct", page, see_correction)
    take(browser, "camera", url(pipeline, "/camera"), see_seven)
    take(browser, "draw", url(pipeline, "/draw"), draw_three)
    camera = pipeline.processes()["capture.demo.2"]
    take(browser, "stopped", page, partial(see_down, camera))
    camera.resume()
    take(browser, "back", page, see_back)


def main() -> int:
    """Take them all; the exit code."""
    if not (chromium := shutil.which("chromium") or shutil.which("google-chrome")):
        print("screens: chromium is not installed", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        film = film_digit(7, Path(name) / "seven.mjpeg")
        flags = [*FLAGS, *FAKE_WEBCAM, f"--use-file-for-fake-video-capture={film}"]
        with (
            running(Path(name), ",".join(["demo"] * len(CAMERAS))) as pipeline,
            closing(playwright.chromium.launch(executable_path=chromium, args=flags)) as browser,
        ):
            wait_for(lambda: pipeline.is_up(*CAMERAS), 60)
            take_all(browser, pipeline)
    return 0


if __name__ == "__main__":
    sys.exit(main())
