"""digitcam top: a live table of cameras, stages and processes, from what they say at their /metrics ports."""

import math
import time
from collections import deque
from collections.abc import Iterable, Sequence

from shared.settings import ConfigError, Settings
from shared.telemetry.scraping import Scrape, scrape
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary, compare

EVERY_S = 1.0
OVER = 4  # scrapes: rates over three seconds are steady to look at, and quick to fall
HOME, REST, LINE = "\x1b[H", "\x1b[J", "\x1b[K"  # to the corner; clear what is below; clear what is to the right


def watch(settings: Settings, once: bool) -> int:
    """Print the table every second until Ctrl-C, or once. Raises ConfigError where nothing runs."""
    scrapes = deque([look(settings)], maxlen=OVER)
    try:
        while True:
            time.sleep(EVERY_S)
            scrapes.append(look(settings))
            lines = table(compare(scrapes[0], scrapes[-1]))
            if once:
                print("\n".join(lines))
                return 0
            print(HOME + "".join(f"{line}{LINE}\n" for line in lines) + REST, end="", flush=True)
    except KeyboardInterrupt:
        return 0


def look(settings: Settings) -> Scrape:
    """Ask all processes. Raises ConfigError where there are none."""
    found = scrape(settings.run_dir)
    if not found.said:
        raise ConfigError(f"nothing runs here (RUN_DIR={settings.run_dir}): start it with honcho start.")
    return found


def table(figures: PipelineSummary) -> list[str]:
    """The lines of the table."""
    stages = [stage for stage in figures.stages if stage.workers]
    return [
        *columns("CAMERA STATE FRAMES/S READ/S DROPS/S AGE(ms):p50 p99", map(camera_row, figures.cameras)),
        "",
        *columns("STAGE WORKERS FRAMES/S BATCH BUSY WAITING DROPS/S AGE(ms):p50 p99", map(stage_row, stages)),
        "",
        *columns("PROCESS CPU MEMORY BEAT(s) READY", map(process_row, figures.processes)),
        "",
        *(f"{process.name}: {process.why}" for process in figures.processes if not process.ready),
    ]


def camera_row(camera: CameraSummary) -> list[str]:
    """One camera's cells."""
    rates = (camera.frames, camera.reads, camera.lost)
    ages = (camera.age_p50_s, camera.age_p99_s)
    return [camera.name, camera.state or "-", *(number(rate, 1) for rate in rates), *map(milliseconds, ages)]


def stage_row(stage: StageSummary) -> list[str]:
    """One stage's cells; only those that work on batches are busy, and only those that are asked have a queue."""
    works = not math.isnan(stage.batch)
    return [
        stage.name,
        str(stage.workers),
        number(stage.frames, 1),
        number(stage.batch, 1),
        f"{100 * stage.busy:.0f}%" if works else "-",
        str(stage.waiting) if works else "-",
        number(sum(stage.drops.values()), 1) if stage.drops else "-",
        milliseconds(stage.age_p50_s),
        milliseconds(stage.age_p99_s),
    ]


def process_row(process: ProcessSummary) -> list[str]:
    """One process's cells."""
    memory = f"{number(process.memory_bytes / 1e6, 0)}MB"
    ready = "yes" if process.ready else "no"
    return [process.name, f"{number(100 * process.cpu, 0)}%", memory, number(process.heartbeat_age_s, 1), ready]


def number(value: float, digits: int) -> str:
    """A number, or a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def milliseconds(seconds: float) -> str:
    """A time in whole milliseconds."""
    return number(1000 * seconds, 0)


def columns(titles: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines whose cells stand below their titles: the first column to the left, numbers to the right."""
    cells = [titles.split(), *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(place, row, widths, range(len(row)))).rstrip() for row in cells]


def place(cell: str, width: int, column: int) -> str:
    """A cell in its column."""
    return cell.ljust(width) if column == 0 else cell.rjust(width)
