"""Writes docs/reliability.md: what a session of chaos has shown, and what each process promises."""

from collections.abc import Mapping
from typing import Any

INTRODUCTION = """# Reliability

Written by `make chaos` (`digitcam chaos --write docs/reliability.md`): it starts a pipeline of four demo cameras of
30 frames/s with a folder and ports of its own, hurts it, and judges from outside, by the readings of `GET /api/stream`.
Recovery is the time from the fault until the last hole of more than 0.5 s in the readings of any camera has ended; a
hang counts from the moment when the process is stopped, an end until no process is left.
"""

PROMISES = """
## What each process promises

| process | may be away | what is lost meanwhile |
|---|---|---|
| capture | 2 s | the frames of its camera; of a file none |
| queue | 3 s | the frames that it held, two for each live camera, none of a file; its counters begin at 0 |
| preprocess, inference | 2 s | the frames that it held, counted as `worker lost` |
| display | 2 s | what a browser or a program would have been sent; events that begin and end within |
| prometheus | 30 s | its history of that time; the pipeline does not need it |
| a process that hangs | 5 s | as above |
| supervisor, honcho, honcho's helper of a line | - | everything ends within 2 s, in order; nothing is left over |

A JPEG that would take more than 0.1 s to decode is refused before it is decoded. A damaged file of an earlier run is
set aside. On a full disk everything goes on but what must be stored.

## What is not covered

Real cameras and GPUs, Windows and macOS, several machines with a network that is cut, a wall clock that is set, power
loss, a process that is stopped together with its supervisor, `EVERY_FRAME` (its own tests are in tests/pipeline).
"""


def write_document(result: Mapping[str, Any]) -> str:
    """Return the document as Markdown."""
    environment = ", ".join(f"{name} {value}" for name, value in result["environment"].items())
    lines = [
        INTRODUCTION,
        f"Seed {result['seed']}, {result['seconds']:.0f} s, bounds times {result['patience']:g}. {environment}.",
        "",
        "## Faults",
        "",
        "| kind | injected | recovered in time | bound | worst |",
        "|---|---|---|---|---|",
        *(
            f"| {kind} | {row['faults']} | {row['recovered']} | {row['bound_s']:g} s | {format_s(row['worst_s'])} |"
            for kind, row in result["kinds"].items()
        ),
        f"| **all** | {result['faults']} | {result['recovered']} | | {format_s(result['worst_recovery_s'])} |",
        "",
        *(
            f"- {failure['fault']}: {failure['problem'] or 'late'}, {format_s(failure['recovery_s'])}"
            for failure in result["failures"]
        ),
        "",
        "## Accounting and resources",
        "",
        f"Of {result['frames']} frames that the queues took, {result['readings']} ended with a reading and "
        f"{result['drops']} as a counted drop; {result['unaccounted']} are unaccounted for.",
        f"Over the last of {result['pipelines']} pipelines no process held more than {result['descriptors_grown']} "
        f"descriptors and {result['memory_grown_mb']} MB more at its end.",
        PROMISES,
    ]
    return "\n".join(lines)


def format_s(seconds: float | None) -> str:
    """Return seconds; never if there are none."""
    return "never" if seconds is None else f"{seconds:.2f} s"
