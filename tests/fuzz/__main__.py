"""python -m tests.fuzz [--inputs 1000000] [--seed N] [--only NAME]: hostile inputs; exits with 1 after a failure."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.environment import describe_environment
from benchmarks.reliability.document import load_results, save_results
from tests.fuzz.files import JpegTarget, NetworkTarget, StateTarget
from tests.fuzz.live import LiveTarget
from tests.fuzz.messages import MessageTarget
from tests.fuzz.runner import FuzzReport, Target, fuzz
from tests.fuzz.web import BrowserTarget, HttpTarget
from tests.fuzz.zmtp import ZmtpTarget

# of each thousand inputs: what is checked in Python is quick, what opens a connection or a file is not
TARGETS: dict[str, tuple[int, Callable[[], Target]]] = {
    "messages": (870, MessageTarget),
    "live queue": (10, LiveTarget),
    "browsers": (70, BrowserTarget),
    "JPEG": (20, JpegTarget),
    "state": (15, StateTarget),
    "HTTP": (8, HttpTarget),
    "ZMTP": (3, lambda: ZmtpTarget(with_keys=False)),
    "ZMTP with keys": (2, lambda: ZmtpTarget(with_keys=True)),
    "networks": (2, NetworkTarget),
}


def fuzz_all(inputs: int, seed: int, only: str = "") -> list[FuzzReport]:
    """Divide the inputs among all targets whose names contain a word, and print a line for each."""
    reports = []
    for name, (share, make_target) in TARGETS.items():
        if only not in name:
            continue
        report = fuzz(make_target(), inputs * share // 1000, seed)
        reports.append(report)
        outcomes = ", ".join(f"{count} {name}" for name, count in report.outcomes.most_common(4))
        print(
            f"{report.target}: {report.inputs} inputs in {report.took_s:.0f} s, "
            f"slowest {report.slowest_s * 1e3:.0f} ms, "
            f"{report.grown_mb:+.0f} MB, failures {sum(report.failures.values())} ({outcomes})",
            flush=True,
        )
    return reports


def summarize(reports: list[FuzzReport], seed: int, saved: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the reports as one JSON object, with those of an earlier run for the targets that were left out."""
    environment = describe_environment()
    run = {"seed": seed, "commit": environment["commit"]}
    rows = [
        asdict(one) | run | {"failures": dict(one.failures), "outcomes": dict(one.outcomes), "problems": one.problems()}
        for one in reports
    ]
    earlier = {row["target"]: row for row in saved["targets"]} if saved else {}
    return {
        "targets": list((earlier | {row["target"]: row for row in rows}).values()),
        "environment": environment,
    }


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description="Feed hostile inputs to every entrance.")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many, of all kinds (default: 1000000)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same makes the same inputs")
    parser.add_argument("--only", default="", help="only " + ", ".join(TARGETS))
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write it into reliability.md and .json there")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    reports = fuzz_all(options.inputs, options.seed, options.only)
    problems = [problem for report in reports for problem in report.problems()]
    if options.write:
        saved = load_results(options.write).get("fuzz") if options.only else None
        save_results(options.write, {"fuzz": summarize(reports, options.seed, saved)})
    print("\n".join(problems) or "nothing failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
