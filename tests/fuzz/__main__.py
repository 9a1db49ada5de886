"""python -m tests.fuzz [--inputs 1000000] [--seed N] [--only NAME]: hostile inputs; exits with 1 after a failure."""

import argparse
import sys
import time
from collections.abc import Callable

from tests.fuzz.files import JpegTarget, NetworkTarget, StateTarget
from tests.fuzz.messages import MessageTarget
from tests.fuzz.runner import FuzzReport, Target, fuzz
from tests.fuzz.web import BrowserTarget, HttpTarget
from tests.fuzz.zmtp import ZmtpTarget

# of each thousand inputs: what is checked in Python is quick, what opens a connection or a file is not
TARGETS: tuple[tuple[int, Callable[[], Target]], ...] = (
    (880, MessageTarget),
    (70, BrowserTarget),
    (20, JpegTarget),
    (15, StateTarget),
    (8, HttpTarget),
    (3, lambda: ZmtpTarget(with_keys=False)),
    (2, lambda: ZmtpTarget(with_keys=True)),
    (2, NetworkTarget),
)


def fuzz_all(inputs: int, seed: int, only: str = "") -> list[FuzzReport]:
    """Divide the inputs among all targets whose names contain a word, and print a line for each."""
    reports = []
    for share, make_target in TARGETS:
        target = make_target()
        if only not in target.name:
            target.close()
            continue
        report = fuzz(target, inputs * share // 1000, seed)
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
    parser.add_argument("--only", default="", help="only targets whose name contains this")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    problems = [
        problem for report in fuzz_all(options.inputs, options.seed, options.only) for problem in report.problems()
    ]
    print("\n".join(problems) or "nothing failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
