"""digitcam chaos: hurts a pipeline of its own, and judges from outside whether it recovers in time."""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from shared.settings import ConfigError


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 1 if a bound was broken. Raises ConfigError."""
    parser = argparse.ArgumentParser(
        "digitcam chaos",
        description="Start a pipeline with a RUN_DIR and ports of its own, hurt it in every known way, and judge by "
        "GET /api/stream whether every camera is read again in time. For Linux.",
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="how long; a fault takes about 4 s (default: 300)")
    parser.add_argument("--seed", type=int, help="order and choice of the faults (default: another each time)")
    parser.add_argument("--only", default="", metavar="KIND,...", help="kinds of faults, such as kill,hang")
    parser.add_argument("--patience", type=float, default=1.0, help="multiplies the bounds, for a busy machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write it into reliability.md and .json there")
    parsed = parser.parse_args(arguments)
    if sys.platform != "linux":
        raise ConfigError("chaos needs Linux: it limits the resources of running processes.")
    try:
        from benchmarks.chaos import every_frame  # noqa: PLC0415 - its packages are optional
        from benchmarks.chaos.session import ChaosRunner, summarize  # noqa: PLC0415 - as above
        from benchmarks.launcher import take_signals  # noqa: PLC0415 - as above
        from benchmarks.reliability.document import save_results  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise ConfigError(f"chaos needs {error.name}: pip install 'digitcam[bench]'.") from error
    take_signals()
    seed = int(time.time()) if parsed.seed is None else parsed.seed
    kinds = frozenset(filter(None, parsed.only.split(",")))
    chance = random.Random(seed)  # noqa: S311 - not used for security
    runner = ChaosRunner(chance, kinds, parsed.patience, lambda line: print(line, file=sys.stderr, flush=True))
    session = runner.run(parsed.seconds)
    result = summarize(session, parsed.seconds, seed, parsed.patience)
    if parsed.write:
        save_results(parsed.write, {"ledger" if kinds == {every_frame.KIND} else "chaos": result})
    if parsed.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:20} {value}" for name, value in result.items() if not isinstance(value, dict | list)))
    return 0 if session.has_held else 1
