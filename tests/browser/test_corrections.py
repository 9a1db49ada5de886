"""A user corrects a digit in a real Chromium by one key, and the classifier is trained on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect
from playwright.sync_api import Page as Tab

from shared.vision.corrections import CorrectionStore
from tests.browser.test_live_view import display
from tests.pipeline.pipeline import find_free_port
from tests.services.feed import Feed
from tests.training.corrections import use_small_data
from training.finetune import main as learn


@pytest.fixture
def tab(chromium: Browser, tmp_path: Path) -> Iterator[Tab]:
    """The live view, open."""
    with display(Feed("demo"), tmp_path, str(find_free_port())) as url:
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


def test_correction_is_learned_and_the_open_page_uses_the_new_weights(
    tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = open_panel(tab)
    expect(panel.locator(".weights")).to_contain_text("Weights: ")
    tab.keyboard.press("3")
    expect(panel.locator(".message")).to_have_text("Stored as 3.")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEARNED_DIR", str(tmp_path / "learned"))
    use_small_data(monkeypatch)
    with pytest.raises(SystemExit) as end:
        learn(["--steps", "3"])
    assert end.value.code == 0
    expect(panel.locator(".weights")).to_contain_text("with your corrections")
