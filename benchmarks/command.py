"""digitcam bench ...: runs one bench and prints its result as JSON or as lines.

Exit code 1: nothing could be measured. Exit code 3: the figures are untrusted, because others disturbed every try.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import cells, events, extrapolation, inference, overload, pipeline, queue_alone, scale, suite, web
from benchmarks.environment import describe_environment
from benchmarks.goals import PEER_CAMERAS
from benchmarks.launcher import take_signals
from benchmarks.peers import bench as peers
from benchmarks.trust import DisturbedError, Repeat, find_untrusted, repeat_until_busy

Result = dict[str, Any]
Number = TypeVar("Number", int, float)
NOTHING_MEASURED, UNTRUSTED, INTERRUPTED = 1, 3, 130  # exit codes


def main(arguments: Sequence[str]) -> int:
    """Run a bench and print its result; return the exit code."""
    options = parse_arguments(arguments)
    take_signals()
    try:
        result = options.run(options)
    except DisturbedError as error:
        print(f"digitcam bench: {error}", file=sys.stderr)
        return NOTHING_MEASURED
    except KeyboardInterrupt:  # every process of the bench has been stopped by now
        return INTERRUPTED
    print(json.dumps(result) if options.json else "\n".join(to_lines(result)))
    reasons = list(find_untrusted(result))
    if reasons:
        print(f"digitcam bench: untrusted, disturbed in every try: {reasons[0]}", file=sys.stderr)
    return UNTRUSTED if reasons else 0


def to_lines(result: Mapping[str, Any], indent: str = "") -> list[str]:
    """Return a result as text, one figure per line."""
    lines = []
    for name, value in result.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}:", *to_lines(value, indent + "  ")]
        elif isinstance(value, list):
            rows = [", ".join(f"{key} {cell}" for key, cell in row.items()) for row in value]
            lines += [f"{indent}{name}:", *(f"{indent}  {row}" for row in rows)]
        else:
            lines.append(f"{indent}{name}: {value}")
    return lines


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options, with the function that runs the bench as `run`."""
    parser = argparse.ArgumentParser(prog="digitcam bench", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH")

    def add_bench(
        name: str, description: str, run: Callable[[argparse.Namespace], Result], *, has_load: bool = False
    ) -> argparse.ArgumentParser:
        bench = benches.add_parser(name, help=description, description=description)
        bench.add_argument("--json", action="store_true", help="print one JSON object")
        bench.set_defaults(run=run)
        if has_load:
            bench.add_argument("--cameras", type=whole_number, default=4, metavar="N", help="%(default)s by default")
            bench.add_argument("--fps", type=rate, default=30.0, metavar="F", help="frames per second of each camera")
            bench.add_argument("--seconds", type=whole_number, default=10, metavar="S", help="duration of measuring")
        return bench

    bench = add_bench("pipeline", "the whole pipeline on recorded cameras", run_pipeline, has_load=True)
    bench.add_argument("--inference", type=whole_number, default=1, metavar="K", help="inference workers")
    bench.add_argument("--preprocess", type=whole_number, default=1, metavar="K", help="preprocess workers")
    bench.add_argument("--digits", type=digit_count, default=3, metavar="D", help="digits in view of each camera, 0-20")
    bench.add_argument("--still", action="store_true", help="cameras and sheets that do not move")
    bench.add_argument(
        "--follow", action="store_true", help="FOLLOW=true: settled digits are followed between readings"
    )
    for name, description, run, cameras in (
        ("overload", "reading at half the required speed, compared with peers", overload.bench_overload, 4),
        ("peers", "the same cameras through other software", peers.bench_peers, PEER_CAMERAS),
        ("web", "CPU of the display with the web interface, without and with a viewer", web.bench_web, 4),
        ("queue", "CPU of the queue alone, with workers that do nothing", queue_alone.bench_queue, scale.QUEUE_CAMERAS),
    ):
        add_bench(name, description, partial(run_load, run), has_load=True).set_defaults(cameras=cameras)
    bench = add_bench("inference", "frames and digits per second by batch size and runtime", run_inference)
    bench.add_argument("--digits", type=digit_count, default=3, metavar="D", help="digits in each frame")
    bench.add_argument("--seconds", type=rate, default=1.0, metavar="S", help="duration of each measurement")
    bench = add_bench("events", "precision, recall and delay of the events of demo cameras", run_events)
    bench.add_argument("--cameras", type=whole_number, default=1, metavar="N")
    bench.add_argument("--seconds", type=whole_number, default=600, metavar="S", help="duration of each demo")
    bench.add_argument("--perfect", action="store_true", help="give the events the digits in view, not what was read")
    bench = add_bench("scale", "cost of each additional camera, up to 64, and of the queue alone", run_scale)
    bench.add_argument("--seconds", type=whole_number, default=5, metavar="S", help="duration of each measurement")
    bench = add_bench("cells", "two pipelines side by side, a display of three, and how far it goes", run_cells)
    bench.add_argument("--seconds", type=short_time, default=2.0, metavar="S", help="of each measurement, 1 to 3")
    bench.add_argument("--rounds", type=whole_number, default=3, metavar="N", help="each alone, then both together")
    bench.add_argument("--write", type=Path, metavar="FOLDER", help="write scale.md there, from its benchmarks.json")
    bench = add_bench("all", "every bench in turn, in under half an hour", run_all)
    bench.add_argument("--write", type=Path, metavar="FOLDER", help="write benchmarks.md, .json and .png there")
    return parser.parse_args(arguments)


def whole_number(text: str) -> int:
    return check_range(int(text), 1, 1000)


def digit_count(text: str) -> int:
    return check_range(int(text), 0, 20)


def rate(text: str) -> float:
    return check_range(float(text), 1.0, 120.0)


def short_time(text: str) -> float:
    return check_range(float(text), 1.0, 3.0)


def check_range(value: Number, low: Number, high: Number) -> Number:
    """Return the value. Raises ValueError, which argparse reports, if it is out of range."""
    if not low <= value <= high:
        raise ValueError
    return value


def run_pipeline(options: argparse.Namespace) -> Result:
    names = ("cameras", "fps", "seconds", "inference", "preprocess", "digits", "still", "follow")
    return pipeline.bench_pipeline(pipeline.BenchPlan(**{name: getattr(options, name) for name in names}))


def run_load(bench: Callable[[int, float, float, Repeat], Result], options: argparse.Namespace) -> Result:
    return bench(options.cameras, options.fps, options.seconds, repeat_until_busy())


def run_inference(options: argparse.Namespace) -> Result:
    return inference.bench_inference(options.digits, options.seconds)


def run_events(options: argparse.Namespace) -> Result:
    return events.bench_events(options.cameras, options.seconds, perfect=options.perfect)


def run_scale(options: argparse.Namespace) -> Result:
    return scale.bench_scale(options.seconds, repeat=repeat_until_busy())


def run_cells(options: argparse.Namespace) -> Result:
    """Run, and write the document if asked to."""
    result = cells.bench_cells(options.seconds, options.rounds)
    if options.write:
        results = json.loads((options.write / "benchmarks.json").read_text())
        document = extrapolation.write_document(results, result, cells.mean_jpeg_bytes(), describe_environment())
        (options.write / "scale.md").write_text(document)
    return result


def run_all(options: argparse.Namespace) -> Result:
    """Run and write everything. Raises DisturbedError at the end if a part could not be measured."""
    results = suite.bench_all()
    if options.write:
        suite.write_results(results, options.write)
    if results["failed"]:
        raise DisturbedError("; ".join(f"{name}: {reason}" for name, reason in results["failed"].items()))
    return results
