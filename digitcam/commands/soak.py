"""digitcam soak: lets a pipeline of its own live through changes and faults, and looks whether any process grows."""

import argparse
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.settings import ConfigError

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
    """Run the command; the exit code is 1 if a process grew or a fault was not mended in time. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        "digitcam soak",
        description="Run a pipeline with a RUN_DIR and ports of its own for a long time. Each minute a camera and "
        "viewers leave, others come under new names, and a worker is killed, told to end, hung or stopped. Tells by "
        "process how memory, descriptors, threads and the size of /metrics changed. For Linux.",
    )
    parser.add_argument("--seconds", type=float, default=7200.0, help="how long (default: two hours)")
    parser.add_argument("--period", type=float, default=60.0, metavar="S", help="of changes and faults (default: 60)")
    parser.add_argument("--cameras", type=int, default=4, metavar="N", help="%(default)s by default")
    parser.add_argument("--fps", type=float, default=30.0, metavar="F", help="frames per second of each camera")
    parser.add_argument("--seed", type=int, help="order of the faults (default: another each time)")
    parser.add_argument("--patience", type=float, default=1.0, help="multiplies the bounds, for a busy machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write it into reliability.md and .json there")
    parsed = parser.parse_args(arguments)
    if sys.platform != "linux":
        raise ConfigError("soak needs Linux: it reads what processes hold from /proc.")
    try:
        from benchmarks.launcher import take_signals  # noqa: PLC0415 - its packages are optional
        from benchmarks.reliability.document import save_results  # noqa: PLC0415 - as above
        from benchmarks.soak.session import SoakRunner, summarize  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise ConfigError(f"soak needs {error.name}: pip install 'digitcam[bench]'.") from error
    take_signals()
    seed = int(time.time()) if parsed.seed is None else parsed.seed
    runner = SoakRunner(
        random.Random(seed),  # noqa: S311 - not used for security
        lambda line: print(line, file=sys.stderr, flush=True),
        cameras=parsed.cameras,
        fps=parsed.fps,
        period_s=parsed.period,
        patience=parsed.patience,
    )
    result = summarize(runner.run(parsed.seconds), parsed.seconds, seed, parsed.cameras, parsed.fps)
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
