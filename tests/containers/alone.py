"""One locked container without a network: it reads the demo camera, and its HEALTHCHECK notices what hangs."""

import json
import os
import signal
import subprocess
import time

from tests.containers.engine import LOCKED, inspect, podman
from tests.containers.expect import expect, wait_for

NAME = "digitcam-alone"
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/api/readings').read().decode())"
HUNG_WITHIN_S = 15.0


def check_alone(image: str) -> None:
    """Run the check; the container is removed at the end."""
    podman("rm", "--force", "--volumes", "--ignore", NAME)
    started_at = time.monotonic()
    words = ["--detach", "--no-healthcheck", f"--name={NAME}", "--network=none", *LOCKED, "--volume=/app/.run"]
    podman("run", *words, "--env=CAMERAS=demo", image)
    try:
        text = wait_for("reading", read_numbers)
        took_s = time.monotonic() - started_at
        print(
            f"one container, read-only, without network and capabilities: reads {text} {took_s:.1f} s after its start"
        )
        test = inspect("image", image)["Healthcheck"]["Test"][1:]
        wait_for("HEALTHCHECK that succeeds", lambda: is_healthy(test))
        expect("HEALTHCHECK succeeds", holds=True)
        for pid in find_pids("queue"):  # its supervisor too, which would start it again
            os.kill(pid, signal.SIGSTOP)
        wait_for("HEALTHCHECK that fails", lambda: not is_healthy(test), HUNG_WITHIN_S)
        expect("HEALTHCHECK fails while the queue hangs", holds=True)
    finally:
        podman("rm", "--force", "--volumes", "--ignore", "--time=1", NAME)


def read_numbers() -> str:
    """Return the numbers that the container reads now; empty while it starts."""
    answer = podman("exec", NAME, "python", "-c", ASK, check=False)
    readings = json.loads(answer)["readings"] if answer else []
    return ", ".join(number["text"] for reading in readings for number in reading["numbers"])


def is_healthy(test: list[str]) -> bool:
    """Return what the HEALTHCHECK of the image says: podman runs it by systemd only."""
    return not subprocess.run(["podman", "exec", NAME, *test], capture_output=True, check=False).returncode


def find_pids(stage: str) -> list[int]:
    """Return the processes of a stage, by their numbers on this machine."""
    lines = podman("top", NAME, "hpid", "args").splitlines()[1:]
    return [int(line.split()[0]) for line in lines if f"services.{stage}" in line or f"run {stage}" in line]
