"""The life of a worker process: settings, log, when to stop, the port where it says how it is, and how it ends."""

import argparse
import json
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.pipeline import Stage
from shared.service.signals import (
    KEPT,
    STOPPED,
    WRONG_SETTING,
    ignore_hangup,
    open_log,
    stop_on_signals,
    stop_with_parent,
    target_file,
)
from shared.settings import ConfigError, Settings, load_settings
from shared.telemetry.health import Health
from shared.telemetry.status_server import HOST, status_port


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """What a worker is given: its settings, its stage and instance, its log, when to stop, whom to tell how it is."""

    settings: Settings
    stage: Stage
    instance: str  # "1", "2", ... or the camera's name
    log: logging.Logger
    stop: threading.Event
    dismissed: threading.Event = field(default_factory=threading.Event)  # stopped because it is not wanted any more
    health: Health = field(default_factory=Health)

    @property
    def name(self) -> str:
        """Its name for others: inference.2, capture.demo."""
        return f"{self.stage}.{self.instance}"


def start(stage: Stage, main: Callable[[ServiceContext], None]) -> None:
    """Run main until it returns or a bug ends it; a ConfigError ends the process with a sentence and WRONG_SETTING."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{stage}")
    parser.add_argument("instance", nargs="?", default="1", help="1, 2, ... or the name of a camera")
    parser.add_argument(KEPT, action="store_true", help="end when standard input does")
    arguments = parser.parse_args()
    stop = stop_on_signals()
    dismissed = threading.Event()
    if arguments.kept:
        ignore_hangup()
        stop_with_parent(stop, dismissed)
    open_log(f"{stage}.{arguments.instance}")
    log = logging.getLogger("digitcam")
    try:
        life = ServiceContext(load_settings(), stage, arguments.instance, log, stop, dismissed)
        with_status(life, main)
        if arguments.kept and stop.is_set():
            sys.exit(STOPPED)
    except ConfigError as error:
        log.error("%s", error)
        sys.exit(WRONG_SETTING)


def with_status(life: ServiceContext, main: Callable[[ServiceContext], None]) -> None:
    """Serve /metrics and the probes on a free port while main runs; a file says which (file-based discovery)."""
    target = target_file(life.settings.run_dir, life.name)
    with status_port(life.health) as port:
        write_target(target, port, {"stage": life.stage, "worker": life.name})
        try:
            main(life)
        finally:
            target.unlink(missing_ok=True)


def write_target(target: Path, port: int, labels: Mapping[str, str]) -> None:
    """Let Prometheus, and whoever else looks, find a port."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".new")
    draft.write_text(json.dumps([{"targets": [f"{HOST}:{port}"], "labels": labels}]))
    draft.replace(target)  # at once: a reader never sees half of it
