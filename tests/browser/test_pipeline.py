"""The whole pipeline from camera to browser: a real Chromium shows the numbers of the demo camera."""

import zlib
from pathlib import Path

from playwright.sync_api import Browser, expect

from shared.demo.camera import SHEET_S, DemoCamera
from tests.pipeline.pipeline import run_pipeline, wait_for

SHEETS = 15  # a minute of the demo camera


def test_number_of_the_demo_camera_is_displayed_and_vanishes_with_the_camera(tmp_path: Path, chromium: Browser) -> None:
    demo = DemoCamera(seed=zlib.crc32(b"demo"))
    expected = {number for sheet in range(SHEETS) for number in demo.numbers(sheet * SHEET_S)}
    with run_pipeline(tmp_path, "demo") as pipeline:
        wait_for(lambda: pipeline.is_reading("demo"))
        tab = chromium.new_page()
        tab.goto(f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}")
        shown = tab.get_by_role("article", name="Camera demo").locator("output b")
        wait_for(lambda: set(shown.all_inner_texts()) & {number for number in expected if len(number) > 1})
        pipeline.find_processes()["capture.demo"].suspend()
        expect(tab.locator(".trouble")).to_contain_text("Capture is down", timeout=5000)
        pipeline.find_processes()["capture.demo"].resume()
        expect(tab.locator(".trouble")).to_be_hidden()
        tab.close()
