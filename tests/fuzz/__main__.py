"""python -m tests.fuzz [--inputs 1000000] [--seed N] [--only NAME]: hostile inputs; exits with 1 after a failure."""

import argparse
import sys
import time
from collections.abc import Callable

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


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.fuzz", description="Feed hostile inputs to every entrance.")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many, of all kinds (default: 1000000)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same makes the same inputs")
    parser.add_argument("--only", default="", help="only " + ", ".join(TARGETS))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    problems = [
        problem for report in fuzz_all(options.inputs, options.seed, options.only) for problem in report.problems()
    ]
    print("\n".join(problems) or "nothing failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
