"""docs/benchmarks.md: the goals with the measured figures, and the tables behind them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import trust
from benchmarks.goals import GOALS, Results, collect_values, to_row
from benchmarks.limits import FEW, FULL, estimate_limits
from services.queue.registry import MAX_CAMERAS

Row = Mapping[str, Any]

GOAL_HEAD = ("goal", "bound", "stretch", "measured (median)", "spread", "n", "")
HEAD = f"""# Benchmarks

Written by `make bench` (`digitcam bench all`), not by hand. Cameras are recorded MJPEG of 640 x 480 at 30 frames/s with
three digits in view and no repeated frame; the pipeline is the real Procfile with every process and socket. Age is
measured from the time at which a frame was *due*, so that lateness counts, until its reading has reached a viewer in
another process. The viewer gets no pictures. Every frame is read in full, except where digits are followed between
readings (`FOLLOW=true`): this is said, and such frames are counted apart.

A measurement is disturbed if others used more than {trust.MAX_OTHERS:.0%} of the cores (the column `others`),
if a recorded camera was late although a core was idle, or if fewer than {trust.MIN_SAMPLES} frames were read.
It is repeated. If {trust.TRIES} tries were disturbed, the best of them is shown with the reason, as `untrusted`, and
the bench ends with exit code 3.
"""
SCALE = """`digitcam bench scale`. batch is the mean size of a batch. cpu_ms_per_frame is the CPU time of all
processes, without the bench, for a frame that was read; capture_ms and queue_ms are these stages' part of it. Memory is
that of all processes together: PSS counts a shared memory page once, RSS once per process. The goal refers to PSS.
"""
QUEUE = """`digitcam bench queue`: capture, queue and display are real, and the workers answer without doing anything.
The queue is one process: it cannot use more than one core.
"""
LARGER = f"""Arithmetic from the tables above, not a measurement. CPU: the machine's cores divided by the CPU time
of a frame at {FULL} cameras. Queue: what one core passes on. Memory: what each camera adds between {FEW} and {FULL}
cameras. A queue takes at most {MAX_CAMERAS} cameras; beyond that, another queue with its own workers takes more.
"""
PEERS = """`digitcam bench peers`: the same films on the same schedule, through the same vision functions, on the same
cores, in the same run, and with as many workers as there are cores. Each peer is set up as its documentation says. As
for digitcam, a frame's age ends when its digits have reached the bench, in another process, and no picture goes there.
In the second row settled digits are followed between readings, which no peer does: its frames/s are not all readings.
[Decision 30](decisions/0030-what-the-benches-compare.md) says which software is compared and which is not.
"""
OVERLOAD = """`digitcam bench overload`: four cameras, one of them with ten times as many digits, and reading at half
the required speed. Peers have the same slow stage, as one worker. If every frame is kept, ages grow for as long as the
overload lasts, here about ten seconds.
"""
WEB = """`digitcam bench web`: CPU of the display process in cores, with four cameras at 30 frames/s. While nobody
watches, it smooths every third reading for events and the API; "no web interface" is a display that only counts how
frames ended.
"""
INFERENCE = """`digitcam bench inference`, one thread: first frames per second of the inference worker, and of ONNX
Runtime alone with exactly the arrays that the networks were given; then items per second of each network by runtime.
"""


def write_document(results: Results) -> str:
    networks = [run[part] for run in results["inference"] for part in ("worker", "runtimes")]
    sections = {
        "": [HEAD, write_machine(results)],
        "Goals": [write_goals(results), "![Age and frames per second](benchmarks.png)\n"],
        "More cameras": [SCALE, write_table(results["scale"])],
        "Still cameras": [write_table(results["still"])],
        "The queue alone": [QUEUE, write_table([flatten_queue(run) for run in results["queue"]])],
        "Larger machines": [LARGER, write_table(estimate_limits(results))],
        "Compared with peers": [
            PEERS,
            *(f"Cameras: {run['cameras']}\n\n{write_table(run['rows'])}" for run in results["peers"]),
        ],
        "At twice the load that fits": [OVERLOAD, *(write_table(run["rows"]) for run in results["overload_peers"])],
        "The web interface": [WEB, *(write_table(run["watchers"]) for run in results["web"][:1])],
        "Time and memory by process": [
            write_costs([*results["four"][:1], *results["full"][:1], *results["followed"][:1]])
        ],
        "The networks alone": [
            INFERENCE,
            *(f"Untrusted: {run['untrusted']}.\n" for run in results["inference"] if run["untrusted"]),
            *map(write_table, networks),
        ],
    }
    bodies = {title: "\n".join(parts) for title, parts in sections.items()}
    return "\n".join(f"## {title}\n\n{body}" if title else body for title, body in bodies.items())


def write_machine(results: Results) -> str:
    """Return where and when it was measured, and what could not be measured."""
    lines = [f"- {name}: {words}" for name, words in results["machine"].items()]
    lines += [f"- took: {results['took_s'] / 60:.0f} minutes"]
    lines += [f"- **not measured**, {name}: {reason}" for name, reason in results["failed"].items()]
    return "\n".join(lines) + "\n"


def write_goals(results: Results) -> str:
    values = collect_values(results)
    trusted = {part: not any(trust.find_untrusted(result)) for part, result in results.items()}
    rows = [to_row(goal, values[name], is_trusted=trusted[goal.part]) for name, goal in GOALS.items()]
    return lay_out_table(GOAL_HEAD, rows)


def write_costs(runs: Iterable[Row]) -> str:
    """Return CPU and memory by process at each of these loads."""
    rows = []
    for run in runs:
        parts = sorted(run["rss_mb"], key=lambda part: -run["cpu_ms_per_frame"].get(part, 0.0))
        answered = "answered, following" if run["followed_share"] else "read"
        load = f"{run['cameras']} cameras, {run['fps']:g} frames/s {answered}"
        rows += [(load, part, run["cpu_ms_per_frame"].get(part, 0.0), run["rss_mb"][part]) for part in parts]
    return lay_out_table(("load", "process", "CPU per frame, ms", "memory (RSS), MB"), rows)


def flatten_queue(run: Row) -> Row:
    """Return a run of `bench queue` as a row, without the other processes' time."""
    return {name: value for name, value in run.items() if name != "cpu_ms_per_frame"}


def write_table(rows: Iterable[Row]) -> str:
    """Return a table with every column that any row has something in."""
    rows = list(rows)
    if not rows:
        return "Not measured.\n"
    columns = [name for name in dict.fromkeys(name for row in rows for name in row) if has_content(rows, name)]
    columns.sort(key="untrusted".__eq__)  # its sentence comes last
    return lay_out_table(columns, [[row.get(name, "") for name in columns] for row in rows])


def has_content(rows: Iterable[Row], name: str) -> bool:
    return any(row.get(name, "") != "" for row in rows)


def lay_out_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |\n" for row in cells)
