"""/api/corrections: stored only on request, listed, deleted, limited; hostile ones are refused."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from services.display.web.explain.corrections import MAX_RECENT, RecentCrops
from services.display.web.schema import LABELS
from services.display.web.server import WebServer
from shared.vision.corrections import (
    MAX_CORRECTIONS,
    MAX_PER_MINUTE,
    ClassifiedCrop,
    CorrectionLimitError,
    CorrectionStore,
)
from shared.vision.digit import NOT_A_DIGIT
from tests.services.display.web.test_api import ask, request_explanation
from tests.services.display.web.test_server import in_browser, settings, shown
from tests.services.feed import pictures

KEPT = "learned/corrections.sqlite"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    pictures(0)  # drawn once, which takes a second
    server = WebServer(settings(tmp_path), time.monotonic)
    yield server
    server.close()


def crop(predicted: int = 3, camera: str = "demo") -> ClassifiedCrop:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    return ClassifiedCrop(camera, image, predicted)


def remember(server: WebServer, what: ClassifiedCrop) -> int:
    """Keep a crop as if an explanation had shown it."""
    return server.api.crops.add(what)


async def correct(server: WebServer, number: int, label: str) -> tuple[int, Any]:
    return await ask(server, "/api/corrections", "POST", json={"crop_id": number, "label": label})


def test_explained_crop_is_stored_only_with_a_correction(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        x, y, width, height = shown().digits[0].box
        _, why = await request_explanation(server, f"x={x + width / 2}&y={y + height / 2}")
        assert not (tmp_path / KEPT).exists()
        status, correction = await correct(server, why["crop_id"], "5")
        assert status == 201
        assert (correction["camera"], correction["label"], correction["read_as"]) == ("demo", "5", "3")
        assert correction["image"] == why["classifier_input"]
        assert (await ask(server, "/api/corrections"))[1] == {"corrections": [correction], "next": None}
        (kept,) = CorrectionStore(tmp_path / "learned").fetch()
        assert kept.label == 5
        assert kept.crop.image.max() == 255

    in_browser(scenario)


def test_place_without_a_candidate_has_no_crop(server: WebServer) -> None:
    async def scenario() -> None:
        _, why = await request_explanation(server, "x=1&y=1")
        assert why["crop_id"] is None

    in_browser(scenario)


def test_corrections_survive_a_restart_and_are_deleted_one_by_one(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        for label in ("7", "none"):
            await correct(server, remember(server, crop()), label)
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


def test_list_comes_in_parts(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        table = CorrectionStore(tmp_path / "learned")
        for label in range(5):
            table.add(crop(), label)
        _, first = await ask(server, "/api/corrections?limit=3")
        assert [correction["label"] for correction in first["corrections"]] == ["4", "3", "2"]
        _, second = await ask(server, f"/api/corrections?before={first['next']}")
        assert [correction["label"] for correction in second["corrections"]] == ["1", "0"]
        assert second["next"] is None

    in_browser(scenario)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"crop_id": 1, "label": "7"}, 404),  # no such crop
        ({"crop_id": 1, "label": "10"}, 400),
        ({"crop_id": 1, "label": 7}, 400),
        ({"crop_id": "1", "label": "7"}, 400),
        ({"crop_id": 1}, 400),
        ({"crop_id": 1, "label": "7", "image": "data:image/png;base64,"}, 400),  # no picture comes from a browser
        ([], 400),
    ],
)
def test_invalid_correction_is_refused_and_creates_no_file(
    server: WebServer, tmp_path: Path, body: Any, status: int
) -> None:
    async def scenario() -> None:
        answer = await ask(server, "/api/corrections", "POST", json=body)
        assert answer[0] == status
        assert answer[1]["error"]
        assert not (tmp_path / KEPT).exists()

    in_browser(scenario)


def test_other_sites_cannot_correct_or_delete(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        number = remember(server, crop())
        strange = {"Origin": "http://elsewhere.example"}
        body = {"crop_id": number, "label": "7"}
        assert (await ask(server, "/api/corrections", "POST", json=body, headers=strange))[0] == 403
        assert not (tmp_path / KEPT).exists()
        _, kept = await correct(server, number, "7")
        assert (await ask(server, f"/api/corrections/{kept['id']}", "DELETE", headers=strange))[0] == 403
        assert len((await ask(server, "/api/corrections"))[1]["corrections"]) == 1

    in_browser(scenario)


def test_correction_needs_the_token(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = WebServer(settings(tmp_path, WEB_TOKEN="a secret of this test"), time.monotonic)  # noqa: S106 - used here only
        try:
            assert (await correct(server, remember(server, crop()), "7"))[0] == 401
        finally:
            await asyncio.to_thread(server.close)

    in_browser(scenario)


def test_damaged_table_is_reported_and_set_aside(server: WebServer, tmp_path: Path) -> None:
    async def scenario() -> None:
        (tmp_path / KEPT).parent.mkdir()
        (tmp_path / KEPT).write_text("this is no database, and long enough to be seen as none" * 20)
        status, refusal = await correct(server, remember(server, crop()), "7")
        assert status == 409
        assert "corrections.sqlite cannot be used" in refusal["error"]
        assert "it was set aside: try again" in refusal["error"]
        (aside,) = (tmp_path / KEPT).parent.glob("corrections.sqlite.broken-*")
        assert aside.read_text().startswith("this is no database")
        assert (await correct(server, remember(server, crop()), "7"))[0] == 201
        assert len((await ask(server, "/api/corrections"))[1]["corrections"]) == 1

    in_browser(scenario)


def test_corrections_a_minute_are_limited(server: WebServer) -> None:
    async def scenario() -> None:
        number = remember(server, crop())
        async with aiohttp.ClientSession() as session:
            body = {"crop_id": number, "label": "7"}
            for _ in range(MAX_PER_MINUTE):
                async with session.post(f"{server.url}/api/corrections", json=body) as answer:
                    assert answer.status == 201
        status, refusal = await correct(server, number, "7")
        assert status == 429
        assert "wait a little" in refusal["error"]

    in_browser(scenario)


def test_number_of_corrections_is_limited(tmp_path: Path) -> None:
    now = iter(range(0, 10**9, 60))
    table = CorrectionStore(tmp_path, lambda: float(next(now)))
    first = table.add(crop(), 1)
    with table._open() as rows:
        columns = "camera, at, label, predicted, image"
        fill = f"INSERT INTO corrections ({columns}) SELECT {columns}"
        rows.executemany(f"{fill} FROM corrections WHERE id = ?", [(first.id,)] * (MAX_CORRECTIONS - 1))
    with pytest.raises(CorrectionLimitError, match="delete some of them"):
        table.add(crop(), 1)
    assert table.delete(first.id)
    assert table.add(crop(), 1).id == MAX_CORRECTIONS + 1


def test_old_crops_are_forgotten() -> None:
    crops = RecentCrops()
    numbers = [crops.add(crop()) for _ in range(MAX_RECENT + 1)]
    assert crops.get(numbers[0]) is None
    assert crops.get(numbers[1]) is not None


def test_every_class_has_a_label() -> None:
    assert LABELS[NOT_A_DIGIT] == "none"
    assert LABELS[:NOT_A_DIGIT] == tuple(map(str, range(10)))
