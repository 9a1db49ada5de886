"""digitcam bench page: what the page costs the display process, while nobody looks and while a browser does.

Beside it stands a display without a page: it, too, takes in how every frame ended, and exports how old it was.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import aiohttp

from benchmarks import spending, trust
from benchmarks.bench_films import BenchFilm, cache_folder, make_film
from benchmarks.running import Pipeline, running
from benchmarks.viewer import Viewer
from benchmarks.watching import wait_for_all

DIGITS = 3
SETTLE_S = 2.0
LEAST_SEEN = 0.9  # of the pictures that were due; a viewer that gets fewer costs less
STAGES_EVERY_S = 1.0  # as browser/stages.js asks
NO_PAGE = "no page"
WATCHERS = {"nobody": (False, False), "one viewer": (True, False), "one viewer, panel open": (True, True)}

Row = dict[str, Any]


def bench(cameras: int, fps: float, seconds: float) -> dict[str, Any]:
    """Measure each kind of watcher in turn on one pipeline, and a display without a page. Raises UntrustedError."""
    films = [BenchFilm(seed, fps, DIGITS) for seed in range(cameras)]
    rows = run(films, [NO_PAGE], seconds, {"DISPLAY_MODE": "none"}) + run(films, list(WATCHERS), seconds, {})
    for row in rows:
        if WATCHERS.get(row["watcher"], (False, False))[0]:
            check_seen(row["pictures_per_s"], cameras * fps)
    return {"cameras": cameras, "asked_fps": fps, "seconds": seconds, "watchers": rows}


def run(films: Sequence[BenchFilm], names: Sequence[str], seconds: float, settings: Mapping[str, str]) -> list[Row]:
    """A row for each of these watchers, on a pipeline with these settings."""
    with running([make_film(film, cache_folder()) for film in films], {}, settings=settings) as pipeline:
        viewer = Viewer(pipeline.settings)
        wait_for_all(pipeline, viewer, {film.name for film in films})
        viewer.close()
        return [measure(pipeline, name, seconds) for name in names]


def measure(pipeline: Pipeline, name: str, seconds: float) -> Row:
    """What the display spends, in cores, while somebody looks; others is what other programs had of the machine."""
    asyncio.run(watch(pipeline, name, SETTLE_S))
    cores, before = trust.Cores(), spending.look(pipeline.honcho)
    pictures = asyncio.run(watch(pipeline, name, seconds))
    after = spending.look(pipeline.honcho)
    pipeline.check()
    cpu = spending.cpu_rates(before, after)
    return {
        "watcher": name,
        "display_cpu": round(cpu["display"], 3),
        "pictures_per_s": round(pictures / (after.at - before.at), 1),
        "others": round(cores.shares(sum(cpu.values()) * (after.at - before.at))[0], 3),
    }


async def watch(pipeline: Pipeline, name: str, seconds: float) -> int:
    """Look at the page as a browser does that paints at once; how many pictures came."""
    looks, asks = WATCHERS.get(name, (False, False))
    if not looks:
        await asyncio.sleep(seconds)
        return 0
    url = f"http://127.0.0.1:{pipeline.settings.web_port}"
    async with aiohttp.ClientSession(url) as session:
        questions = asyncio.create_task(ask_stages(session) if asks else asyncio.sleep(seconds))
        async with session.ws_connect("/ws", max_msg_size=0) as socket:
            pictures = await paint(socket, time.monotonic() + seconds)
        questions.cancel()
        with suppress(asyncio.CancelledError):
            await questions
    return pictures


async def paint(socket: aiohttp.ClientWebSocketResponse, until: float) -> int:
    """Say of each picture that it has been painted; how many there were up to a time."""
    pictures = 0
    while time.monotonic() < until:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            length = int.from_bytes(message.data[:4], "big")
            camera = json.loads(message.data[4 : 4 + length])["camera"]
            await socket.send_json({"kind": "painted", "camera": camera})
            pictures += 1
    return pictures


async def ask_stages(session: aiohttp.ClientSession) -> None:
    """Ask for the curves of the panel until cancelled."""
    while True:
        async with session.get("/api/stages") as answer:
            await answer.read()
        await asyncio.sleep(STAGES_EVERY_S)


def check_seen(pictures_per_s: float, due_per_s: float) -> None:
    """Raise UntrustedError where the viewer was sent less than it is to cost."""
    if pictures_per_s < LEAST_SEEN * due_per_s:
        raise trust.UntrustedError(
            f"the viewer was sent {pictures_per_s:.0f} pictures a second of {due_per_s:.0f}: "
            "stop other programs, or measure with fewer --cameras."
        )
