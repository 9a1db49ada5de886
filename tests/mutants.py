"""python -m tests.mutants [--sample 30] [--seed N] [--only WORD]: how many small mistakes in the core the tests notice.

Each is made by cosmic-ray in a copy of this repository, alone: a number off by one, an operator exchanged, a loop that
never runs, an exception that is another one. Then the tests of its module run. Prints those that no test noticed.
Exit code 1: fewer than 92 of 100 were noticed.
"""

import argparse
import ast
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome

from benchmarks.environment import describe_environment
from benchmarks.reliability.document import save_results

ROOT = Path(__file__).parent.parent
Position = tuple[int, int]  # line, column
MIN_SHARE = 0.92
TIMEOUT_S, SLOWER = 60.0, 5.0  # an endless loop counts as noticed: it takes so much longer than the tests do
ERRORS = {"RShift", "LShift", "BitOr", "BitAnd", "BitXor", "Pow", "Mod", "FloorDiv"}  # at once, for a fraction
IDENTITY = {"Is", "IsNot"}  # == is no mistake for a member of an enumeration, and < is an error at once
BEFORE_STARS = ("(", "[", "{", ",")  # *values and a lone * are no products
QUEUE, WEB = "tests/services/queue", "tests/services/display/web"
CORE = {  # module -> its tests
    "services/queue/scheduler.py": (f"{QUEUE}/test_scheduler.py", f"{QUEUE}/test_broker.py"),
    "services/queue/fair_queue.py": (f"{QUEUE}/test_fair_queue.py", f"{QUEUE}/test_scheduler.py"),
    "services/queue/still_gate.py": (f"{QUEUE}/test_still_gate.py",),
    "services/queue/registry.py": (f"{QUEUE}/test_registry.py", f"{QUEUE}/test_broker.py"),
    "shared/messaging/codec.py": ("tests/shared/messaging/test_codec.py",),
    "shared/messaging/message_fields.py": ("tests/shared/messaging/test_codec.py",),
    "shared/vision/tracks.py": ("tests/shared/vision/test_tracks.py",),
    "shared/vision/normaliser.py": ("tests/shared/vision/test_normaliser.py",),
    "services/display/web/access.py": (f"{WEB}/test_access.py",),
    "digitcam/supervisor.py": ("tests/digitcam/test_supervisor.py",),
    "shared/settings.py": ("tests/shared/test_settings.py",),
}


EQUIVALENT = {  # module -> line and kind of mistake -> why it changes nothing that anybody could notice
    "services/queue/fair_queue.py": {
        ("self._clock = 0.0", "NumberReplacer"): "turns depend on differences only",
        ("self._weights, self._due, self._clock = {}, {}, 0.0", "NumberReplacer"): "turns depend on differences only",
        ("self._due[camera] += 1 / self._weights[camera]", "NumberReplacer"): "another unit of all turns",
    },
    "shared/vision/tracks.py": {
        ("evidence: Evidence = (0.0,) * 11", "NumberReplacer"): "what all classes have in common is normalised away",
        (
            "follow = min(1.0, 0.25 + max(abs(b - a) for a, b in zip(old, new, strict=True)) / (JITTER * size))",
            "ReplaceTrueWithFalse",
        ): "each box has four numbers",
    },
    "shared/vision/normaliser.py": {
        (
            "x, y, width, height = cv2.boundingRect(cv2.threshold(ink, EDGE - 1, 255, cv2.THRESH_BINARY)[1])",
            "NumberReplacer",
        ): "the box is that of what is not 0; EDGE has a line of its own",
        (
            "mass, across, down = (cornered.reshape(-1, SIDE_PX**2).astype(np.float32) @ MOMENTS).astype(np.float64).T",
            "NumberReplacer",
        ): "numpy takes any negative number for what fits",
    },
    "digitcam/supervisor.py": {
        ("while data := os.read(self._pipe.fileno(), 4096):", "NumberReplacer"): "a buffer of any size will do",
    },
}


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.mutants", description="Do the tests notice mistakes in the core?")
    parser.add_argument("--sample", type=int, default=30, help="mistakes in each module (default: 30)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the same makes the same mistakes")
    parser.add_argument("--only", default="", help="only modules whose path has this word")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write it into reliability.md and .json there")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    found: dict[str, list[bool]] = {}
    with tempfile.TemporaryDirectory(prefix="digitcam-mutants-") as folder:
        copy_repository(Path(folder))
        for module in CORE:
            if options.only in module:
                found[module] = test_module(module, options.sample, options.seed)
        os.chdir(ROOT)
    result = summarize(found, options.seed)
    if options.write:
        save_results(options.write, {"mutants": result})
    share = result["noticed"] / max(1, result["made"])
    print(f"all: {result['noticed']} of {result['made']} were noticed: {share:.2f}; at least {MIN_SHARE} shall be")
    return 0 if share >= MIN_SHARE else 1


def summarize(found: dict[str, list[bool]], seed: int) -> dict[str, Any]:
    """Return which mistakes were noticed, by module, as one JSON object."""
    return {
        "seed": seed,
        "made": sum(map(len, found.values())),
        "noticed": sum(map(sum, found.values())),
        "modules": {module: {"made": len(noticed), "noticed": sum(noticed)} for module, noticed in found.items()},
        "environment": describe_environment(),
    }


def copy_repository(folder: Path) -> None:
    """Copy what is committed, or would be, and go there."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():  # else it was deleted, and that is not committed yet
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)
    os.environ["CI"] = "1"  # hypothesis then tries the same examples each time, without a deadline
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # importing them takes longer than most tests here


def test_module(module: str, sample: int, seed: int) -> list[bool]:
    """Make some of a module's mutations, print those that survive, and return which were noticed."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "pytest_timeout",
        *CORE[module],
    ]
    began_at = time.monotonic()
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise SystemExit(f"the tests of {module} fail without any mutation")
    timeout_s = TIMEOUT_S + SLOWER * (time.monotonic() - began_at)
    chance = random.Random(f"{seed} {module}")
    mutations = choose_mutations(module, chance)
    chosen = chance.sample(mutations, min(sample, len(mutations)))
    noticed = []
    for mutation in chosen:
        result = mutate_and_test([mutation], shlex.join(command), timeout_s)
        if result.worker_outcome != WorkerOutcome.NORMAL:  # cosmic-ray cannot make it
            continue
        noticed.append(result.test_outcome != TestOutcome.SURVIVED)
        if not noticed[-1]:
            print(f"{module}:{mutation.start_pos[0]} {mutation.operator_name.partition('/')[2]}\n{result.diff}")
    print(f"{module}: {sum(noticed)} of {len(noticed)} were noticed; it has {len(mutations)}", flush=True)
    return noticed


def choose_mutations(module: str, chance: random.Random) -> list[MutationSpec]:
    """Return one mutation of each kind at each place, so that an operator with ten replacements counts once."""
    places: dict[tuple[Position, Position, str], list[MutationSpec]] = {}
    for one in list_mutations(module):
        places.setdefault((one.start_pos, one.end_pos, one.operator_name.partition("_")[0]), []).append(one)
    return [chance.choice(found) for found in places.values()]


def list_mutations(module: str) -> Iterator[MutationSpec]:
    """Yield the mutations of a module that could go unnoticed."""
    database = WorkDB(":memory:", WorkDB.Mode.create)
    init([Path(module)], database, {})  # of every kind
    text = Path(module).read_text()
    lines, types = text.splitlines(), [*list_type_spans(ast.parse(text))]
    equivalent = EQUIVALENT.get(module, {})
    if missing := {line for line, _ in equivalent} - {line.strip() for line in lines}:
        raise SystemExit(f"EQUIVALENT names lines that {module} does not have: {', '.join(missing)}")
    for mutation in (mutation for item in database.work_items for mutation in item.mutations):
        line, column = mutation.start_pos
        is_type = any(begin <= mutation.start_pos < end for begin, end in types)
        is_unpacking = "Binary" in mutation.operator_name and lines[line - 1][:column].rstrip().endswith(BEFORE_STARS)
        kind = mutation.operator_name.rpartition("/")[2].partition("_")[0]
        if (lines[line - 1].strip(), kind) in equivalent or is_type or is_unpacking:
            continue
        if could_go_unnoticed(mutation.operator_name):
            yield mutation


def could_go_unnoticed(operator: str) -> bool:
    """Return whether a replacement, such as ReplaceComparisonOperator_Lt_LtE, is more than an error or nothing."""
    old, _, new = operator.partition("_")[2].partition("_")
    return new not in ERRORS and (old in IDENTITY) == (new in IDENTITY)


def list_type_spans(tree: ast.Module) -> Iterator[tuple[Position, Position]]:
    """Yield the begin and the end of each type and decorator."""
    for node in ast.walk(tree):
        types = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for one in [*types, *getattr(node, "decorator_list", [])]:
            if isinstance(one, ast.expr) and one.end_lineno and one.end_col_offset is not None:
                yield (one.lineno, one.col_offset), (one.end_lineno, one.end_col_offset)


if __name__ == "__main__":
    sys.exit(main())
