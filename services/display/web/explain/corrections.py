"""What a digit really was, said by a person: kept with the 28 x 28 that the reader saw, listed, forgotten again."""

import asyncio
import itertools
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from services.display.web.explain.images import to_png
from services.display.web.json_views import to_time
from services.display.web.requests import check, refuse, to_body, to_count
from shared.vision.corrections import MAX_ID, ClassifiedCrop, Correction, CorrectionLimitError, CorrectionStore

LABELS = (*"0123456789", "none")  # by their class, 0 to 10
MOST_LISTED = 100  # in one answer; 60 kB
MOST_REMEMBERED = 64  # of the newest explanations: half a minute of a panel that is open
ID = r"\d{1,16}"

T = TypeVar("T")


class RecentReadings:
    """What the last explanations were about: no picture to learn from ever comes from a browser."""

    def __init__(self) -> None:
        self._seen: dict[int, ClassifiedCrop] = {}
        self._numbers = itertools.count(secrets.randbelow(2**40))  # a page from before a restart names nothing here

    def remember(self, seen: ClassifiedCrop) -> int:
        """Return the number by which it may be corrected for a while."""
        number = next(self._numbers)
        self._seen[number] = seen
        self._seen.pop(number - MOST_REMEMBERED, None)
        return number

    def find(self, number: int) -> ClassifiedCrop | None:
        """Return what has this number; None where it is forgotten or never was."""
        return self._seen.get(number)


class CorrectionsApi:
    """Handlers of /api/corrections."""

    def __init__(self, folder: Path, memory: RecentReadings) -> None:
        self._corrections, self._memory = CorrectionStore(folder), memory

    async def list(self, request: web.Request) -> web.Response:
        """Every correction, the newest first; next is what `before` has to be for those before."""
        asked = check(request.query, {"before": to_count(0, MAX_ID), "limit": to_count(1, MOST_LISTED)})
        limit = asked.get("limit", MOST_LISTED)
        kept = await self._ask(lambda: self._corrections.fetch(asked.get("before", MAX_ID), limit))
        following = kept[-1].id if len(kept) == limit else None
        return web.json_response({"corrections": [of_correction(one) for one in kept], "next": following})

    async def keep(self, request: web.Request) -> web.Response:
        """Keep that what an explanation was about really was a digit, or none."""
        body = await to_body(request, {"seen": int, "label": str})
        if body["label"] not in LABELS:
            refuse("label is one of " + ", ".join(LABELS))
        seen = self._memory.find(body["seen"])
        if seen is None:
            raise web.HTTPNotFound(text="what was seen there is not remembered any more: ask why once more")
        try:
            added = await self._ask(lambda: self._corrections.add(seen, LABELS.index(body["label"])))
        except CorrectionLimitError as error:
            raise web.HTTPTooManyRequests(text=str(error)) from None
        return web.json_response(of_correction(added), status=201)

    async def forget(self, request: web.Request) -> web.Response:
        """Delete a correction; what was learned from it is forgotten with the next `digitcam learn`."""
        if not await self._ask(lambda: self._corrections.delete(int(request.match_info["id"]))):
            raise web.HTTPNotFound(text="there is no such correction")
        return web.Response(status=204)

    async def _ask(self, do: Callable[[], T]) -> T:
        """Do something with the table beside the event loop: a disk may take its time."""
        try:
            return await asyncio.to_thread(do)
        except (sqlite3.Error, OSError) as error:
            raise web.HTTPConflict(text=f"{self._corrections.path} can't be used ({error})") from error


def of_correction(correction: Correction) -> dict[str, Any]:
    """Return a correction as values for JSON; openapi.py describes the same."""
    return {
        "id": correction.id,
        "camera": correction.crop.camera,
        "at": to_time(correction.at),
        "label": LABELS[correction.label],
        "said": LABELS[correction.crop.predicted],
        "image": to_png(correction.crop.image),
    }
