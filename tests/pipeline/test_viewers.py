"""Fifty viewers at once, some of them stuck: the others see fresh frames, and reading goes on as before."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.pipeline.pipeline import HonchoPipeline, run_pipeline, wait_for

VIEWERS, STUCK = 50, 10
PAINT_S = 0.2  # time that a busy phone takes to paint a frame
SECONDS = 6.0
FRESH_S = 1.0


@pytest.mark.slow
def test_fifty_viewers_see_fresh_frames_and_do_not_slow_reading(tmp_path: Path) -> None:
    with run_pipeline(tmp_path, "demo") as pipeline:
        wait_for(lambda: pipeline.is_reading("demo"))
        alone = asyncio.run(measure_readings_per_s(pipeline))
        ages, watched = asyncio.run(watch_frames(pipeline))
    print(f"{alone:.1f} read a second alone, {watched:.1f} watched; oldest frame {max(map(max, ages)):.3f} s")
    assert len(ages) == VIEWERS - STUCK
    assert all(len(seen) > 0.5 * SECONDS / PAINT_S for seen in ages)
    assert max(map(max, ages)) < FRESH_S
    assert watched > 0.8 * alone


async def measure_readings_per_s(pipeline: HonchoPipeline) -> float:
    """Return how many frames of the demo camera are read per second from now on."""
    before, since = await asyncio.to_thread(pipeline.count_readings, "demo"), time.monotonic()
    await asyncio.sleep(SECONDS)
    return (await asyncio.to_thread(pipeline.count_readings, "demo") - before) / (time.monotonic() - since)


async def watch_frames(pipeline: HonchoPipeline) -> tuple[list[list[float]], float]:
    """Return the frame ages in seconds of each viewer that is not stuck, and the readings per second meanwhile."""
    url = f"http://127.0.0.1:{pipeline.settings['WEB_PORT']}/ws"
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        sockets = [await stack.enter_async_context(session.ws_connect(url)) for _ in range(VIEWERS)]
        for socket in sockets:
            await socket.send_json({"kind": "tiles", "cameras": ["demo"]})
        viewers = [group.create_task(paint_slowly(socket)) for socket in sockets[STUCK:]]
        watched = await measure_readings_per_s(pipeline)
    return [viewer.result() for viewer in viewers], watched


async def paint_slowly(socket: ClientWebSocketResponse) -> list[float]:
    """Receive frames as a browser that paints slowly; return the age of each when it was sent."""
    ages, until = [], time.monotonic() + SECONDS
    while time.monotonic() < until:
        message = await socket.receive(5)
        if message.type is WSMsgType.BINARY:
            header = json.loads(message.data[4 : 4 + int.from_bytes(message.data[:4], "big")])
            ages.append(header["age_s"])
            await asyncio.sleep(PAINT_S)
            await socket.send_json({"kind": "painted", "camera": header["camera"]})
    return ages
