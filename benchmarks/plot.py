"""docs/benchmarks.png: frames per second and age by number of cameras, and compared with peers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.goals import LIMIT_MS

Row = Mapping[str, Any]

AGES_MS = (10, 20, 50, 100, 200, 500)
OURS, THEIRS = "tab:blue", "tab:grey"


def draw_results(results: Mapping[str, Any], path: Path) -> None:
    figure = Figure(figsize=(15, 4.5), layout="constrained")
    speed, age, peers = figure.subplots(1, 3)
    for workers, style in ((1, "-"), (2, "--")):
        rows = sorted((row for row in results["scale"] if row["inference"] == workers), key=lambda row: row["cameras"])
        draw_scale(speed, age, rows, f"inference={workers}", style)
    label_axes(speed, "frames/s read", rows=results["scale"])
    label_axes(age, "age (ms): p50, p99", rows=results["scale"])
    age.axhline(LIMIT_MS, color="tab:red", linewidth=0.8)
    age.set_yscale("log")
    age.set_yticks(AGES_MS, [str(age_ms) for age_ms in AGES_MS])
    age.minorticks_off()
    draw_peers(peers, results["peers"][-1]["rows"] if results["peers"] else [])
    figure.savefig(path, dpi=110)


def draw_scale(speed: Axes, age: Axes, rows: Sequence[Row], label: str, style: str) -> None:
    """Draw the lines for one number of workers."""
    cameras = [row["cameras"] for row in rows]
    speed.plot(cameras, [row["fps"] for row in rows], style, marker="o", color=OURS, label=label)
    for percentile, color in (("age_p50_ms", "tab:green"), ("age_p99_ms", OURS)):
        values = [row[percentile] for row in rows]
        age.plot(cameras, values, style, marker="o", color=color, label=f"{percentile[4:7]}, {label}")


def label_axes(axes: Axes, title: str, rows: Sequence[Row]) -> None:
    """Set the title, and number of cameras as the x axis."""
    cameras = sorted({row["cameras"] for row in rows})
    axes.set(title=title, xlabel="cameras at 30 frames/s")
    axes.set_xscale("log", base=2)
    axes.set_xticks(cameras, [str(count) for count in cameras])
    axes.grid(visible=True, alpha=0.3)
    if rows:
        axes.legend()


def draw_peers(axes: Axes, rows: Sequence[Row]) -> None:
    """Draw frames per second as bars, labeled with the p99 age."""
    rows = [row for row in rows if "failed" not in row][::-1]
    colors = [OURS if row["name"].startswith("digitcam") else THEIRS for row in rows]
    bars = axes.barh([row["name"] for row in rows], [row["fps"] for row in rows], color=colors)
    ages = [row["age_p99_ms"] for row in rows]
    axes.bar_label(bars, ["p99 unknown" if age is None else f"p99 {age:,.0f} ms" for age in ages], padding=3)
    axes.set(title="with peers, most cameras: frames/s read")
    axes.margins(x=0.3)
