"""digitcam chaos: hurts a pipeline of its own, and judges from outside whether it recovers in time."""

import json
import random
from collections.abc import Sequence

from benchmarks.chaos import every_frame
from benchmarks.chaos.faults import list_kinds
from benchmarks.chaos.session import ChaosRunner, summarize
from benchmarks.launcher import take_signals
from benchmarks.reliability.document import save_results
from benchmarks.trial import make_parser, report_progress


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 1 if a bound was broken."""
    parser = make_parser(
        "chaos",
        "Start a pipeline with a RUN_DIR and ports of its own, hurt it in every known way, and judge by "
        "GET /api/stream whether every camera is read again in time. A fault takes about 4 s. For Linux.",
        seconds=300.0,
    )
    parser.add_argument("--only", default="", metavar="KIND,...", help="kinds of faults, such as kill,hang")
    parsed = parser.parse_args(arguments)
    kinds = frozenset(filter(None, parsed.only.split(",")))
    known = {every_frame.KIND, *list_kinds()}
    if not kinds <= known:
        parser.error(f"--only {parsed.only}: the kinds are {', '.join(sorted(known))}")
    take_signals()
    chance = random.Random(parsed.seed)  # noqa: S311 - not used for security
    session = ChaosRunner(chance, kinds, parsed.patience, report_progress).run(parsed.seconds)
    result = summarize(session, parsed.seconds, parsed.seed, parsed.patience)
    if parsed.write:
        save_results(parsed.write, {"ledger" if kinds == {every_frame.KIND} else "chaos": result})
    if parsed.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:20} {value}" for name, value in result.items() if not isinstance(value, dict | list)))
    return 0 if session.has_held else 1
