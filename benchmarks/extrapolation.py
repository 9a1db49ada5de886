"""docs/scale.md: how far cells go, by arithmetic from measured demands. Nothing is simulated.

Every assumption is a constant here, and is printed with the table.
"""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.cells import judge_frames
from benchmarks.report import lay_out_table, write_table
from benchmarks.trust import Row

Results = Mapping[str, Any]

SIZES = (100, 10_000, 1_000_000)  # cameras
FPS = 30.0
HEADROOM = 0.8  # of a core or a queue that may be used: queues of frames grow beyond
GPU_FPS = 1961.0  # frames/s of one worker on an H100 in batches of 16: docs/gpu.md
GRAY_BYTES = 480 * 360
STREAM_MBIT_PER_S = 4.0  # assumed: H.264 of a camera of 1080p
VIEWS_PER_S = 10.0  # that a display asks for of a camera that is not in view
VIEW_BYTES = 600  # of a view with three digits, without a picture
EVENT_BYTES, EVENTS_PER_MINUTE = 200, 1.0  # assumed: a number that comes or goes
NODE_FAILURES_PER_YEAR = 1.0  # assumed
DARK_S = 49.0  # measured with two nodes, of which one was cut off: make cluster, docs/operating.md
SERIES_OF_PROMETHEUS = 2_000_000  # assumed: what one server of 16 GB keeps
NODES_OF_KUBERNETES = 5_000  # its documented limit
YEAR_S, DAY_S = 365 * 86_400.0, 86_400.0
MOST_OTHERS = 0.5  # of the machine, used by other programs: beyond, two cells cannot be compared
STAGES = ("capture", "queue", "preprocess", "inference", "display", "parents")


def take_demands(results: Results) -> dict[str, float]:
    """Return the CPU time of a frame and what a queue passes on, from docs/benchmarks.json (medians)."""
    return {
        "read_ms": median(run["cpu_ms_per_frame_total"] for run in results["full"]),
        "followed_ms": median(run["cpu_ms_per_frame_total"] for run in results["followed"]),
        "queue_fps": median(run["frames_per_s_a_core"] for run in results["queue"]),
    }


def estimate(cameras: int, demands: Mapping[str, float], measured: Row, jpeg_bytes: float) -> Row:
    """Return what this many cameras need. `measured` is the display part of digitcam bench cells."""
    frames_per_s = cameras * FPS
    of_cell = int(HEADROOM * demands["queue_fps"] / FPS)
    cells = -(-cameras // of_cell)
    series = cameras * measured["series_per_camera"] + cells * measured["series_per_cell"]
    failures_per_day = cells * NODE_FAILURES_PER_YEAR * DAY_S / YEAR_S
    return {
        "cameras": cameras,
        "frames/s": round(frames_per_s),
        "cells": cells,
        "cameras of a cell": min(cameras, of_cell),
        "cores, every frame read": round_up(frames_per_s * demands["read_ms"] / 1000 / HEADROOM),
        "cores, settled digits followed": round_up(frames_per_s * demands["followed_ms"] / 1000 / HEADROOM),
        "GPU workers instead of inference": round_up(frames_per_s / GPU_FPS / HEADROOM),
        "inside nodes, Gbit/s": significant(8e-9 * frames_per_s * 2 * (jpeg_bytes + GRAY_BYTES)),
        "cameras to nodes, Gbit/s": significant(cameras * STREAM_MBIT_PER_S / 1000),
        "nodes to displays, Gbit/s": significant(8e-9 * cameras * VIEWS_PER_S * VIEW_BYTES),
        "events, Mbit/s": significant(8e-6 * cameras * EVENTS_PER_MINUTE / 60 * EVENT_BYTES),
        "displays, cores at most": significant(cameras * VIEWS_PER_S * measured["display_ms_per_view"] / 1000),
        "Prometheus series": series,
        "Prometheus servers": round_up(series / SERIES_OF_PROMETHEUS),
        "cells that go dark a day": significant(failures_per_day),
        "cells dark at a time, mean": significant(failures_per_day * DARK_S / DAY_S),
        "a camera is dark, s a year": round(NODE_FAILURES_PER_YEAR * DARK_S),
    }


def round_up(value: float) -> int:
    return -int(-value // 1)


def significant(value: float) -> float:
    """Return a number with two significant digits."""
    return float(f"{value:.2g}")


def show(value: object) -> str:
    """Return a number with commas, or words."""
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def transpose(rows: Sequence[Row]) -> str:
    """Return a table with a row for each figure and a column for each number of cameras."""
    head, *names = rows[0]
    cells = [(name, *(show(row[name]) for row in rows)) for name in names]
    return lay_out_table((head, *(show(row[head]) for row in rows)), cells)


def write_document(results: Results, measured: Row, jpeg_bytes: float, machine: Mapping[str, str]) -> str:
    """Return docs/scale.md. results: docs/benchmarks.json; measured: of digitcam bench cells."""
    demands, sides, display = take_demands(results), measured["side_by_side"], measured["display"]
    rows = [estimate(cameras, demands, display, jpeg_bytes) for cameras in SIZES]
    of_cell = int(HEADROOM * demands["queue_fps"] / FPS)
    node_cores = round_up(of_cell * FPS * demands["read_ms"] / 1000 / HEADROOM)
    untrusted = f"\n**Untrusted**: {measured['untrusted']}.\n" if measured["untrusted"] else ""
    lines = [
        HEAD,
        *(f"- {name}: {words}" for name, words in machine.items() if name in {"date", "processor", "system", "commit"}),
        untrusted,
        "## What a frame takes\n",
        DEMAND,
        write_table([demand_row(name, results[part]) for name, part in PARTS.items()]),
        CELL.format(queue_fps=round(demands["queue_fps"]), of_cell=of_cell, node_cores=node_cores, headroom=HEADROOM),
        "## Cells side by side\n",
        SIDES.format(**sides, rounds=measured["rounds"], seconds=measured["seconds"]),
        write_sides(sides),
        "## One display for several cells\n",
        DISPLAY,
        write_table([display]),
        "## A hundred, ten thousand, a million cameras\n",
        ASSUMED.format(jpeg_kb=jpeg_bytes / 1000),
        transpose(rows),
        BREAKS.format(servers=rows[-1]["Prometheus servers"], nodes=rows[-1]["cells"], limit=NODES_OF_KUBERNETES),
        DARK.format(of_cell=of_cell, seconds=DARK_S, dark=rows[-1]["cells dark at a time, mean"]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def write_sides(sides: Row) -> str:
    """Return the table of two cells, unless they were disturbed too much to be compared."""
    if sides["others"] > MOST_OTHERS:
        return f"**Not shown**: other programs used {sides['others']:.0%} of the machine meanwhile.\n"
    if reason := judge_frames(sides["fewest_frames"]):
        return f"**Not shown**: {reason}.\n"
    return write_table([{name: value for name, value in sides.items() if name != "cpu_ms_per_frame"}])


PARTS = {"every frame read": "full", "settled digits followed": "followed"}


def demand_row(name: str, runs: Sequence[Row]) -> Row:
    """Return the CPU time of a frame by stage, in ms: medians over runs."""
    by_stage = {stage: round(median(run["cpu_ms_per_frame"].get(stage, 0.0) for run in runs), 2) for stage in STAGES}
    total = round(median(run["cpu_ms_per_frame_total"] for run in runs), 2)
    return {"16 cameras": name, **by_stage, "all": total, "n": len(runs)}


HEAD = """# How far it goes

Written by `digitcam bench cells --write docs`, not by hand. A cell is a pipeline with one queue, its cameras
and its workers on one node. More cameras are more cells; a display shows several ([decision
44](decisions/0044-one-display-for-several-cells.md)). The text says what was measured; the rest is arithmetic.
"""
DEMAND = """CPU time of a frame in ms, from [the benchmarks](benchmarks.md).
"""
CELL = """One queue passes on {queue_fps} frames/s if it has a core to itself (measured with workers that do
nothing). With {headroom:.0%} of that a cell has {of_cell} cameras at 30 frames/s, and needs a node of
{node_cores} cores to read every frame. Such a node was not measured: the machine has two cores. A smaller node
has a smaller cell.
"""
SIDES = """The extrapolation stands on this: two cells, each pinned to a core of its own, with more frames than a
core reads, do together what they do alone. {rounds} rounds of {seconds:g} s in turn. share_of_sum is what both read
together, divided by the sum of what each read alone (median, lowest, highest). cost_ratio is the CPU time of a frame
together, divided by that alone: it says the same, and programs of others disturb it less. spread_alone is how much
one cell differs between rounds; others is the share of the machine that other programs used.
"""
DISPLAY = """Three cells and a display that nobody looks at: it asks for ten views a second of each camera, for
events. Then the queue of one cell is stopped (SIGSTOP), and goes on as soon as the display says that it is
gone. series_per_camera and series_per_cell are counted in /metrics of the processes of a cell.
"""
ASSUMED = f"""30 frames/s each, {HEADROOM:.0%} of a core used at most, the JPEG of the bench's films
({{jpeg_kb:.0f}} kB) and a gray frame of {GRAY_BYTES / 1000:.0f} kB, each written and read once inside the node.
**Assumed, not measured**: {STREAM_MBIT_PER_S:g} Mbit/s of H.264 a camera (decoding it is not in the demands
above: the films are MJPEG), {EVENTS_PER_MINUTE:g} event of {EVENT_BYTES} bytes a camera and minute,
{SERIES_OF_PROMETHEUS:,} series in a Prometheus, {NODE_FAILURES_PER_YEAR:g} failure of a node a year, {DARK_S:g}
s until its cell reads again elsewhere. A GPU worker
reads {GPU_FPS:,.0f} frames/s, as measured once on an H100 ([GPU](gpu.md)); a cell with one was not measured.
"""
BREAKS = """What breaks first:

- 100 cameras: one queue. A few cells are enough, then the cores of one machine.
- 10,000 cameras: one display, and people. A display is one process, so walls show a part each, and number
  events come from the cells' own displays (`WEBHOOK`). The series fit one large Prometheus.
- 1,000,000 cameras: all that is central. {nodes:,} nodes are more than one Kubernetes takes ({limit:,}), and
  {servers} Prometheus servers are needed before anything is aggregated. Video cannot be pulled to one place:
  the cell moves to the site, and events leave it.
"""
DARK = """When a node fails, the {of_cell} cameras of its cell are dark for about {seconds:g} s, and no other
cell notices: cells share nothing. Of a million cameras, {dark} cells are dark at a time on average. A worker
that crashes is back within 2 s and darkens no camera; a queue that crashes is back within 3 s
([reliability](reliability.md)).
"""
