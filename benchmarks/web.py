"""digitcam bench web: CPU of the display process with the web interface, without and with a browser.

For comparison there is a display without the web interface: it, too, receives how every frame ended and exports ages.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

import aiohttp

from benchmarks import trust
from benchmarks.bench_films import BenchFilm, cache_folder, make_film
from benchmarks.launcher import RunningPipeline, launch_pipeline
from benchmarks.measurement import wait_for_cameras
from benchmarks.trust import Repeat, Row, repeat_until_trusted
from benchmarks.usage import compute_cpu_rates, measure_usage
from benchmarks.viewer import BenchViewer

DIGITS = 3
SETTLE_S = 2.0
MIN_RECEIVED = 0.9  # share of the due frames; a viewer that receives fewer costs less
STAGES_EVERY_S = 1.0  # as the panel of the web interface polls
NO_WEB = "no web interface"
WATCHERS = {"nobody": (False, False), "one viewer": (True, False), "one viewer, panel open": (True, True)}


def bench_web(cameras: int, fps: float, seconds: float, repeat: Repeat = repeat_until_trusted) -> Row:
    """Return a row per kind of watcher and one without the web interface. Raises DisturbedError."""
    films = [BenchFilm(seed, fps, DIGITS) for seed in range(cameras)]
    rows = measure_watchers(films, [NO_WEB], seconds, {"DISPLAY_MODE": "none"}, repeat)
    rows += measure_watchers(films, list(WATCHERS), seconds, {}, repeat)
    return {"cameras": cameras, "asked_fps": fps, "seconds": seconds, "watchers": rows}


def measure_watchers(
    films: Sequence[BenchFilm], watchers: Sequence[str], seconds: float, settings: Mapping[str, str], repeat: Repeat
) -> list[Row]:
    """Return a row per watcher, on a pipeline with these settings."""
    with launch_pipeline([make_film(film, cache_folder()) for film in films], settings=settings) as pipeline:
        viewer = BenchViewer(pipeline.settings)
        wait_for_cameras(pipeline, viewer, {film.name for film in films})
        viewer.close()
        due_fps = sum(film.fps for film in films)
        return [repeat(partial(measure_watcher, pipeline, watcher, seconds, due_fps)) for watcher in watchers]


def measure_watcher(pipeline: RunningPipeline, watcher: str, seconds: float, due_fps: float) -> Row:
    """Return the display's CPU in cores; others is the share of the machine that other programs used."""
    asyncio.run(watch(pipeline, watcher, SETTLE_S))
    cores, before = trust.CoreUsage(), measure_usage(pipeline.honcho)
    frames = asyncio.run(watch(pipeline, watcher, seconds))
    after = measure_usage(pipeline.honcho)
    pipeline.check()
    cpu = compute_cpu_rates(before, after)
    elapsed_s = after.at - before.at
    others, _ = cores.shares(sum(cpu.values()) * elapsed_s)
    is_watching, _ = WATCHERS.get(watcher, (False, False))
    reasons = trust.judge_cores(others), judge_received(frames / elapsed_s, due_fps) if is_watching else ""
    return {
        "watcher": watcher,
        "display_cpu": round(cpu["display"], 3),
        "frames_per_s": round(frames / elapsed_s, 1),
        "others": round(others, 3),
        "untrusted": "; ".join(filter(None, reasons)),
    }


async def watch(pipeline: RunningPipeline, watcher: str, seconds: float) -> int:
    """Watch as a browser that paints without delay; return the number of frames received."""
    is_watching, has_panel = WATCHERS.get(watcher, (False, False))
    if not is_watching:
        await asyncio.sleep(seconds)
        return 0
    url = f"http://127.0.0.1:{pipeline.settings.web_port}"
    async with aiohttp.ClientSession(url) as session:
        polling = asyncio.create_task(poll_stages(session) if has_panel else asyncio.sleep(seconds))
        async with session.ws_connect("/ws", max_msg_size=0) as socket:
            frames = await paint_frames(socket, time.monotonic() + seconds)
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling
    return frames


async def paint_frames(socket: aiohttp.ClientWebSocketResponse, until: float) -> int:
    """Have every camera in view, and acknowledge each frame as painted, up to a time; return their number."""
    frames = 0
    cameras: set[str] = set()
    while time.monotonic() < until:
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.BINARY:
            length = int.from_bytes(message.data[:4], "big")
            camera = json.loads(message.data[4 : 4 + length])["camera"]
            await socket.send_json({"kind": "painted", "camera": camera})
            frames += 1
        elif message.type is aiohttp.WSMsgType.TEXT and (name := json.loads(message.data).get("camera")):
            cameras.add(name)
            await socket.send_json({"kind": "tiles", "cameras": sorted(cameras)})
    return frames


async def poll_stages(session: aiohttp.ClientSession) -> None:
    """Request the panel's curves until cancelled."""
    while True:
        async with session.get("/api/stages") as response:
            await response.read()
        await asyncio.sleep(STAGES_EVERY_S)


def judge_received(frames_per_s: float, due_per_s: float) -> str:
    """Return why a viewer that received too few frames says nothing about its cost."""
    if frames_per_s >= MIN_RECEIVED * due_per_s:
        return ""
    return f"the viewer received {frames_per_s:.0f} frames per second of {due_per_s:.0f}"
