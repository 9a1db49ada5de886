"""python -m tests.hosts: a pipeline on several hosts whose links are cut and whose queue moves; prints a table.

Exits with 1 if a bound is broken, or with 77 and a sentence if this machine can't have such hosts.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2

from shared.demo.camera import DemoCamera
from shared.messaging.keys import allow_machine, load_pair, make_pair
from tests.hosts.network import SERVICE, Network, find_obstacle

# seconds that each host's clock is off; time.monotonic() counts from the start of a machine, so days are normal
CLOCKS = {"queue": 0, "spare": 5_000, "camera": 5, "worker-a": -5, "worker-b": 100_000, "viewer": -7}
STAGES = {"camera": ["capture"], "worker-a": ["preprocess", "inference"], "worker-b": ["preprocess", "inference"]}
PORT = 5750
PICTURES = 20
START_S = 60.0
MAX_AGE_S = 1.0  # the namespaces share a few cores, and a clock that is wrong would be off by seconds
MOVE_S = 5.0  # within which readings must be there again after the queue moved, or a link was mended
CUT_S = 6.0  # for which a host is off the network
GAP_S = 1.0  # the longest pause in readings while one of two worker hosts is gone
SKIPPED = 77

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    what: str
    found: str
    bound: str
    ok: bool


class Hosts:
    """A pipeline on the hosts of a network, and what its viewer saw."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self._folder = network, folder
        self._views = folder / "none yet"
        hosts = [host for host in CLOCKS if host != "spare"]
        for host in hosts:
            make_pair(folder / "keys" / host, None if host == "queue" else load_pair(folder / "keys" / "queue")[0])
        for host in hosts[1:]:
            allow_machine(folder / "keys" / "queue", host, load_pair(folder / "keys" / host)[0])

    def start(self, host: str, stage: str, run: str, **settings: str) -> None:
        """Start a stage on a host; the spare queue has the keys of the first, as one service with two places."""
        keys = self._folder / "keys" / ("queue" if host == "spare" else host)
        environment = {
            "PYTHONPATH": str(Path.cwd()),
            "RUN_DIR": "run",
            "QUEUE": f"tcp://{SERVICE}:{PORT}",
            "QUEUE_KEY": str(keys),
            "DISPLAY_MODE": "none",
            "MAX_AGE_S": f"{MAX_AGE_S}",
        }
        words = ["-m", "tests.hosts.viewer"] if stage == "viewer" else ["-m", "digitcam", "run", stage]
        where = self._folder / run / f"{host}-{stage}"
        self.network.start(host, [sys.executable, *words], where, **(environment | settings))

    def start_pipeline(self, run: str, cameras: Path, *, is_spread: bool) -> None:
        """Start all stages: each on its host, or all on the host of the queue, where they meet at 127.0.0.1."""
        self._views = self._folder / run / ("viewer-viewer" if is_spread else "queue-viewer") / "log"
        # hosts have one /dev/shm here: inline, or their frames would not cross the network
        here = {"FRAMES": "inline"} if is_spread else {"QUEUE": f"tcp://127.0.0.1:{PORT}"}
        bind = {"QUEUE_BIND": f"tcp://*:{PORT}", "QUEUE": "auto"} if is_spread else {}
        self.start("queue", "queue", run, **(here | bind))
        for host, stages in STAGES.items():
            for stage in stages if is_spread or host != "worker-b" else []:
                given = {"CAMERAS": f"{cameras},demo#fps=10", "EVERY_FRAME": "true"} if stage == "capture" else {}
                self.start(host if is_spread else "queue", stage, run, **given, **here)
        self.start("viewer" if is_spread else "queue", "viewer", run, **here)

    def views(self) -> list[View]:
        """Return what the viewer has printed so far; its log lines are no JSON."""
        lines = self._views.read_text().splitlines() if self._views.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def readings(self) -> dict[int, list[list[float]]]:
        """Return the reading of each picture of the folder."""
        return {view["index"]: view["digits"] for view in self.views() if view["index"] is not None}

    def live(self, since: float = 0.0) -> list[View]:
        """Return the views of the demo camera that were read or followed."""
        names = {"read", "unchanged", "followed"}
        return [
            view for view in self.views() if view["index"] is None and view["outcome"] in names and view["at"] > since
        ]

    def move_to(self, host: str) -> None:
        """Lead the queue's address to another host."""
        self.network.lead_service_to(host, PORT)

    def wait_for_live(self, since: float, count: int = 3, timeout_s: float = START_S) -> float:
        """Return after how many seconds so many frames of the demo had come; infinity if they did not."""
        while time.time() < since + timeout_s:
            if len(found := self.live(since)) >= count:
                return float(found[count - 1]["at"]) - since
            time.sleep(0.1)
        return float("inf")


def draw_pictures(folder: Path) -> None:
    """Write frames of the demo camera, each with another sheet."""
    folder.mkdir()
    camera = DemoCamera(seed=1)
    for number in range(PICTURES):
        cv2.imwrite(str(folder / f"{number:02}.png"), camera.render(number * 4.0 + 2.0)[0])


def run_all(hosts: Hosts, pictures: Path) -> list[Row]:
    """Read the same pictures on one host and on five, then cut links and move the queue."""
    alone, ages_alone = read_pictures(hosts, pictures, is_spread=False)
    hosts.network.stop_all()
    hosts.network.lead_service_to("queue", PORT)
    spread, ages = read_pictures(hosts, pictures, is_spread=True)
    same = sum(spread.get(index) == digits for index, digits in alone.items())
    found = sum(map(len, alone.values()))
    rows = [
        Row("pictures read on five hosts as on one", f"{same} of {PICTURES}, {found} digits", "all", same == PICTURES),
        describe_ages("age of live frames on one host", ages_alone),
        describe_ages("the same on five hosts, clocks 5 s and 100,000 s apart", ages),
    ]
    return rows + cut_links(hosts)


def read_pictures(hosts: Hosts, pictures: Path, *, is_spread: bool) -> tuple[dict[int, list[list[float]]], list[float]]:
    """Start a pipeline; return the readings of all pictures, and the ages of the demo's frames meanwhile and after."""
    hosts.start_pipeline("five" if is_spread else "one", pictures, is_spread=is_spread)
    deadline = time.time() + START_S
    while len(hosts.readings()) < PICTURES and time.time() < deadline:
        time.sleep(0.2)
    since = time.time()
    hosts.wait_for_live(since, count=100)
    return hosts.readings(), [view["age_s"] for view in hosts.live(since)]


def cut_links(hosts: Hosts) -> list[Row]:
    """Cut a worker's host and the queue's host off, then move the queue while its host is silent."""
    network, rows = hosts.network, []
    since = time.time()
    network.cut("worker-b")
    time.sleep(CUT_S)
    network.mend("worker-b")
    time.sleep(1)
    gap_s = longest_gap(hosts.live(since))
    what = f"longest pause, a worker's host silent for {CUT_S:.0f} s"
    rows.append(Row(what, f"{gap_s:.2f} s", f"{GAP_S:g} s", gap_s <= GAP_S))
    network.cut("queue")
    time.sleep(CUT_S)
    rows.append(describe_return(f"readings after {CUT_S:.0f} s without the queue's host", hosts, network.mend, "queue"))
    hosts.start("spare", "queue", "five", QUEUE="auto", QUEUE_BIND=f"tcp://*:{PORT}", FRAMES="inline")
    time.sleep(3)
    network.cut("queue")
    time.sleep(1)
    rows.append(describe_return("readings after the queue moved to another host", hosts, hosts.move_to, "spare"))
    return rows


def describe_return(what: str, hosts: Hosts, act: Callable[[str], None], host: str) -> Row:
    """Do something to a host, and return how long it took until three frames had been read."""
    acted_at = time.time()
    act(host)
    seconds = hosts.wait_for_live(acted_at)
    return Row(what, f"{seconds:.2f} s", f"{MOVE_S:g} s", seconds <= MOVE_S)


def longest_gap(views: Sequence[View]) -> float:
    """Return the longest time between two views, in seconds."""
    return max((later["at"] - earlier["at"] for earlier, later in pairwise(views)), default=float("inf"))


def describe_ages(what: str, ages: Sequence[float]) -> Row:
    """Return half of the ages, the highest one, and whether all can be true."""
    if not ages:
        return Row(what, "no frame", "", ok=False)
    found = (
        f"p50 {statistics.median(ages) * 1000:.0f} ms, {min(ages) * 1000:.0f} to {max(ages) * 1000:.0f}, n {len(ages)}"
    )
    return Row(what, found, f"0 to {2 * MAX_AGE_S:g} s", 0 < min(ages) <= max(ages) < 2 * MAX_AGE_S)


def print_table(rows: Sequence[Row]) -> None:
    """Print the table in Markdown."""
    print("| what | found | bound | |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.found} | {row.bound} | {'yes' if row.ok else 'NO'} |")


def main() -> int:
    """Run all, print the table, and return the exit code."""
    if obstacle := find_obstacle():
        print(f"not run: {obstacle}")
        return SKIPPED
    with tempfile.TemporaryDirectory() as name:
        draw_pictures(Path(name) / "pictures")
        with closing(Network(CLOCKS)) as network:
            rows = run_all(Hosts(network, Path(name)), Path(name) / "pictures")
    print_table(rows)
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
