"""The live view of many cameras in a real Chromium: pages, a search, and cells that are gone and come back."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from services.display.__main__ import CREDIT
from services.display.fan_in import CellConnection, FanIn
from shared.settings import Cell
from tests.browser.test_live_view import display_of, tile
from tests.pipeline.pipeline import find_free_port, wait_for
from tests.services.feed import Feed, pictures

MANY = [f"c{number:02}" for number in range(1, 31)]
PAGE = 24


@dataclass
class Wall:
    """A display of two cells, of 30 cameras each, that both have a camera c07."""

    hall: Feed
    yard: Feed
    tab: Tab

    def selected(self) -> set[str]:
        """Return the cameras whose pictures are asked for, by cell."""
        found = [(name, feed.selection.pictures or ()) for name, feed in (("hall", self.hall), ("yard", self.yard))]
        return {f"{cell}/{camera}" for cell, cameras in found for camera in cameras}


@pytest.fixture
def wall(request: pytest.FixtureRequest, chromium: Browser, tmp_path: Path) -> Iterator[Wall]:
    """Yield a wall; a parameter "without yard" starts it before that cell has answered."""
    for seed in range(4):
        pictures(seed)
    feeds = {name: Feed(*MANY) for name in ("hall", "yard")}
    feeds["yard"].connected = not hasattr(request, "param")
    cells = [CellConnection(Cell(name, "auto"), feed, "display.1", CREDIT) for name, feed in feeds.items()]
    given = {"CELLS": "hall=tcp://127.0.0.1:5750,yard=tcp://127.0.0.1:5751"}
    queues = FanIn(cells, wait=lambda _: time.sleep(0.01))
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    with display_of(queues, tmp_path, str(find_free_port()), **given) as url:
        tab = context.new_page()
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(url)
        yield Wall(**feeds, tab=tab)
        context.close()
    assert errors == []


def test_page_has_some_of_the_cameras_and_only_tiles_in_view_get_pictures(wall: Wall) -> None:
    tab = wall.tab
    expect(tab.get_by_role("status").first).to_have_text("60 of 60 cameras live")
    expect(tab.get_by_role("article")).to_have_count(PAGE)
    expect(tile(tab, "hall/c01").locator("output b")).not_to_have_count(0)
    wait_for(lambda: 4 <= len(wall.selected()) < PAGE)
    assert max(wall.selected()) < "hall/c20"
    tile(tab, "hall/c24").scroll_into_view_if_needed()
    wait_for(lambda: "hall/c24" in wall.selected() and "hall/c01" not in wall.selected())
    tab.get_by_role("button", name="Next page").click()
    expect(tab.locator("#wall output")).to_have_text("25 to 48 of 60")
    expect(tile(tab, "hall/c25").locator("output b")).not_to_have_count(0)
    expect(tile(tab, "hall/c24")).to_have_count(0)
    tab.reload()
    expect(tab.locator("#wall output")).to_have_text("25 to 48 of 60")


@pytest.mark.parametrize("wall", ["without yard"], indirect=True)
def test_page_of_the_address_is_shown_once_its_cameras_are_known(wall: Wall) -> None:
    wall.tab.goto(f"{wall.tab.url}?page=3")
    expect(wall.tab.locator("#wall output")).to_have_text("25 to 30 of 30")
    wall.yard.connected = True
    expect(wall.tab.locator("#wall output")).to_have_text("49 to 60 of 60")


def test_camera_is_found_by_a_part_of_its_name(wall: Wall) -> None:
    tab = wall.tab
    expect(tab.get_by_role("article")).to_have_count(PAGE)
    tab.get_by_label("Find a camera").fill("C07")
    expect(tab.get_by_role("article")).to_have_count(2)
    for camera in ("hall/c07", "yard/c07"):
        expect(tile(tab, camera).locator("output b")).not_to_have_count(0)
    wait_for(lambda: wall.selected() == {"hall/c07", "yard/c07"})
    assert tab.url.endswith("?find=C07")
    tab.get_by_label("Find a camera").fill("nothing has this name")
    expect(tab.locator("#wall output")).to_have_text("None found")


def test_cell_that_is_gone_is_grey_since_then_and_comes_back_by_itself(wall: Wall) -> None:
    tab = wall.tab
    expect(tab.get_by_role("button", name="yard 30 of 30")).to_be_visible()
    wall.yard.connected = False
    gone = tab.get_by_role("button", name=re.compile(r"yard gone since \d+:\d\d"))
    expect(gone).to_be_visible()
    gone.click()
    trouble = tile(tab, "yard/c02").locator(".trouble")
    expect(trouble).to_contain_text("Unreachable")
    expect(trouble).to_contain_text("the cell yard does not answer")
    expect(trouble.locator("time")).to_have_text(re.compile(r"since \d+:\d\d"))
    expect(tab.get_by_role("status").first).to_have_text("30 of 60 cameras live")
    expect(tab.get_by_role("button", name="30 not live")).to_be_visible()
    wall.yard.connected = True
    expect(trouble).to_be_hidden()
    expect(tab.get_by_role("status").first).to_have_text("60 of 60 cameras live")
    expect(tile(tab, "yard/c02").locator("output b")).not_to_have_count(0)


def test_camera_is_not_added_where_several_cells_are_shown(wall: Wall) -> None:
    expect(wall.tab.get_by_role("article")).to_have_count(PAGE)
    expect(wall.tab.get_by_text("Add a camera")).to_be_hidden()
