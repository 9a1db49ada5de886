"""A user corrects a digit in a real Chromium by one key, and the classifier is trained on it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Locator, expect
from playwright.sync_api import Page as Tab

from shared.pipeline import CameraState
from shared.settings import load_settings
from shared.vision.corrections import CorrectionStore
from tests.browser.test_live_view import display
from tests.pipeline.pipeline import find_free_port
from tests.services.feed import Feed
from tests.training.corrections import add_squares, use_small_data
from training.finetune import FinetuneRecipe, learn

FEW = FinetuneRecipe(steps=20, corrections=8, mnist=32, crops=32)


@pytest.fixture
def feed() -> Feed:
    return Feed("demo")


@pytest.fixture
def tab(chromium: Browser, feed: Feed, tmp_path: Path) -> Iterator[Tab]:
    """The live view, open."""
    with display(feed, tmp_path, str(find_free_port())) as url:
        context = chromium.new_context()
        tab = context.new_page()
        tab.goto(url)
        yield tab
        context.close()


def open_panel(tab: Tab) -> Locator:
    """The explanation of the demo camera's digit, once it shows the crop."""
    expect(tab.locator("output b")).to_have_text("30")
    tab.get_by_role("button", name="Explain the reading of demo").click()
    panel = tab.get_by_role("dialog")
    expect(panel.get_by_role("button", name="8", exact=True)).to_be_enabled()
    return panel


def test_key_stores_a_correction_and_another_undoes_it(tab: Tab, tmp_path: Path) -> None:
    panel, kept = open_panel(tab), CorrectionStore(tmp_path / "learned")
    assert not kept.fetch()
    tab.keyboard.press("8")
    expect(panel.locator(".message")).to_have_text("Stored as 8.")
    tab.keyboard.press("n")
    expect(panel.locator(".message")).to_have_text("Stored as no digit.")
    assert [correction.label for correction in kept.fetch()] == [10, 8]
    tab.keyboard.press("Backspace")
    expect(panel.locator(".message")).to_have_text("Deleted.")
    assert [correction.label for correction in kept.fetch()] == [8]
    tab.keyboard.press("Control+7")
    for _ in range(3):
        tab.keyboard.down("5")  # held down: it repeats
    tab.keyboard.up("5")
    expect(panel.locator(".message")).to_have_text("Stored as 5.")
    panel.get_by_role("button", name="Undo").click()
    expect(panel.locator(".message")).to_have_text("Deleted.")
    tab.keyboard.press("6")  # the button that had the focus has gone
    expect(panel.locator(".message")).to_have_text("Stored as 6.")
    assert [correction.label for correction in kept.fetch()] == [6, 8]
    tab.keyboard.press("Backspace")
    expect(panel.locator(".message")).to_have_text("Deleted.")
    panel.get_by_text("Your corrections (1)").click()
    panel.get_by_role("button", name="Delete the correction to 8").click()
    expect(panel.get_by_text("Your corrections")).to_be_hidden()
    assert not kept.fetch()


def change_sheet(tab: Tab, feed: Feed) -> None:
    """Put another sheet in front of the camera: 01892 instead of 30."""
    feed.show_sheet("demo", 1)
    expect(tab.locator("article output")).to_have_text(re.compile("^01892"))


def test_key_labels_what_was_clicked_after_the_sheet_has_changed(tab: Tab, feed: Feed, tmp_path: Path) -> None:
    panel = open_panel(tab)
    expect(panel.locator(".moment")).to_have_text(re.compile(r"^demo, frozen at \d"))
    expect(panel.locator(".sentences")).to_contain_text("Read as 3.")
    asked = panel.get_by_role("img", name="The crop as the classifier gets it").get_attribute("src")
    change_sheet(tab, feed)
    feed.set_state("demo", CameraState.LEFT, "")
    expect(tab.locator("article")).to_have_count(0)
    expect(panel.get_by_role("img", name="The frozen picture. 30")).to_be_visible()
    tab.keyboard.press("8")
    expect(panel.locator(".message")).to_have_text("Stored as 8.")
    expect(panel.get_by_role("img", name="Crop read as 3", include_hidden=True)).to_have_attribute("src", asked or "")
    (kept,) = CorrectionStore(tmp_path / "learned").fetch()
    assert (kept.label, kept.crop.predicted) == (8, 3)


def test_another_digit_of_the_frozen_frame_is_explained_by_keyboard_and_by_click(tab: Tab, feed: Feed) -> None:
    panel = open_panel(tab)
    change_sheet(tab, feed)
    digits = panel.get_by_role("group", name="Digits of this frame").get_by_role("button")
    expect(digits).to_have_text(["3", "0"])
    zero = panel.get_by_role("button", name="Explain the 0")
    zero.focus()
    tab.keyboard.press("Enter")
    expect(panel.locator(".sentences")).to_contain_text("Read as 0.")
    expect(zero).to_have_attribute("aria-pressed", "true")
    canvas = panel.get_by_role("img", name="The frozen picture. 30")
    box = canvas.bounding_box()
    assert box
    canvas.click(position={"x": 0.95 * box["width"], "y": 0.95 * box["height"]})  # the desk
    expect(panel.locator(".sentences")).to_contain_text("no digit here")
    tab.keyboard.press("4")
    expect(panel.locator(".message")).to_have_text("There is no digit here to correct.")
    canvas.click(position={"x": 230 / 640 * box["width"], "y": 280 / 480 * box["height"]})
    expect(panel.locator(".sentences")).to_contain_text("Read as 3.")


def test_switch_follows_the_live_picture_and_freezes_the_newest(tab: Tab, feed: Feed) -> None:
    panel = open_panel(tab)
    switch = panel.get_by_role("switch", name="Follow")
    expect(switch).not_to_be_checked()
    change_sheet(tab, feed)
    tab.keyboard.press("f")
    expect(switch).to_be_checked()
    expect(panel.locator(".moment")).to_have_text("demo, following the live picture")
    expect(panel.get_by_role("img", name=re.compile("frozen"))).to_be_hidden()
    feed.set_state("demo", CameraState.ABSENT, "unplugged")
    expect(panel.locator(".sentences")).to_contain_text("unplugged")
    switch.focus()
    tab.keyboard.press("Space")
    expect(panel.get_by_role("img", name="The frozen picture. 01892")).to_be_visible()
    expect(panel.locator(".sentences")).to_contain_text(re.compile("Read as|no digit here"))


def test_display_that_no_longer_has_the_picture_says_so(chromium: Browser, tmp_path: Path) -> None:
    """As after a restart of the display, while the camera is gone."""
    tab = chromium.new_page()
    feed = Feed("demo")
    with display(feed, tmp_path, str(find_free_port())) as url:
        tab.goto(url)
        expect(tab.locator("output b")).to_have_text("30")
    tab.get_by_role("button", name="Explain the reading of demo").click()
    panel = tab.get_by_role("dialog")
    expect(panel.locator(".sentences")).to_have_text(re.compile("no longer has this picture"))
    expect(panel.get_by_role("img", name="The frozen picture. 30")).to_be_visible()
    tab.keyboard.press("8")
    expect(panel.locator(".message")).to_have_text("There is no digit here to correct.")
    tab.close()


def test_correction_is_learned_and_the_open_page_uses_the_new_weights(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = open_panel(tab)
    expect(panel.locator(".weights")).to_contain_text("Weights: ")
    tab.keyboard.press("3")
    expect(panel.locator(".message")).to_have_text("Stored as 3.")
    use_small_data(monkeypatch)
    add_squares(CorrectionStore(tmp_path / "learned"), 6)  # a 3 that is read as 3 teaches nothing
    settings = load_settings({"LEARNED_DIR": str(tmp_path / "learned")}, tmp_path / ".env")
    torch.set_num_threads(1)
    assert learn(settings, tmp_path, FEW) == 0
    panel.get_by_role("switch", name="Follow").check()
    expect(panel.locator(".weights")).to_contain_text("with your corrections")
