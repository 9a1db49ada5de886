"""Runs Prometheus, which scrapes every process of the pipeline. If it can't run, logs the reason once and waits."""

import math
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from shared.pipeline import Stage
from shared.service import lifecycle
from shared.service.lifecycle import ServiceContext
from shared.service.signals import set_parent_death_signal
from shared.state_files import clear_place, make_folder
from shared.telemetry.health import NotReady, Problem

CONFIG_FILES = ("prometheus.yml", "recording.yml", "alerts.yml")
DATA_FOLDER = "prometheus"
HOST = "127.0.0.1"
END_WITHIN_S = 1.0  # this process has 1.5 s
WAIT_S = 0.1  # how late the end of Prometheus, or a stop, may be noticed
RETRY_AFTER_S = 30.0  # logs why Prometheus fails at most twice a minute, and restarts one that was killed soon


def main(context: ServiceContext) -> None:
    """Run Prometheus until told to stop. It is optional: its failures never end the pipeline."""
    port = context.settings.prometheus_port
    if problem := find_problem(port):
        context.log.info("%s", problem)
        wait_unready(context, problem, math.inf)
        return
    try:
        command = make_command(context.settings.run_dir, port)
    except OSError as error:
        problem = f"Prometheus can't be started, since RUN_DIR can't be written ({error.strerror})"
        context.log.warning("%s; trying again in %.0f s", problem, RETRY_AFTER_S)
        wait_unready(context, problem, RETRY_AFTER_S)
        raise SystemExit(1 if not context.stop.is_set() else 0) from error
    process = subprocess.Popen(
        command,
        # else it would outlive this process and keep its port; one system call, which no lock of a thread can block
        preexec_fn=None if sys.platform == "win32" else partial(set_parent_death_signal, signal.SIGKILL),  # noqa: PLW1509
    )
    context.log.info("ready at http://%s:%d", HOST, port)
    while process.poll() is None and not context.stop.wait(WAIT_S):
        context.health.heartbeat()
    process.terminate()
    try:
        code = process.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if not context.stop.is_set():
        context.log.warning("Prometheus exited with %d; restarting it in %.0f s", code, RETRY_AFTER_S)
        wait_unready(context, f"Prometheus exited with {code}", RETRY_AFTER_S)
    if not context.stop.is_set():
        raise SystemExit(1)  # the supervisor restarts this process; Prometheus' own 0 and 2 would end the pipeline


def wait_unready(context: ServiceContext, problem: str, duration_s: float) -> None:
    """Wait for this long or until told to stop, and report a problem at /readyz."""
    until = time.monotonic() + duration_s
    while time.monotonic() < until and not context.stop.wait(WAIT_S):
        context.health.heartbeat(Problem(NotReady.NO_PROMETHEUS, problem))


def find_problem(port: int) -> str:
    """Return why Prometheus can't run, as a sentence with the remedy; empty if it can."""
    if not shutil.which("prometheus"):
        return (
            "Prometheus is not installed, so no history is kept: apt install prometheus (brew, winget or "
            "https://prometheus.io/download elsewhere), then start again."
        )
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            return (
                f"PROMETHEUS_PORT={port} is in use, so Prometheus is not started: stop the program that listens there "
                "(often the system's own: systemctl stop prometheus), or set another port."
            )
    return ""


def make_command(run_dir: Path, port: int) -> list[str]:
    """Return the command line, after copying the configuration to where its relative paths find the targets."""
    make_folder(run_dir / DATA_FOLDER)
    for file in CONFIG_FILES:
        clear_place(run_dir / file)
        shutil.copy(Path(__file__).with_name(file), run_dir)
    return [
        "prometheus",
        f"--config.file={run_dir / CONFIG_FILES[0]}",
        f"--storage.tsdb.path={run_dir / DATA_FOLDER}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    ]


if __name__ == "__main__":
    lifecycle.run_service(Stage.PROMETHEUS, main)
