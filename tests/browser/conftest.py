"""One real Chromium for all browser tests."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


Launch = Callable[..., Browser]


@pytest.fixture(scope="package")
def launch() -> Iterator[Launch]:
    """Return a function that starts Chromium with additional flags; skips without Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])


@pytest.fixture(scope="package")
def chromium(launch: Launch) -> Iterator[Browser]:
    with closing(launch()) as browser:
        yield browser
