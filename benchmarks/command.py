"""digitcam bench ...: one bench, as JSON or as lines; where it cannot be trusted, a sentence and exit code 1."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import everything, inference, overload, page, pipeline, scale
from benchmarks.peers import bench as peers
from benchmarks.trust import UntrustedError

Result = dict[str, Any]
Number = TypeVar("Number", int, float)


def main(arguments: Sequence[str]) -> int:
    """Run a bench and print what came of it; the exit code."""
    choice = parse(arguments)
    try:
        result = choice.run(choice)
    except UntrustedError as error:
        print(f"digitcam bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # what was started has ended by now
        return 130
    print(json.dumps(result) if choice.json else "\n".join(to_lines(result)))
    return 0


def to_lines(result: Mapping[str, Any], indent: str = "") -> list[str]:
    """A result for a person: a line a figure."""
    lines = []
    for name, value in result.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{name}:", *to_lines(value, indent + "  ")]
        elif isinstance(value, list):
            lines += [
                f"{indent}{name}:",
                *(f"{indent}  {', '.join(f'{k} {v}' for k, v in row.items())}" for row in value),
            ]
        else:
            lines.append(f"{indent}{name}: {value}")
    return lines


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line, with the function that runs the bench as `run`."""
    parser = argparse.ArgumentParser(prog="digitcam bench", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="BENCH")

    bench = add(benches, "pipeline", "the whole pipeline on recorded cameras", run_pipeline)
    add_load(bench)
    bench.add_argument("--inference", type=whole, default=1, metavar="K", help="inference workers")
    bench.add_argument("--preprocess", type=whole, default=1, metavar="K", help="preprocess workers")
    bench.add_argument("--digits", type=count, default=3, metavar="D", help="digits in view of each camera, 0 to 20")
    bench.add_argument("--still", action="store_true", help="cameras that see a page that does not move")

    bench = add(benches, "overload", "reading at half the needed speed, beside its peers", run_overload)
    add_load(bench)
    bench = add(benches, "peers", "the same cameras through other ways to do it", run_peers)
    add_load(bench)
    bench = add(benches, "page", "what the page costs the display, with and without a viewer", run_page)
    add_load(bench)
    bench = add(benches, "inference", "pages and digits a second by batch size and runtime", run_inference)
    bench.add_argument("--digits", type=count, default=3, metavar="D", help="digits on each page")
    bench.add_argument("--seconds", type=rate, default=1.0, metavar="S", help="how long each figure is measured")
    bench = add(benches, "scale", "what one more camera costs, with one and with two inference workers", run_scale)
    bench.add_argument("--seconds", type=whole, default=5, metavar="S", help="how long each load is measured")
    bench = add(benches, "all", "every bench in turn: minutes", run_all)
    bench.add_argument("--write", type=Path, metavar="FOLDER", help="write benchmarks.md, .json and .png there")
    return parser.parse_args(arguments)


def add(benches: Any, name: str, does: str, run: Callable[[argparse.Namespace], Result]) -> argparse.ArgumentParser:
    """A bench and how it is run."""
    bench: argparse.ArgumentParser = benches.add_parser(name, help=does, description=does)
    bench.add_argument("--json", action="store_true", help="print one JSON object")
    bench.set_defaults(run=run)
    return bench


def add_load(bench: argparse.ArgumentParser, cameras: int = 4) -> None:
    """What a bench with recorded cameras can be asked for."""
    bench.add_argument("--cameras", type=whole, default=cameras, metavar="N")
    bench.add_argument("--fps", type=rate, default=30.0, metavar="F", help="pictures a second of each camera")
    bench.add_argument("--seconds", type=whole, default=10, metavar="S", help="how long is measured")


def whole(text: str) -> int:
    """A whole number from 1 to 1000."""
    return between(int(text), 1, 1000)


def count(text: str) -> int:
    """A whole number from 0 to 20."""
    return between(int(text), 0, 20)


def rate(text: str) -> float:
    """A rate from 1 to 120 a second."""
    return between(float(text), 1.0, 120.0)


def between(value: Number, low: Number, high: Number) -> Number:
    """The value, where it is in its range; ValueError makes argparse say that it is not."""
    if not low <= value <= high:
        raise ValueError
    return value


def run_pipeline(choice: argparse.Namespace) -> Result:
    """The plan that the command line means, carried out."""
    names = ("cameras", "fps", "seconds", "inference", "preprocess", "digits", "still")
    return pipeline.bench(pipeline.Plan(**{name: getattr(choice, name) for name in names}))


def run_overload(choice: argparse.Namespace) -> Result:
    """Twice the load that fits."""
    return overload.bench(choice.cameras, choice.fps, choice.seconds)


def run_peers(choice: argparse.Namespace) -> Result:
    """One table at this load."""
    return peers.bench(choice.cameras, choice.fps, choice.seconds)


def run_page(choice: argparse.Namespace) -> Result:
    """Nobody, one viewer, and one with the panel open."""
    return page.bench(choice.cameras, choice.fps, choice.seconds)


def run_inference(choice: argparse.Namespace) -> Result:
    """The networks alone."""
    return inference.bench(choice.digits, choice.seconds)


def run_scale(choice: argparse.Namespace) -> Result:
    """From one camera to thirty-two."""
    return scale.bench(choice.seconds)


def run_all(choice: argparse.Namespace) -> Result:
    """Everything. Raises UntrustedError at the end where a part could not be measured; the others are written."""
    results = everything.bench()
    if choice.write:
        everything.write(results, choice.write)
    if results["disturbed"]:
        raise UntrustedError("; ".join(f"{name}: {why}" for name, why in results["disturbed"].items()))
    return results
