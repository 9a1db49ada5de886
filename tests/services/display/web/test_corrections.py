"""Corrections by the interface for programs: kept only when said, listed, deletable, bounded; hostile ones refused."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from services.display.web.explain.corrections import LABELS, MOST_REMEMBERED, RecentReadings
from services.display.web.server import WebServer
from shared.vision.corrections import (
    MAX_CORRECTIONS,
    MAX_PER_MINUTE,
    ClassifiedCrop,
    CorrectionLimitError,
    CorrectionStore,
)
from shared.vision.digit import NOT_A_DIGIT
from tests.services.display.web.test_api import ask, ask_why
from tests.services.display.web.test_server import in_browser, settings, shown
from tests.services.feed import pictures

KEPT = "learned/corrections.sqlite"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[WebServer]:
    pictures(0)  # drawn once, which takes a second
    page = WebServer(settings(tmp_path), time.monotonic)
    yield page
    page.close()


def seen(said: int = 3, camera: str = "demo") -> ClassifiedCrop:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    return ClassifiedCrop(camera, image, said)


def remember(page: WebServer, what: ClassifiedCrop) -> int:
    """Let the page have seen something."""
    memory: RecentReadings = page._api.why._memory
    return memory.remember(what)


async def say(page: WebServer, number: int, label: str) -> tuple[int, Any]:
    return await ask(page, "/api/corrections", "POST", json={"seen": number, "label": label})


def test_what_was_explained_is_kept_with_its_label_only_when_it_is_said(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        x, y, width, height = shown().digits[0].box
        _, why = await ask_why(page, f"x={x + width / 2}&y={y + height / 2}")
        assert not (tmp_path / KEPT).exists()
        status, correction = await say(page, why["seen"], "5")
        assert status == 201
        assert (correction["camera"], correction["label"], correction["said"]) == ("demo", "5", "3")
        assert correction["image"] == why["image"]
        assert (await ask(page, "/api/corrections"))[1] == {"corrections": [correction], "next": None}
        (kept,) = CorrectionStore(tmp_path / "learned").fetch()
        assert kept.label == 5
        assert kept.crop.image.max() == 255

    in_browser(scenario)


def test_place_without_a_candidate_has_nothing_to_correct(page: WebServer) -> None:
    async def scenario() -> None:
        _, why = await ask_why(page, "x=1&y=1")
        assert why["seen"] is None

    in_browser(scenario)


def test_corrections_are_kept_across_a_restart_and_forgotten_one_by_one(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        for label in ("7", "none"):
            await say(page, remember(page, seen()), label)
        other = WebServer(settings(tmp_path), time.monotonic)
        try:
            corrections = (await ask(other, "/api/corrections"))[1]["corrections"]
            assert [correction["label"] for correction in corrections] == ["none", "7"]
            path = f"/api/corrections/{corrections[0]['id']}"
            assert (await ask(other, path, "DELETE"))[0] == 204
            assert (await ask(other, path, "DELETE"))[0] == 404
            corrections = (await ask(other, "/api/corrections"))[1]["corrections"]
            assert [correction["label"] for correction in corrections] == ["7"]
        finally:
            await asyncio.to_thread(other.close)

    in_browser(scenario)


def test_list_comes_in_pages(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        table = CorrectionStore(tmp_path / "learned")
        for label in range(5):
            table.add(seen(), label)
        _, first = await ask(page, "/api/corrections?limit=3")
        assert [correction["label"] for correction in first["corrections"]] == ["4", "3", "2"]
        _, second = await ask(page, f"/api/corrections?before={first['next']}")
        assert [correction["label"] for correction in second["corrections"]] == ["1", "0"]
        assert second["next"] is None

    in_browser(scenario)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"seen": 1, "label": "7"}, 404),  # never seen
        ({"seen": 1, "label": "10"}, 400),
        ({"seen": 1, "label": 7}, 400),
        ({"seen": "1", "label": "7"}, 400),
        ({"seen": 1}, 400),
        ({"seen": 1, "label": "7", "image": "data:image/png;base64,"}, 400),  # no picture comes from a browser
        ([], 400),
    ],
)
def test_correction_that_is_none_is_refused_and_leaves_no_file(
    page: WebServer, tmp_path: Path, body: Any, status: int
) -> None:
    async def scenario() -> None:
        answer = await ask(page, "/api/corrections", "POST", json=body)
        assert answer[0] == status
        assert answer[1]["error"]
        assert not (tmp_path / KEPT).exists()

    in_browser(scenario)


def test_other_sites_correct_and_delete_nothing(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        number = remember(page, seen())
        strange = {"Origin": "http://elsewhere.example"}
        body = {"seen": number, "label": "7"}
        assert (await ask(page, "/api/corrections", "POST", json=body, headers=strange))[0] == 403
        assert not (tmp_path / KEPT).exists()
        _, kept = await say(page, number, "7")
        assert (await ask(page, f"/api/corrections/{kept['id']}", "DELETE", headers=strange))[0] == 403
        assert len((await ask(page, "/api/corrections"))[1]["corrections"]) == 1

    in_browser(scenario)


def test_who_has_no_token_corrects_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        page = WebServer(settings(tmp_path, WEB_TOKEN="a secret"), time.monotonic)  # noqa: S106
        try:
            assert (await say(page, remember(page, seen()), "7"))[0] == 401
        finally:
            await asyncio.to_thread(page.close)

    in_browser(scenario)


def test_table_that_is_damaged_is_said_and_left_as_it_is(page: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / KEPT).parent.mkdir()
        (tmp_path / KEPT).write_text("this is no database, and long enough to be seen as none" * 20)
        for answer in (await say(page, remember(page, seen()), "7"), await ask(page, "/api/corrections")):
            assert answer[0] == 409
            assert "corrections.sqlite can't be used" in answer[1]["error"]
        assert (tmp_path / KEPT).read_text().startswith("this is no database")

    in_browser(scenario)


def test_one_correction_too_many_in_a_minute_is_refused(page: WebServer) -> None:
    async def scenario() -> None:
        number = remember(page, seen())
        async with aiohttp.ClientSession() as session:
            body = {"seen": number, "label": "7"}
            for _ in range(MAX_PER_MINUTE):
                async with session.post(f"{page.url}/api/corrections", json=body) as answer:
                    assert answer.status == 201
        status, refusal = await say(page, number, "7")
        assert status == 429
        assert "wait a little" in refusal["error"]

    in_browser(scenario)


def test_table_takes_so_many_and_no_more(tmp_path: Path) -> None:
    now = iter(range(0, 10**9, 60))
    table = CorrectionStore(tmp_path, lambda: float(next(now)))
    first = table.add(seen(), 1)
    with table._open() as rows:
        fill = (
            "INSERT INTO corrections (camera, at, label, predicted, image) SELECT camera, at, label, predicted, image"
        )
        rows.executemany(f"{fill} FROM corrections WHERE id = ?", [(first.id,)] * (MAX_CORRECTIONS - 1))
    with pytest.raises(CorrectionLimitError, match="delete some of them"):
        table.add(seen(), 1)
    assert table.delete(first.id)
    assert table.add(seen(), 1).id == MAX_CORRECTIONS + 1


def test_memory_forgets_what_was_explained_long_ago() -> None:
    memory = RecentReadings()
    numbers = [memory.remember(seen()) for _ in range(MOST_REMEMBERED + 1)]
    assert memory.find(numbers[0]) is None
    assert memory.find(numbers[1]) is not None


def test_label_is_named_for_every_class() -> None:
    assert LABELS[NOT_A_DIGIT] == "none"
    assert LABELS[:NOT_A_DIGIT] == tuple(map(str, range(10)))
