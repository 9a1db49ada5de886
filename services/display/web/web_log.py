"""What strangers can make the web server log: one line a second, without a traceback. All of it is counted."""

import asyncio
import logging
import time
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from shared.service.token_bucket import TokenBucket
from shared.telemetry import metrics


class FloodFilter(logging.Filter):
    """Lets one record a second through, and counts malformed requests. The traceback of a bug stays."""

    def __init__(self) -> None:
        super().__init__()
        self._limiter = TokenBucket(rate_per_s=1.0, capacity=1.0, updated_at=time.monotonic())

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            metrics.REFUSED.labels("malformed").inc()
            record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
            record.msg, record.args = "malformed requests arrive; digitcam_refusals_total counts them", ()
        return self._limiter.take_token(time.monotonic())


LOG = logging.getLogger("digitcam.web")
LOG.setLevel(logging.DEBUG)  # aiohttp logs some malformed requests at this level
LOG.addFilter(FloodFilter())


def log_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Count and log what the event loop cannot handle, such as a connection that it cannot accept."""
    metrics.WEB_FAILURES.labels("loop").inc()
    LOG.error("%s", context["message"], exc_info=context.get("exception"))


def report_failure(name: str) -> None:
    """Count and log the exception that is being handled."""
    metrics.WEB_FAILURES.labels(name).inc()
    LOG.exception("%s failed; this is a bug of digitcam", name)
