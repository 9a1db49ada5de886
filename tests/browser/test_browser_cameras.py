"""Browsers that are cameras: a real Chromium with the whole pipeline."""

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Position, expect
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page as Tab

from tests.browser.conftest import Launch
from tests.browser.film import film_digit
from tests.pipeline.pipeline import ROOT, HonchoPipeline, find_free_port, run_pipeline, wait_for

FAKE_WEBCAM = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HonchoPipeline]:
    with run_pipeline(tmp_path_factory.mktemp("browser_cameras"), "demo") as pipeline:
        wait_for(lambda: pipeline.is_reading("demo"))
        yield pipeline


def url(pipeline: HonchoPipeline, path: str) -> str:
    return f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}{path}"


def write_three(tab: Tab) -> None:
    """Write a 3 on the sheet with the mouse: two bows, each most of a circle."""
    box = tab.locator("#sheet").bounding_box()
    assert box
    x, y, size = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"] / 6
    upper = [(-150 + 10 * i, -0.9 * size, 0.85 * size) for i in range(24)]
    lower = [(-80 + 10 * i, 0.9 * size, size) for i in range(24)]
    for i, (degrees, down, radius) in enumerate(upper + lower):
        angle = math.radians(degrees)
        tab.mouse.move(x + radius * math.cos(angle), y + down + radius * math.sin(angle))
        if i == 0:
            tab.mouse.down()
    tab.mouse.up()


def test_digit_in_front_of_a_webcam_is_read_on_the_camera_page(
    pipeline: HonchoPipeline, launch: Launch, tmp_path: Path
) -> None:
    film = film_digit(7, tmp_path / "seven.mjpeg")
    with closing(launch(*FAKE_WEBCAM, f"--use-file-for-fake-video-capture={film}")) as chromium:
        tab = chromium.new_page()
        tab.goto(url(pipeline, "/camera"))
        expect(tab.locator("output b")).to_have_text(["7"])
        expect(tab.locator("#status")).to_have_text("Live as camera browser")
        expect(tab.locator(".age dd")).to_have_text(re.compile(r"\d+ ms|\d\.\d s"))
        expect(tab.get_by_role("img", name="7")).to_be_visible()
    assert pipeline.count_readings("browser") > 0


def test_phone_gets_access_by_digitcam_share(pipeline: HonchoPipeline, launch: Launch, tmp_path: Path) -> None:
    """Except on localhost, browsers give only HTTPS pages access to the camera; the QR code holds the address."""
    film = film_digit(7, tmp_path / "seven.mjpeg")
    with (
        shared(pipeline) as address,
        closing(launch(*FAKE_WEBCAM, f"--use-file-for-fake-video-capture={film}")) as chromium,
    ):
        tab = chromium.new_context(ignore_https_errors=True).new_page()
        wait_for(lambda: is_open(tab, address))
        expect(tab.locator("output b")).to_have_text(["7"])
        assert "token" not in tab.url


@contextmanager
def shared(pipeline: HonchoPipeline) -> Iterator[str]:
    """Run `digitcam share` next to the pipeline; yields the address that it shows."""
    command = [sys.executable, "-m", "digitcam", "share", "--address", "127.0.0.1", "--port", str(find_free_port())]
    environment = os.environ | pipeline.settings | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=pipeline.folder, env=environment, stdout=subprocess.PIPE, text=True) as door:
        try:
            yield next(found[0] for line in door.stdout or () if (found := re.search(r"https://\S+", line)))
        finally:
            door.terminate()


def is_open(tab: Tab, address: str) -> bool:
    """Return whether the page opens."""
    try:
        tab.goto(address)
    except PlaywrightError:
        return False
    return True


def test_digit_drawn_with_the_mouse_is_read_also_after_a_reload(pipeline: HonchoPipeline, chromium: Browser) -> None:
    tab = chromium.new_page()
    tab.goto(url(pipeline, "/draw"))
    expect(tab.locator("output")).to_have_text("Write a digit")
    expect(tab.locator("#status")).to_have_text("Live as camera draw")
    write_three(tab)
    expect(tab.locator("output b")).to_have_text(["3"])  # all there is, at the end
    tab.reload()
    expect(tab.locator("output b")).to_have_text(["3"])
    undo, clear = (tab.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    clear.click()
    expect(clear).to_be_disabled()
    undo.click()
    expect(clear).to_be_enabled()
    undo.click()
    expect(undo).to_be_disabled()
    expect(tab.locator("output")).to_have_text("Write a digit")
    tab.close()


def draw_strokes(tab: Tab, *strokes: list[tuple[float, float]]) -> None:
    """Write on the sheet with the mouse; points are in shares of the sheet."""
    box = tab.locator("#sheet").bounding_box()
    assert box
    for stroke in strokes:
        for i, (x, y) in enumerate(stroke):
            tab.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
            if i == 0:
                tab.mouse.down()
        tab.mouse.up()


def test_drawn_digit_has_its_three_best_guesses_and_an_explanation(pipeline: HonchoPipeline, chromium: Browser) -> None:
    tab = chromium.new_page()
    tab.goto(url(pipeline, "/draw"))
    expect(tab.locator("#status")).to_have_text("Live as camera draw")
    write_three(tab)
    guesses = tab.get_by_role("region", name="Top three").get_by_role("listitem")
    expect(guesses).to_have_count(1)
    expect(guesses.locator("th").first).to_have_text("3")
    shares = [float(text.rstrip(" %")) for text in guesses.locator(".share").all_inner_texts()]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    guesses.get_by_role("button", name="Why 3?").click()
    panel = tab.get_by_role("dialog")
    expect(panel.locator(".sentences")).to_contain_text("Read as 3.")
    tab.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(tab.locator("output b")).to_have_text(["3"])  # Escape closed the panel and kept the drawing
    tab.close()


def test_ink_that_was_not_read_is_marked_explained_and_corrected(pipeline: HonchoPipeline, chromium: Browser) -> None:
    tab = chromium.new_page()
    tab.goto(url(pipeline, "/draw"))
    expect(tab.locator("#status")).to_have_text("Live as camera draw")
    draw_strokes(tab, [(0.3, 0.7), (0.42, 0.66), (0.5, 0.71), (0.6, 0.66)])  # a wavy line: no digit
    mark = tab.locator("#unread").get_by_role("button", name="Why was this ink not read?")
    expect(mark).to_have_count(1)
    expect(tab.get_by_role("region", name="Top three").get_by_text("Ink that was not read")).to_be_visible()
    mark.focus()
    tab.keyboard.press("Enter")
    panel = tab.get_by_role("dialog")
    expect(panel.locator(".sentences")).to_contain_text(re.compile("sees no digit here.*There is ink|Rejected"))
    tab.keyboard.press("1")
    expect(panel.locator(".message")).to_have_text("Stored as 1.")
    tab.keyboard.press("Backspace")
    expect(panel.locator(".message")).to_have_text("Deleted.")
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Undo").click()
    expect(mark).to_have_count(0)
    tab.close()


OPENS_MS = 20_000  # a busy machine opens a webcam slowly
TWO_WEBCAMS = ["--use-fake-device-for-media-stream=device-count=2", "--use-fake-ui-for-media-stream"]


def is_shown(tab: Tab, camera: str) -> bool:
    """Return whether the video shows a camera; the page's policy forbids what wait_for_function evaluates."""
    label = tab.evaluate("document.querySelector('video').srcObject?.getVideoTracks()[0].label")
    return bool(label == camera)


def test_camera_is_chosen_from_a_list_and_remembered(pipeline: HonchoPipeline, launch: Launch) -> None:
    with closing(launch(*TWO_WEBCAMS)) as chromium:
        tab = chromium.new_page()
        tab.goto(url(pipeline, "/camera"))
        cameras = tab.get_by_role("combobox", name="Camera")
        expect(cameras.locator("option")).to_have_text(["fake_device_0", "fake_device_1"], timeout=OPENS_MS)
        for name in ("fake_device_1", "fake_device_0", "fake_device_1"):
            cameras.select_option(name)
            wait_for(partial(is_shown, tab, name))
        tab.get_by_role("combobox", name="Resolution").select_option("640x480")
        expect(tab.locator("#sizes")).to_have_text(
            re.compile("The camera gives 640 . 480; 640 . 480 is sent."), timeout=OPENS_MS
        )
        tab.reload()
        wait_for(partial(is_shown, tab, "fake_device_1"))
        expect(tab.get_by_role("combobox", name="Resolution")).to_have_value("640x480")


def test_camera_that_is_plugged_in_later_is_listed(pipeline: HonchoPipeline, launch: Launch) -> None:
    with closing(launch(*TWO_WEBCAMS)) as chromium:
        tab = chromium.new_page()
        tab.add_init_script(HIDE_A_CAMERA)
        tab.goto(url(pipeline, "/camera"))
        options = tab.get_by_role("combobox", name="Camera").locator("option")
        expect(options).to_have_text(["fake_device_0"])
        tab.evaluate("window.hiddenCamera = ''; navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
        expect(options).to_have_text(["fake_device_0", "fake_device_1"])


HIDE_A_CAMERA = """
  window.hiddenCamera = "fake_device_1";
  const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
  navigator.mediaDevices.enumerateDevices = async () =>
    (await list()).filter(({ label }) => label !== window.hiddenCamera);
"""


def test_mirror_turns_the_screen_and_not_what_is_sent(pipeline: HonchoPipeline, launch: Launch, tmp_path: Path) -> None:
    film = film_digit(7, tmp_path / "seven.mjpeg")
    with closing(launch(*FAKE_WEBCAM, f"--use-file-for-fake-video-capture={film}")) as chromium:
        tab = chromium.new_page()
        tab.goto(url(pipeline, "/camera"))
        mirror = tab.get_by_role("switch", name="Mirror on the screen")
        expect(tab.locator("output b")).to_have_text(["7"])  # the start of the camera sets the switch
        for is_mirrored in (True, False):
            mirror.set_checked(is_mirrored)
            expect(tab.locator("output b")).to_have_text(["7"])
            transform = tab.evaluate("getComputedStyle(document.querySelector('video')).transform")
            assert transform == ("matrix(-1, 0, 0, 1, 0, 0)" if is_mirrored else "none")
            wait_for(lambda: (find_box(tab) < 0.5) != is_mirrored)  # noqa: B023 - called in this turn of the loop
        tab.locator(".picture").click(position=find_digit(tab))
        expect(tab.get_by_role("dialog").locator(".sentences")).to_contain_text("Read as 7.")
        tab.keyboard.press("Escape")
        mirror.check()
        wait_for(lambda: find_box(tab) > 0.5)
        tab.locator(".picture").click(position=find_digit(tab))
        expect(tab.get_by_role("dialog").locator(".sentences")).to_contain_text("Read as 7.")


def find_box(tab: Tab) -> float:
    """Return where the middle of what the overlay shows is, in shares of its width."""
    return float(tab.evaluate(MIDDLE_OF_OVERLAY))


def find_digit(tab: Tab) -> Position:
    """Return the place of the digit on the picture, in pixels."""
    box = tab.locator(".picture").bounding_box()
    assert box
    return {"x": find_box(tab) * box["width"], "y": box["height"] / 2}


MIDDLE_OF_OVERLAY = """() => {
  const canvas = document.querySelector("#overlay");
  const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [sum, count] = [0, 0];
  for (let i = 3; i < data.length; i += 4) if (data[i]) [sum, count] = [sum + ((i - 3) / 4) % width, count + 1];
  return count ? sum / count / width : 0.5;
}"""


def test_frames_over_a_slow_line_are_read_and_their_latency_is_shown(
    pipeline: HonchoPipeline, chromium: Browser
) -> None:
    """At 20 kB/s a picture takes half a second, far more than the 0.15 s after which a live frame is dropped."""
    tab = chromium.new_page()
    session = tab.context.new_cdp_session(tab)
    session.send("Network.enable")
    line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20_000}
    session.send("Network.emulateNetworkConditions", line)
    tab.goto(url(pipeline, "/draw"))
    expect(tab.locator("#status")).to_have_text("Live as camera draw")
    write_three(tab)
    expect(tab.locator("output b")).to_have_text(["3"])  # all there is, at the end
    expect(tab.locator(".age dd")).to_have_text(re.compile(r"[3-9]\d\d ms|[1-4]\.\d s"))
    tab.close()


def test_browser_camera_has_a_tile_in_the_live_view(pipeline: HonchoPipeline, chromium: Browser) -> None:
    pad, view = chromium.new_page(), chromium.new_page()
    pad.goto(url(pipeline, "/draw"))
    view.goto(url(pipeline, "/"))
    tile = view.get_by_role("article", name="Camera draw", exact=True)
    pad.bring_to_front()
    write_three(pad)
    view.bring_to_front()  # a pad in the background sends nothing: its last picture stays
    expect(tile.locator("canvas")).to_have_attribute("aria-label", "Picture of draw. 3")
    pad.close()
    view.close()


def test_device_without_a_camera_gets_a_notice(pipeline: HonchoPipeline, chromium: Browser) -> None:
    tab = chromium.new_page()
    tab.goto(url(pipeline, "/camera"))
    expect(tab.get_by_role("alert")).to_have_text(re.compile("has no camera|was denied"))
    tab.close()
