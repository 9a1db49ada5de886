"""Fifty viewers at once, some of which take nothing: the others see fresh pictures, and reading goes on as before."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.pipeline.pipeline import Pipeline, running, wait_for

VIEWERS, STUCK = 50, 10
PAINT_S = 0.2  # what a phone that is busy takes for a picture
SECONDS = 6.0
FRESH_S = 1.0


@pytest.mark.slow
def test_fifty_viewers_see_fresh_pictures_and_take_nothing_from_the_reading(tmp_path: Path) -> None:
    with running(tmp_path, "demo") as pipeline:
        wait_for(lambda: pipeline.is_up("demo"))
        alone = asyncio.run(reads_per_s(pipeline))
        ages, watched = asyncio.run(look(pipeline))
    print(f"{alone:.1f} read a second alone, {watched:.1f} watched; oldest picture {max(map(max, ages)):.3f} s")
    assert len(ages) == VIEWERS - STUCK
    assert all(len(seen) > 0.5 * SECONDS / PAINT_S for seen in ages)
    assert max(map(max, ages)) < FRESH_S
    assert watched > 0.8 * alone


async def reads_per_s(pipeline: Pipeline) -> float:
    """How many frames of the demo are read a second, from now on."""
    before, since = await asyncio.to_thread(pipeline.readings, "demo"), time.monotonic()
    await asyncio.sleep(SECONDS)
    return (await asyncio.to_thread(pipeline.readings, "demo") - before) / (time.monotonic() - since)


async def look(pipeline: Pipeline) -> tuple[list[list[float]], float]:
    """The ages in seconds of the pictures that each viewer saw who takes them; and how many were read meanwhile."""
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}/ws"
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        sockets = [await stack.enter_async_context(session.ws_connect(url)) for _ in range(VIEWERS)]
        viewers = [group.create_task(paint(socket)) for socket in sockets[STUCK:]]
        watched = await reads_per_s(pipeline)
    return [viewer.result() for viewer in viewers], watched


async def paint(socket: ClientWebSocketResponse) -> list[float]:
    """Take pictures as a browser does that paints slowly; how old each was when it was sent."""
    ages, until = [], time.monotonic() + SECONDS
    while time.monotonic() < until:
        message = await socket.receive(5)
        if message.type is WSMsgType.BINARY:
            header = json.loads(message.data[4 : 4 + int.from_bytes(message.data[:4], "big")])
            ages.append(header["age_s"])
            await asyncio.sleep(PAINT_S)
            await socket.send_json({"kind": "painted", "camera": header["camera"]})
    return ages
