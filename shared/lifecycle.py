"""The life of a worker process: settings, log, when to stop, the /metrics port, and how it ends."""

import argparse
import json
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import start_http_server

from shared.process import KEPT, WRONG_SETTING, open_log, stop_on_signals, stop_with_parent
from shared.settings import ConfigError, Settings, load_settings


@dataclass(frozen=True, slots=True)
class Life:
    """What a worker is given: its settings, its stage and instance, its log, and when to stop."""

    settings: Settings
    stage: str
    instance: str  # "1", "2", ... or the camera's name
    log: logging.Logger
    stop: threading.Event

    @property
    def name(self) -> str:
        """Its name for others: inference.2, capture.demo."""
        return f"{self.stage}.{self.instance}"


def start(stage: str, main: Callable[[Life], None]) -> None:
    """Run main until it returns or a bug ends it; a ConfigError ends the process with a sentence and WRONG_SETTING."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{stage}")
    parser.add_argument("instance", nargs="?", default="1", help="1, 2, ... or the name of a camera")
    parser.add_argument(KEPT, action="store_true", help="end when standard input does")
    arguments = parser.parse_args()
    stop = stop_on_signals()
    if arguments.kept:
        stop_with_parent(stop)
    open_log(f"{stage}.{arguments.instance}")
    log = logging.getLogger("digitcam")
    try:
        life = Life(load_settings(), stage, arguments.instance, log, stop)
        with_metrics(life, main)
    except ConfigError as error:
        log.error("%s", error)
        sys.exit(WRONG_SETTING)


def with_metrics(life: Life, main: Callable[[Life], None]) -> None:
    """Serve /metrics on a free port while main runs; a file tells Prometheus which (file-based discovery)."""
    server, _ = start_http_server(0, "127.0.0.1")
    target = target_file(life.settings.run_dir, life.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    entry = {"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"stage": life.stage, "worker": life.name}}
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps([entry]))
    draft.replace(target)  # at once: a reader never sees half of it
    try:
        main(life)
    finally:
        target.unlink(missing_ok=True)
        server.shutdown()


def target_file(run_dir: Path, worker: str) -> Path:
    """Where a worker's scrape target is written; a camera's name may hold what a file's may not."""
    return run_dir / "targets" / ("".join(c if c.isalnum() or c in ".-" else "_" for c in worker) + ".json")
