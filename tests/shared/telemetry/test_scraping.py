"""Processes of this machine are scraped directly."""

import pytest

from shared.telemetry.scraping import ScrapeTarget, fetch
from tests.services.capture.http_server import serve_http


def test_proxy_is_not_asked_for_a_process_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serve_http(lambda connection, request: connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nwell")) as host:
        assert fetch(ScrapeTarget("queue.1", "queue", host), "/livez", 5.0) == (200, "well")
