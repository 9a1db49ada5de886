"""Requests are checked, documented and answered by their types."""

import asyncio
import re
from pathlib import Path

import pytest
from aiohttp import web

from services.display.web.api.docs_page import render_docs
from services.display.web.api.openapi import make_document
from services.display.web.api.routes import Api
from services.display.web.endpoint import read_query
from services.display.web.schema import EventsQuery, Model, PlaceQuery, SnapshotQuery
from tests.services.display.web.test_server import settings


@pytest.mark.parametrize(
    ("kind", "query", "sentence"),
    [
        (EventsQuery, {"limit": "0"}, "limit: expected int >= 1"),
        (EventsQuery, {"limit": "many"}, "limit: expected int, got str"),
        (EventsQuery, {"before": "null"}, "before: null is not a valid value"),
        (EventsQuery, {"since": "12"}, "since: 12 is not a valid value"),
        (EventsQuery, {"since": "2026-11-24T09:30:00"}, "since: expected datetime with a timezone component"),
        (EventsQuery, {"kamera": "demo"}, "unknown field kamera"),
        (PlaceQuery, {"x": "1"}, "missing required field y"),
        (SnapshotQuery, {"plain": "maybe"}, "plain: expected bool, got str"),
    ],
)
def test_invalid_query_is_refused_with_the_name_of_the_parameter(
    kind: type[Model], query: dict[str, str], sentence: str
) -> None:
    with pytest.raises(web.HTTPBadRequest) as refusal:
        read_query(query, kind)
    assert refusal.value.text == f"{sentence} (see /api/docs)"


def test_docs_page_has_every_endpoint_and_no_dead_link(tmp_path: Path) -> None:
    async def render() -> tuple[str, int]:
        api = Api(settings(tmp_path), lambda: 0.0)
        api.state.close()
        return render_docs(make_document(api.endpoints)), len(api.endpoints)

    page, count = asyncio.run(render())
    targets = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets
    assert page.count("<h2><code>") == count
