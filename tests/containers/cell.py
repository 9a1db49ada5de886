"""The cell of compose.yaml with three inference workers and Prometheus: it reads, and what is killed comes back."""

import json
import os
import secrets
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.chaos.reading_watcher import ReadingWatcher
from tests.containers.engine import BUILD, HAS_SYSTEMD, ROOT, build_stand_in, can_pull, inspect, podman
from tests.containers.expect import expect, wait_for

CAMERAS = ("hall", "gate")
WORKERS = 3
HOLE_FPS = 5.0  # a second without a reading is a hole, also on a busy machine
STEADY_S = 5.0
BACK_WITHIN_S = 15.0  # on two cores that have nothing else to do: 1.5 s
COMPOSE = ROOT / "docker" / "compose.yaml"
LOCAL = BUILD / "compose.yaml"  # what differs on this machine
TOKENS = {"WEB_TOKEN": secrets.token_hex(16), "STATUS_TOKEN": secrets.token_hex(16)}
DROPS = "sum by (stage, reason) (digitcam_drops_total)"
# podman 4.3 limits no tmpfs in size, and runs no HEALTHCHECK without systemd
OVERRIDES = """services:
  cell: {healthcheck: {disable: true}}
  inference: {healthcheck: {disable: true}}
volumes:
  frames: {driver_opts: {type: tmpfs, device: tmpfs, o: "uid=1000"}}
"""


def check_cell(base: str) -> None:
    """Run the checks; containers and volumes are removed at the end."""
    LOCAL.write_text(OVERRIDES if not HAS_SYSTEMD else "services: {}\n")
    services = ["cell", "inference", *find_images(base)]
    remove()
    started_at = time.monotonic()
    compose("up", "--detach", "--no-build", f"--scale=inference={WORKERS}", *services)
    watcher = ReadingWatcher(8000, CAMERAS, HOLE_FPS, token=TOKENS["WEB_TOKEN"])
    try:
        wait_for("reading of every camera", lambda: watcher.is_reading(time.monotonic()))
        took_s = time.monotonic() - started_at
        print(f"compose up --scale inference={WORKERS}: {len(CAMERAS)} cameras read {took_s:.1f} s later")
        if "prometheus" in services:
            check_monitoring(services)
        kill_and_watch(watcher, "digitcam_inference_2")
        kill_and_watch(watcher, "digitcam_cell_1")
        if "alertmanager" in services:
            check_alert()
    finally:
        watcher.close()
        remove()


def find_images(base: str) -> Iterable[str]:
    """Yield the other services whose image is here, from its registry or made of Debian's package."""
    images = {
        "prometheus": "prom/prometheus:v3.5.0",
        "alertmanager": "prom/alertmanager:v0.28.1",
        "grafana": "grafana/grafana:11.6.0",
    }
    for service, image in images.items():
        assert image in COMPOSE.read_text()
        if can_pull(f"docker.io/{image}"):
            yield service
        elif service == "grafana":
            print("not run: Grafana, which neither a registry nor Debian gives here")
        else:
            print(f"{image}: Debian's {build_stand_in(f'docker.io/{image}', base)} in its place")
            yield service


def remove() -> None:
    """Remove containers and volumes; podman-compose would leave workers that --scale made."""
    for name in podman("ps", "--all", "--quiet", "--filter=label=io.podman.compose.project=digitcam").split():
        podman("rm", "--force", "--depend", "--ignore", "--time=1", name)
    compose("down", "--volumes")


def compose(*words: str) -> None:
    """Run podman-compose on the files of this check. Raises CalledProcessError, after printing why."""
    files = ["--file", str(COMPOSE), "--file", str(LOCAL)]
    environment = os.environ | TOKENS | {"CAMERAS": ",".join(f"{camera}=demo" for camera in CAMERAS)}
    done = subprocess.run(
        ["podman-compose", *files, *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-1000:], done.stderr[-3000:])
        done.check_returncode()


def fetch(port: int, path: str) -> Any:
    """Return the JSON that a service answers; an empty object while it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return {}


def query(expression: str) -> list[tuple[dict[str, str], float]]:
    """Return the series that Prometheus finds: labels and value."""
    answer = fetch(9090, f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    return [(one["metric"], float(one["value"][1])) for one in answer.get("data", {}).get("result", [])]


def check_monitoring(services: list[str]) -> None:
    """Prometheus scrapes every container, knows the rules, and is connected to Alertmanager."""
    containers = 1 + WORKERS
    wait_for(f"{containers} targets", lambda: len(query('up{job="digitcam"} == 1')) == containers)
    expect(f"Prometheus scrapes {containers} containers", holds=True)
    wait_for(
        "busy workers", lambda: len(query('stage_worker:digitcam_busy:ratio10s{stage="inference"} > 0')) == WORKERS
    )
    expect(f"all {WORKERS} inference workers read", holds=True)
    rules = [rule for group in fetch(9090, "/api/v1/rules")["data"]["groups"] for rule in group["rules"]]
    expect(f"{len(rules)} rules, all healthy", len(rules) > 15 and all(rule["health"] == "ok" for rule in rules))
    if "alertmanager" in services:
        active = wait_for(
            "Alertmanager", lambda: fetch(9090, "/api/v1/alertmanagers").get("data", {})["activeAlertmanagers"]
        )
        expect(f"alerts go to {active[0]['url']}", holds=True)


def count_drops() -> dict[str, float]:
    return {f"{labels['reason']} at {labels['stage']}": value for labels, value in query(DROPS)}


def describe_drops(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Return what was dropped between two counts; a process that was killed counts from zero again."""
    drops = {
        name: count - before.get(name, 0) if count >= before.get(name, 0) else count for name, count in after.items()
    }
    return ", ".join(f"{drop:.0f} {name}" for name, drop in drops.items() if drop) or "none"


def kill_and_watch(watcher: ReadingWatcher, container: str) -> None:
    """Kill a container's first process as a crash would (podman kill counts as told to end); print gap and drops."""
    time.sleep(STEADY_S)
    before, restarts, killed_at = count_drops(), inspect("container", container)["RestartCount"], time.monotonic()
    os.kill(inspect("container", container)["State"]["Pid"], signal.SIGKILL)
    wait_for(f"{container} back", lambda: is_back(container, restarts))
    back_s = time.monotonic() - killed_at
    wait_for(
        "reading of every camera", lambda: watcher.is_reading(time.monotonic(), since=killed_at + 1.0), BACK_WITHIN_S
    )
    time.sleep(STEADY_S)
    now = time.monotonic()
    gap_s, readings = watcher.find_longest_gap_s(killed_at, now), watcher.count_readings(killed_at, now)
    print(
        f"{container} killed under load: back after {back_s:.1f} s; longest gap of a camera {gap_s:.2f} s; "
        f"{readings} frames read in {now - killed_at:.0f} s; dropped: {describe_drops(before, count_drops())}"
    )
    expect(f"every camera is read again within {BACK_WITHIN_S:.0f} s", gap_s < BACK_WITHIN_S)


def is_back(container: str, restarts: int) -> bool:
    """Return whether podman has started the container again."""
    found = inspect("container", container)
    return bool(found["RestartCount"] > restarts and found["State"]["Running"])


def check_alert() -> None:
    """A cell that is gone is an alert in Alertmanager."""
    podman("stop", "--time=5", "digitcam_cell_1")
    stopped_at = time.monotonic()

    def has_alert() -> bool:
        return any(alert["labels"]["alertname"] == "QueueGone" for alert in fetch(9093, "/api/v2/alerts"))

    wait_for("alert QueueGone", has_alert)
    expect(f"Alertmanager has QueueGone {time.monotonic() - stopped_at:.0f} s after the cell was stopped", holds=True)
