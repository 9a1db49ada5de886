"""Writes docs/reliability.md from the saved results of chaos, soak, fuzz and mutants."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.reliability.proofs import PROOFS

Result = Mapping[str, Any]

INTRODUCTION = """# Reliability

What each process promises, and what five commands have shown. Each writes its figures here with `--write docs`; they
are kept in reliability.json, and `python -m benchmarks.reliability` writes this page from them again.
"""

PROMISES = """
## What each process promises

| process | may be away | what is lost meanwhile |
|---|---|---|
| capture | 2 s | the frames of its camera; of a file none |
| queue | 3 s | the frames that it held, two for each live camera, none of a file; its counters begin at 0 |
| preprocess, inference | 2 s | the frames that it held, counted as `worker lost`; nothing if it was told to stop |
| display | 2 s | what a browser or a program would have been sent; events that begin and end within |
| prometheus | 30 s | its history of that time; the pipeline does not need it |
| a process that hangs | 5 s | as above |
| supervisor, honcho, honcho's helper of a line | - | everything ends within 2 s, in order; nothing is left over |

A JPEG that would take more than 0.1 s to decode is refused before it is decoded. A damaged file of an earlier run is
set aside. On a full disk everything goes on but what must be stored. What a stranger sends to the web interface is
bounded in time, size and number before a token is checked.
"""

CHAOS = """
## Faults

`make chaos` starts a pipeline of four demo cameras of 30 frames/s with a folder and ports of its own, hurts it, and
judges from outside, by the readings of `GET /api/stream`. Recovery is the time from the fault until the last hole of
more than 0.5 s in the readings of any camera has ended; a hang counts from the moment when the process is stopped, an
end until no process is left.
"""

LEDGER = """
## Each picture of a file, exactly once

`digitcam chaos --only "EVERY_FRAME ledger"` reads a film of which each picture shows its own number, kills processes
meanwhile at moments by chance, and counts from outside, by `GET /api/stream`, how often each picture was read.
"""

SOAK = """
## Hours

`make soak` runs such a pipeline for long. Four times a minute a camera and viewers leave, and others come under new
names; each minute a worker is killed, told to end, hung or stopped. Each row is the longest life of a process, without
its first 20 minutes; memory is what it has for itself (USS), its slope the median of all pairs of samples. A process
that lived for 20 minutes more may grow by 1 MB an hour.
"""

FUZZ = """
## Hostile inputs

`make fuzz` feeds mutated inputs to every entrance. It fails if one raises an exception, takes more than 0.1 s of CPU,
makes memory grow by 50 MB, is answered with a 500, restarts a process, or writes more than one log line a second.
"""

MUTANTS = """
## Small mistakes

`make mutants` makes small mistakes in the core by chance, each alone: a number off by one, a condition turned round, an
operator exchanged, an exception that is another one. Then the tests of that module run. It fails if they notice fewer
than 92 of 100. Left out are mistakes in places that are listed in tests/mutants.py, each with the reason why nothing
depends on it.
"""

TESTS = """
## Each fault that was found has a test

Each test was written when its fault was mended, and the tests check that all of them exist. A display that was back
late once was not seen again; the kind "term" above watches it.

| fault | test |
|---|---|
"""

UNCOVERED = """
## What is not covered

- Real cameras, GPUs, Windows and macOS, power loss. Several hosts are namespaces of one machine (`make hosts`).
- A process that is stopped together with its supervisor, and a supervisor that hangs for ever: its workers go on, but
  one that dies then is not replaced.
- Ctrl-C or SIGTERM within the third of a second in which `honcho start` starts its lines: honcho 2.0 fails on it, takes
  no other signal, and has to be killed. `digitcam up` ends everything then, too.
- The wall clock is set for `time.time()` of Python only, by which frames are numbered and events dated. SQLite and the
  operating system keep the true time.
"""

NOT_RUN = "Not run yet.\n"
SAVED = "reliability.json"


def write_document(results: Mapping[str, Result]) -> str:
    """Return the document as Markdown; results has NAMES of __main__, as far as they were run."""
    parts: dict[str, tuple[str, Callable[[Result], list[str]]]] = {
        "chaos": (CHAOS, list_faults),
        "ledger": (LEDGER, list_films),
        "soak": (SOAK, list_processes),
        "fuzz": (FUZZ, list_targets),
        "mutants": (MUTANTS, list_modules),
    }
    sections = [INTRODUCTION, PROMISES]
    for name, (text, list_lines) in parts.items():
        lines = "\n".join(list_lines(results[name])) + "\n" if name in results else NOT_RUN
        sections += [text, "\n", lines]
    sections += [TESTS, "".join(f"| {fault} | {format_tests(tests)} |\n" for fault, tests in PROOFS.items()), UNCOVERED]
    return "".join(sections)


def list_faults(result: Result) -> list[str]:
    """Return the table of chaos, what failed, and the account of the frames."""
    rows = [
        f"| {kind} | {row['faults']} | {row['recovered']} | {row['bound_s']:g} s | {format_s(row['worst_s'])} |"
        for kind, row in result["kinds"].items()
    ]
    failures = [
        f"- {failure['fault']}: {failure['problem'] or 'late'}, {format_s(failure['recovery_s'])}"
        for failure in result["failures"]
    ]
    return [
        f"Seed {result['seed']}, {result['seconds']:.0f} s, bounds times {result['patience']:g}. "
        f"{format_machine(result)}",
        "",
        "| kind | injected | recovered in time | bound | worst |",
        "|---|---|---|---|---|",
        *rows,
        f"| **all** | {result['faults']} | {result['recovered']} | | {format_s(result['worst_recovery_s'])} |",
        "",
        *failures,
        *([""] if failures else []),
        f"Of {result['frames']} frames that the queues took, {result['readings']} ended with a reading and "
        f"{result['drops']} as a counted drop; {result['unaccounted']} are unaccounted for. Over the last of "
        f"{result['pipelines']} pipelines no process held more than {result['descriptors_grown']} descriptors and "
        f"{result['memory_grown_mb']} MB more at its end.",
    ]


def list_films(result: Result) -> list[str]:
    """Return the table of the films that were read while processes were killed."""
    ledger = result["ledger"]
    rows = [
        f"| {row['case']} | {row['hits']} | {row['pictures']} | {row['once']} | {row['lost']} | {row['twice']} "
        f"| {format_s(row['longest_hole_s'])} | {row['problem'] or '-'} |"
        for row in ledger["rows"]
    ]
    return [
        f"Seed {result['seed']}. {format_machine(result)}",
        "",
        "| case | processes hit | pictures | read once | lost | twice | longest time without a reading | else |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        f"| **{ledger['exactly_once']} of {ledger['cases']} exactly once** | | {ledger['pictures']} | "
        f"| {ledger['lost']} | {ledger['twice']} | | |",
    ]


def list_processes(result: Result) -> list[str]:
    """Return the table of soak and what failed."""
    rows = [
        f"| {name} | {row['lives']} | {row['life_s'] / 60:.0f} min | {row['memory_mb']:.1f} MB "
        f"| {row['memory_mb_per_hour']:+.2f} MB | {row['descriptors']} | {row['descriptors_grown']:+d} "
        f"| {row['threads']} | {row['threads_grown']:+d} "
        f"| {row['metrics_bytes'] / 1000:.1f} kB | {row['metrics_growth']:.2f} |"
        for name, row in result["processes"].items()
    ]
    missed = [f"{name}: {', '.join(row['problems'])}" for name, row in result["processes"].items() if row["problems"]]
    failures = [*result["failures"], *missed]
    return [
        f"Seed {result['seed']}, {result['seconds'] / 60:.0f} minutes, {result['cameras']} cameras and a guest of "
        f"{result['fps']:g} frames/s, {result['guests']} guests, {result['viewers']} viewers, "
        f"{result['faults']} faults, {result['recovered']} of them recovered in time. {format_machine(result)}",
        "",
        "| process | lives | longest | memory | by the hour | descriptors | more | threads | more | /metrics | times |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        *(f"- missed: {failure}" for failure in failures),
        *([""] if failures else []),
        f"RUN_DIR has {result['files_grown']} files more at the end, shared memory {result['memory_files_grown']}.",
    ]


def list_targets(result: Result) -> list[str]:
    """Return the table of fuzz and what failed."""
    rows = [
        f"| {row['target']} | {row['seed']} | {row['commit']} | {row['inputs']} | {1000 * row['slowest_s']:.0f} ms "
        f"| {row['grown_mb']:+.0f} MB | {sum(row['failures'].values())} |"
        for row in result["targets"]
    ]
    total, failures = (sum(count(row) for row in result["targets"]) for count in (count_inputs, count_failures))
    return [
        f"The last run of each. {format_machine(result)}",
        "",
        "| entrance | seed | commit | inputs | slowest | memory | failures |",
        "|---|---|---|---|---|---|---|",
        *rows,
        f"| **all** | | | {total} | | | {failures} |",
        "",
        *(f"- {problem}" for row in result["targets"] for problem in row["problems"]),
    ]


def list_modules(result: Result) -> list[str]:
    """Return the table of mutants."""
    rows = [f"| `{module}` | {row['made']} | {row['noticed']} |" for module, row in result["modules"].items()]
    share = result["noticed"] / max(1, result["made"])
    return [
        f"Seed {result['seed']}. {format_machine(result)}",
        "",
        "| module | mistakes | noticed |",
        "|---|---|---|",
        *rows,
        f"| **all** | {result['made']} | {result['noticed']}, {share:.1%} |",
    ]


def count_inputs(row: Result) -> int:
    return int(row["inputs"])


def count_failures(row: Result) -> int:
    return sum(row["failures"].values())


def format_machine(result: Result) -> str:
    return ", ".join(f"{name} {value}" for name, value in result["environment"].items()) + "."


def format_s(seconds: float | None) -> str:
    """Return seconds; never if there are none."""
    return "never" if seconds is None else f"{seconds:.2f} s"


def format_tests(tests: tuple[str, ...]) -> str:
    return "<br>".join(f"`{test}`" for test in tests)


def load_results(folder: Path) -> dict[str, Result]:
    """Return the results in reliability.json; none if there is no such file."""
    path = folder / SAVED
    return json.loads(path.read_text()) if path.exists() else {}


def save_results(folder: Path, results: Mapping[str, Result]) -> None:
    """Replace some of the results in reliability.json, and write reliability.md from all."""
    saved = load_results(folder) | dict(results)
    (folder / SAVED).write_text(json.dumps(saved, indent=1) + "\n")
    (folder / "reliability.md").write_text(write_document(saved))
