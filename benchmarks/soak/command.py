"""digitcam soak: lets a pipeline of its own live through changes and faults, and looks whether any process grows."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.launcher import take_signals
from benchmarks.reliability.document import save_results
from benchmarks.soak.session import SoakRunner, summarize
from benchmarks.trial import make_parser, report_progress

WIDTH = 12
COLUMNS = {  # of the table: title, key, format; "more" is what was added since the process was warm
    "MB": ("memory_mb", ".1f"),
    "MB/hour": ("memory_mb_per_hour", "+.2f"),
    "descriptors": ("descriptors", "d"),
    "more": ("descriptors_grown", "+d"),
    "threads": ("threads", "d"),
    "more ": ("threads_grown", "+d"),
    "/metrics": ("metrics_bytes", "d"),
    "times": ("metrics_growth", ".2f"),
    "warm for s": ("life_s", ".0f"),
}


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 1 if a process grew or a fault was not mended in time."""
    parser = make_parser(
        "soak",
        "Run a pipeline with a RUN_DIR and ports of its own for a long time. Each minute a camera and "
        "viewers leave, others come under new names, and a worker is killed, told to end, hung or stopped. Tells by "
        "process how memory, descriptors, threads and the size of /metrics changed. For Linux.",
        seconds=7200.0,
    )
    parser.add_argument("--period", type=float, default=60.0, metavar="S", help="of changes and faults (default: 60)")
    parser.add_argument("--cameras", type=int, default=4, metavar="N", help="%(default)s by default")
    parser.add_argument("--fps", type=float, default=30.0, metavar="F", help="frames per second of each camera")
    parsed = parser.parse_args(arguments)
    take_signals()
    runner = SoakRunner(
        random.Random(parsed.seed),  # noqa: S311 - not used for security
        report_progress,
        cameras=parsed.cameras,
        fps=parsed.fps,
        period_s=parsed.period,
        patience=parsed.patience,
    )
    result = summarize(runner.run(parsed.seconds), parsed.seconds, parsed.seed, parsed.cameras, parsed.fps)
    if parsed.write:
        save_results(parsed.write, {"soak": result})
    print(json.dumps(result) if parsed.json else "\n".join(to_lines(result)))
    return 0 if result["has_held"] else 1


def to_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the result as a table of processes and the figures of the whole."""
    lines = [f"{'process':22}" + "".join(f"{title:>{WIDTH}}" for title in COLUMNS)]
    for name, row in result["processes"].items():
        cells = "".join(f"{format(row[key], form):>{WIDTH}}" for key, form in COLUMNS.values())
        lines.append(f"{name:22}{cells}  {'; '.join(row['problems'])}".rstrip())
    return [*lines, "", *(f"{name:20} {value}" for name, value in result.items() if not isinstance(value, dict | list))]
