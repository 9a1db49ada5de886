"""python -m benchmarks.gpu_check OUT.json: what a GPU does for inference, in one run with a hard stop.

Each step fails alone: its error is in the file, and the next one runs. The file is written after each step. It needs
what inference needs (torch, torchvision, OpenCV, ONNX Runtime, simplejpeg), and no other service. The last steps also
need pyzmq and msgspec, and honcho for the pipeline. --small runs every step in seconds, also on a CPU.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from benchmarks.gpu_check.children import stop_after
from benchmarks.gpu_check.comparison import Facts
from benchmarks.gpu_check.steps import STEPS, GpuCheck, Step


@dataclass
class CheckReport:
    """The file, written anew after each fact."""

    path: Path
    steps: list[Facts] = field(default_factory=list)

    def add(self, step: str, facts: Facts, began_at: float) -> None:
        self.steps.append({"step": step, "after_s": round(time.monotonic() - began_at, 1)} | facts)
        print(json.dumps(self.steps[-1]), flush=True)
        self.path.write_text(json.dumps({"steps": self.steps}, indent=1))


def run_steps(steps: Sequence[Step], check: GpuCheck, report: CheckReport) -> int:
    """Run the steps; return how many failed."""
    failed = 0
    for step in steps:
        name = step.__name__
        try:
            facts = step(check)
            for row in [facts] if isinstance(facts, dict) else facts:
                report.add(name, row, check.began_at)
        except Exception as error:  # noqa: BLE001 - the other steps are worth the machine
            failed += 1
            where = traceback.format_exc().splitlines()[-6:]
            report.add(name, {"error": f"{type(error).__name__}: {error}", "where": where}, check.began_at)
    report.add("end", {"failed": failed}, check.began_at)
    return failed


def run_process(check: GpuCheck) -> None:
    """Read batches of 16 from "go" on, and print frames a second: one of several processes."""
    frames = check.take(check.frames[:48], 2 if check.small else 16)
    for _ in range(5):  # the first are read without a graph
        check.fused.read(frames)
    print("ready", flush=True)
    sys.stdin.readline()
    began_at, count = time.perf_counter(), 0
    while time.perf_counter() - began_at < (0.1 if check.small else 3.0):
        check.fused.read(frames)
        count += len(frames)
    print(count / (time.perf_counter() - began_at), flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the check; return the exit code."""
    by_name = {step.__name__: step for step in STEPS}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=Path("gpu_check.json"), help="the file of results")
    parser.add_argument("--photos", nargs="*", type=Path, default=[], help="folders of pictures to compare on")
    parser.add_argument("--limit-s", type=float, default=150.0, help="hard stop after so many seconds")
    parser.add_argument("--small", action="store_true", help="every step in seconds; the figures mean nothing")
    parser.add_argument("--only", nargs="*", choices=[*by_name], default=[*by_name], metavar="STEP", help="these steps")
    parser.add_argument("--process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    check = GpuCheck(options.small, options.photos, options.limit_s)
    with stop_after(options.limit_s):
        if options.process:
            run_process(check)
            return 0
        steps = [by_name[name] for name in options.only]
        return 1 if run_steps(steps, check, CheckReport(options.out)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
