"""The life of a service process: settings, log, signals, the port for metrics and probes, and the exit code."""

import argparse
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from shared.pipeline import Stage
from shared.service.signals import (
    EXIT_STOPPED,
    EXIT_WRONG_SETTING,
    RESTARTS_VARIABLE,
    SUPERVISED_FLAG,
    configure_logging,
    ignore_hangup,
    open_heartbeat,
    scrape_target_path,
    stop_on_signals,
    stop_with_parent,
)
from shared.settings import ConfigError, Settings, load_settings
from shared.state_files import read_state, write_state
from shared.telemetry import metrics
from shared.telemetry.health import Health
from shared.telemetry.status_server import HOST, serve_status

REWRITE_TARGET_S = 5.0  # between two looks whether the scrape target is there


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """The arguments of a service's main function."""

    settings: Settings
    stage: Stage
    instance: str  # "1", "2", ... or the camera's name
    log: logging.Logger
    stop: threading.Event
    dismissed: threading.Event = field(default_factory=threading.Event)  # set if it stops because it is not needed
    health: Health = field(default_factory=Health)

    @property
    def name(self) -> str:
        """The name of this process, such as inference.2 or capture.demo."""
        return f"{self.stage}.{self.instance}"


def run_service(stage: Stage, main: Callable[[ServiceContext], None]) -> None:
    """Run main until it returns or a bug ends it. A ConfigError is logged and exits with EXIT_WRONG_SETTING."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{stage}")
    parser.add_argument("instance", nargs="?", default="1", help="1, 2, ... or the name of a camera")
    parser.add_argument(SUPERVISED_FLAG, action="store_true", help="end when standard input does")
    arguments = parser.parse_args()
    stop = stop_on_signals()
    dismissed, health = threading.Event(), Health()
    if arguments.supervised:
        ignore_hangup()
        stop_with_parent(stop, dismissed)
        health = Health(send_heartbeat=open_heartbeat())
        export_restarts()
    configure_logging(f"{stage}.{arguments.instance}")
    log = logging.getLogger("digitcam")
    try:
        context = ServiceContext(
            settings=load_settings(),
            stage=stage,
            instance=arguments.instance,
            log=log,
            stop=stop,
            dismissed=dismissed,
            health=health,
        )
        run_with_status(context, main)
        if arguments.supervised and stop.is_set():
            sys.exit(EXIT_STOPPED)
    except ConfigError as error:
        log.error("%s", error)
        sys.exit(EXIT_WRONG_SETTING)


def export_restarts() -> None:
    """Export how often the supervisor has started this worker again, and why."""
    for pair in filter(None, os.environ.get(RESTARTS_VARIABLE, "").split(",")):
        reason, _, count = pair.partition("=")
        metrics.RESTARTS.labels(reason).inc(float(count))


def run_with_status(context: ServiceContext, main: Callable[[ServiceContext], None]) -> None:
    """Serve /metrics and the probes on a free port while main runs; a file names the port (file-based discovery)."""
    target = scrape_target_path(context.settings.run_dir, context.name)
    with serve_status(context.health) as port:
        labels = {"stage": context.stage, "worker": context.name}
        is_over = threading.Event()
        keepers = [threading.Thread(target=keep_scrape_target, args=(target, port, labels, is_over), daemon=True)]
        if context.settings.status_port:
            from shared.telemetry.machine_status import keep_status_port  # noqa: PLC0415 - 2 MB

            keepers.append(threading.Thread(target=keep_status_port, args=(context.settings, is_over), daemon=True))
        for keeper in keepers:
            keeper.start()
        try:
            main(context)
        finally:
            is_over.set()
            for keeper in keepers:
                keeper.join()
            with suppress(OSError):
                target.unlink(missing_ok=True)


def keep_scrape_target(path: Path, port: int, labels: Mapping[str, str], is_over: threading.Event) -> None:
    """Write the file, and write it again if it is gone or damaged: the disk may be full, and nothing may wait for it.

    A file that is there at the start names the port of a process that was killed.
    """
    has_failed = False
    while not is_over.is_set():
        try:
            write_scrape_target(path, port, labels)
            has_failed = False
        except OSError as error:
            if not has_failed:
                logging.warning("%s can't be written (%s), so nothing scrapes this process", path, error.strerror)
            has_failed = True
        is_over.wait(REWRITE_TARGET_S)


def write_scrape_target(path: Path, port: int, labels: Mapping[str, str]) -> None:
    """Write the file that tells Prometheus and the digitcam commands the port, unless it does. Raises OSError."""
    text = json.dumps([{"targets": [f"{HOST}:{port}"], "labels": labels}])
    with suppress(OSError, ValueError):
        if read_state(path) == text.encode():
            return
    write_state(path, text)
