"""/api/corrections: the true labels of misread digits, stored with the 28 x 28 that was classified."""

import asyncio
import itertools
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from services.display.web.explain.images import to_png
from services.display.web.schema import (
    LABELS,
    CorrectionInfo,
    CorrectionList,
    CorrectionsQuery,
    NewCorrection,
    RowId,
    to_timestamp,
)
from shared.vision.corrections import MAX_ID, ClassifiedCrop, Correction, CorrectionLimitError, CorrectionStore

MAX_RECENT = 20_000  # of 1 kB each: a quarter of an hour even if explanations take a core all the time

T = TypeVar("T")


class RecentCrops:
    """The crops of the last explanations. Corrections refer to them, so no browser sends a picture to train on."""

    def __init__(self) -> None:
        self._crops: dict[int, ClassifiedCrop] = {}
        self._ids = itertools.count(secrets.randbelow(2**40))  # ids from before a restart must not match

    def add(self, crop: ClassifiedCrop) -> int:
        """Keep a crop for a while, and return its id."""
        crop_id = next(self._ids)
        self._crops[crop_id] = crop
        self._crops.pop(crop_id - MAX_RECENT, None)
        return crop_id

    def get(self, crop_id: int) -> ClassifiedCrop | None:
        """Return the crop with this id; None if it is too old or never existed."""
        return self._crops.get(crop_id)


class CorrectionsApi:
    def __init__(self, folder: Path, crops: RecentCrops) -> None:
        self._corrections, self._crops = CorrectionStore(folder), crops

    async def list_corrections(self, query: CorrectionsQuery) -> CorrectionList:
        """Every correction, the newest first."""
        before = MAX_ID if query.before is None else query.before
        found = await self._in_thread(lambda: self._corrections.fetch(before, query.limit))
        following = found[-1].id if len(found) == query.limit else None
        return CorrectionList(corrections=[correction_info(one) for one in found], next=following)

    async def add_correction(self, body: NewCorrection) -> CorrectionInfo:
        """Store what an explained crop really shows, for `digitcam learn`."""
        crop = self._crops.get(body.crop_id)
        if crop is None:
            raise web.HTTPNotFound(text="there is no recent crop of this id: request the explanation again")
        try:
            added = await self._in_thread(lambda: self._corrections.add(crop, LABELS.index(body.label)))
        except CorrectionLimitError as error:
            raise web.HTTPTooManyRequests(text=str(error)) from None
        return correction_info(added)

    async def delete_correction(self, correction_id: RowId) -> None:
        """Delete a correction; the next `digitcam learn` no longer uses it."""
        if not await self._in_thread(lambda: self._corrections.delete(correction_id)):
            raise web.HTTPNotFound(text="there is no such correction")

    async def _in_thread(self, action: Callable[[], T]) -> T:
        """Access the table outside of the event loop: a disk may be slow."""
        try:
            return await asyncio.to_thread(action)
        except (sqlite3.Error, OSError) as error:
            raise web.HTTPConflict(text=f"{self._corrections.path} cannot be used ({error})") from error


def correction_info(correction: Correction) -> CorrectionInfo:
    """Return a correction as a type of the API."""
    return CorrectionInfo(
        id=correction.id,
        camera=correction.crop.camera,
        at=to_timestamp(correction.at),
        label=LABELS[correction.label],
        read_as=LABELS[correction.crop.predicted],
        image=to_png(correction.crop.image),
    )
