"""digitcam top: a live table of cameras, stages and processes, from their metrics."""

import argparse
import math
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from shutil import get_terminal_size

from shared.settings import Settings, load_settings
from shared.telemetry.scraping import NoPipelineError, Scrape, scrape_pipeline
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary, summarize

INTERVAL_S = 1.0
SCRAPES = 4  # rates over three seconds are steady to look at and quick to fall
HOME, CLEAR_BELOW, CLEAR_RIGHT = "\x1b[H", "\x1b[J", "\x1b[K"  # ANSI escape codes

CAMERA_TITLES = ("CAMERA", "STATE", "FRAMES/S", "READ/S", "FOLLOWED/S", "DROPS/S", "AGE(ms):p50", "p99")
STAGE_TITLES = ("STAGE", "WORKERS", "FRAMES/S", "BATCH", "BUSY", "WAITING", "DROPS/S", "AGE(ms):p50", "p99")
PROCESS_TITLES = ("PROCESS", "CPU", "MEMORY", "BEAT(s)", "READY")


def main(arguments: Sequence[str]) -> int:
    """Run the command until Ctrl-C."""
    parser = argparse.ArgumentParser(
        "digitcam top", description="Show a live table of cameras, stages and processes; Ctrl-C ends it."
    )
    parser.add_argument("--once", action="store_true", help="print the table once")
    once = parser.parse_args(arguments).once
    settings = load_settings()
    scrapes = deque([scrape_running(settings)], maxlen=SCRAPES)
    try:
        while True:
            time.sleep(INTERVAL_S)
            scrapes.append(scrape_running(settings))
            lines = format_tables(summarize(scrapes[0], scrapes[-1]))
            if once:
                print("\n".join(lines))
                return 0
            print(
                draw_screen(lines, *get_terminal_size()) if sys.stdout.isatty() else "\n".join([*lines, ""]), flush=True
            )
    except KeyboardInterrupt:
        return 0


def draw_screen(lines: Sequence[str], columns: int, rows: int) -> str:
    """Return what draws the lines over those before, as far as a terminal of this size has room for them."""
    shown = [line[:columns] for line in lines]
    if len(shown) > rows - 1:
        shown = [*shown[: rows - 2], f"{len(shown) - rows + 2} more lines: digitcam top --once"[:columns]]
    return HOME + "".join(f"{line}{CLEAR_RIGHT}\n" for line in shown) + CLEAR_BELOW


def scrape_running(settings: Settings) -> Scrape:
    """Scrape the pipeline. Raises NoPipelineError."""
    scrape = scrape_pipeline(settings.run_dir)
    if not scrape.processes:
        raise NoPipelineError(settings.run_dir)
    return scrape


def format_tables(pipeline: PipelineSummary) -> list[str]:
    """Return the lines of the three tables, and a line for each process that is not ready."""
    return [
        *align(CAMERA_TITLES, map(camera_cells, pipeline.cameras)),
        "",
        *align(STAGE_TITLES, (stage_cells(stage) for stage in pipeline.stages if stage.workers)),
        "",
        *align(PROCESS_TITLES, map(process_cells, pipeline.processes)),
        "",
        *(f"{one.name}: {one.readiness.message}" for one in pipeline.processes if not one.readiness.ok),
    ]


def camera_cells(camera: CameraSummary) -> Iterator[str]:
    """Yield one row of the table of cameras."""
    yield camera.name
    yield camera.state or "-"
    yield number(camera.frames_per_s, 1)
    yield number(camera.readings_per_s, 1)
    yield number(camera.followed_per_s, 1)
    yield number(camera.all_drops_per_s, 1)
    yield milliseconds(camera.age_p50_s)
    yield milliseconds(camera.age_p99_s)


def stage_cells(stage: StageSummary) -> Iterator[str]:
    """Yield one row of the table of stages; only a stage with batches has a queue and can be busy."""
    has_batches = not math.isnan(stage.batch_size)
    yield stage.name
    yield str(stage.workers)
    yield number(stage.frames_per_s, 1)
    yield number(stage.batch_size, 1)
    yield f"{100 * stage.busy:.0f}%" if has_batches else "-"
    yield str(stage.waiting) if has_batches else "-"
    yield number(sum(stage.drops_per_s.values()), 1) if stage.drops_per_s else "-"
    yield milliseconds(stage.age_p50_s)
    yield milliseconds(stage.age_p99_s)


def process_cells(process: ProcessSummary) -> Iterator[str]:
    """Yield one row of the table of processes."""
    yield process.name
    yield f"{number(100 * process.cpu, 0)}%"
    yield f"{number(process.memory_bytes / 1e6, 0)}MB"
    yield number(process.heartbeat_age_s, 1)
    yield "yes" if process.readiness.ok else "no"


def number(value: float, decimals: int) -> str:
    """Format a number; nan is a dash."""
    return "-" if math.isnan(value) else f"{value:.{decimals}f}"


def milliseconds(seconds: float) -> str:
    """Format a time in whole milliseconds."""
    return number(1000 * seconds, 0)


def align(titles: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table, the first column aligned left and the others right."""
    cells = [titles, *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in cells]
