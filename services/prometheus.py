"""Runs Prometheus on this machine, scraping every process of the pipeline; where it can't, says so once and waits."""

import math
import shutil
import socket
import subprocess
import time
from pathlib import Path

from shared.pipeline import Stage
from shared.service import lifecycle
from shared.service.lifecycle import ServiceContext

CONFIG = Path(__file__).parent.parent / "docker" / "prometheus"
FILES = ("prometheus.yml", "recording.yml", "alerts.yml")
HOST = "127.0.0.1"
WAIT_S = 0.1  # how late its end, or a stop, may be noticed
AGAIN_AFTER_S = 30.0  # one that can never start says why twice a minute, and one that was ended is soon back


def main(life: ServiceContext) -> None:
    """Run Prometheus until told to stop. It is a convenience: no trouble with it ends the pipeline."""
    port = life.settings.prometheus_port
    if trouble := find_trouble(port):
        life.log.info("%s", trouble)
        wait(life, math.inf, trouble)
        return
    process = subprocess.Popen(command(life.settings.run_dir, port))
    life.log.info("ready at http://%s:%d", HOST, port)
    while process.poll() is None and not life.health.wait(life.stop, WAIT_S):
        pass
    process.terminate()
    code = process.wait()
    if not life.stop.is_set():
        life.log.warning("Prometheus ended with %d; starting it again in %.0f s", code, AGAIN_AFTER_S)
        wait(life, AGAIN_AFTER_S, f"Prometheus ended with {code}")
    if not life.stop.is_set():
        raise SystemExit(1)  # the parent starts it again; Prometheus' own 0 and 2 would end the pipeline


def wait(life: ServiceContext, seconds: float, trouble: str) -> None:
    """Do nothing for so long, or until told to stop."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not life.health.wait(life.stop, WAIT_S, trouble):
        pass


def find_trouble(port: int) -> str:
    """Why Prometheus can't run here, in a sentence with the remedy; empty where it can."""
    if not shutil.which("prometheus"):
        return (
            "Prometheus is not installed, so no history is kept: apt install prometheus (brew, winget or "
            "https://prometheus.io/download elsewhere), then start again."
        )
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            return (
                f"PROMETHEUS_PORT={port} is taken, so no Prometheus is started: stop what listens there (often the "
                "system's own: systemctl stop prometheus), or set another port."
            )
    return ""


def command(run_dir: Path, port: int) -> list[str]:
    """The command line, with the configuration copied to where its relative paths find the scrape targets."""
    run_dir.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copy(CONFIG / file, run_dir)
    return [
        "prometheus",
        f"--config.file={run_dir / FILES[0]}",
        f"--storage.tsdb.path={run_dir / 'prometheus'}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    ]


if __name__ == "__main__":
    lifecycle.start(Stage.PROMETHEUS, main)
