"""Tasks of the web server. One that fails is counted and logged, and never leaves a browser waiting for it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import WSCloseCode, web

from services.display.web.web_log import report_failure

RESTART_AFTER_S = 1.0

Work = Coroutine[Any, Any, None]


@asynccontextmanager
async def run_task(work: Work, socket: web.WebSocketResponse) -> AsyncIterator[None]:
    """Run the work for a browser as a task, and cancel it when the block ends. If it fails, its socket is closed."""
    task = asyncio.create_task(close_on_failure(work, socket))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def close_on_failure(work: Work, socket: web.WebSocketResponse) -> None:
    """Do the work for a browser; close its socket if that fails, so that it connects again."""
    try:
        await work
    except Exception:  # noqa: BLE001 - any: the browser would wait for ever
        report_failure("socket")
        await socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"the display made an error")


async def keep_running(name: str, work: Callable[[], Work]) -> None:
    """Do work that never ends, and begin again after a failure."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - any: nobody else would notice
            report_failure(name)
            await asyncio.sleep(RESTART_AFTER_S)
