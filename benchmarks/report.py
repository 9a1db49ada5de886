"""docs/benchmarks.md: every target beside what was measured, and the tables behind it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import trust
from benchmarks.results import Results, values
from benchmarks.targets import TARGETS, to_row

Row = Mapping[str, Any]

TARGET_HEAD = ("what", "at least", "stretch", "measured (median)", "spread", "n", "")
HEAD = f"""# Benchmarks

Written by `make bench` (`digitcam bench all`), not by hand. Cameras are recorded MJPEG of 640 x 480 with three digits
in view, every picture another; the pipeline is the real Procfile with every process and socket. Age is measured from
the time at which a picture was *due*, so nobody hides lateness, until its reading has reached a viewer in another
process. A bench that was disturbed prints no figure: others had more than {trust.MOST_OTHERS:.0%} of the cores, a
recorded camera was late although a core was idle, or fewer than {trust.FEWEST_SAMPLES} frames were read.
"""
SCALE = """`digitcam bench scale`. batch is the mean number of pages in one; cpu_ms_per_frame is of all processes
but the bench's own. Memory is that of all processes together: PSS counts a page that they share once,
RSS in each of them; the target is held against PSS.
"""
PEERS = """`digitcam bench peers`: the same films at the same times, through the same vision functions, on the same
cores, in the same run. Each peer is set up as its documentation has it, with as many workers as there
are cores, which is more than that asks for; NetGear, which carries pixels, is spared the decoding and
encoding. A peer's age ends when the digits are known.
"""
OVERLOAD = """`digitcam bench overload`: four cameras, one of them with ten times as many digits, and reading at half
the speed they need. Peers have the same slow stage, as one worker. Whoever keeps every picture gets
older for as long as it lasts; here that is about ten seconds.
"""
PAGE = """`digitcam bench page`: the display process, in cores, with four cameras of 30 frames/s. While nobody looks a
reading in three is steadied, for events and the API; "no page" is a display that only counts what became of frames.
"""
INFERENCE = """`digitcam bench inference`, one thread: pages a second as the worker reads them, beside ONNX Runtime
given exactly the arrays that the networks were given; then items a second of each network by what runs
it.
"""
NETWORKS = ("worker", "runtimes")


def write(results: Results) -> str:
    """The document."""
    sections = {
        "": [HEAD, write_machine(results)],
        "Targets": [write_targets(results), "![Age and frames a second](benchmarks.png)\n"],
        "More cameras": [SCALE, table(results["scale"])],
        "A still page": [table(results["still"])],
        "Beside others": [PEERS, *(f"{run['cameras']} cameras:\n\n{table(run['rows'])}" for run in results["peers"])],
        "At twice the load that fits": [OVERLOAD, *(table(run["rows"]) for run in results["overload_peers"])],
        "The page": [PAGE, *(table(run["watchers"]) for run in results["page"][:1])],
        "Where the time and the memory go": [write_costs([*results["four"][:1], *results["full"][:1]])],
        "The networks alone": [INFERENCE, *(table(run[part]) for run in results["inference"] for part in NETWORKS)],
    }
    return "\n".join(f"## {title}\n\n{body}" if title else body for title, body in join(sections))


def join(sections: Mapping[str, Sequence[str]]) -> Iterable[tuple[str, str]]:
    """Titles and bodies."""
    return ((title, "\n".join(parts)) for title, parts in sections.items())


def write_machine(results: Results) -> str:
    """Where and when, and what could not be measured."""
    lines = [f"- {name}: {words}" for name, words in results["machine"].items()]
    lines += [f"- took: {results['took_s'] / 60:.0f} minutes"]
    lines += [f"- **not measured**, {name}: {why}" for name, why in results["disturbed"].items()]
    return "\n".join(lines) + "\n"


def write_targets(results: Results) -> str:
    """Each target beside what was measured."""
    measured = values(results)
    rows = [to_row(target, measured[name]) for name, target in TARGETS.items()]
    return lay_out(TARGET_HEAD, rows)


def write_costs(runs: Iterable[Row]) -> str:
    """CPU and memory by process, at each of these loads."""
    rows = []
    for run in runs:
        parts = sorted(run["rss_mb"], key=lambda part: -run["cpu_ms_per_frame"].get(part, 0.0))
        load = f"{run['cameras']} cameras, {run['fps']:g} frames/s read"
        rows += [(load, part, run["cpu_ms_per_frame"].get(part, 0.0), run["rss_mb"][part]) for part in parts]
    return lay_out(("load", "process", "CPU, ms a frame read", "memory (RSS), MB"), rows)


def table(rows: Iterable[Row]) -> str:
    """Rows with the columns that the first has, and a last one for what failed."""
    rows = list(rows)
    if not rows:
        return "Not measured.\n"
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return lay_out(columns, [[row.get(name, "") for name in columns] for row in rows])


def lay_out(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    cells = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |\n" for row in cells)
