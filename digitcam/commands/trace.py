"""digitcam trace: a few seconds of every frame through every process, as a Chrome trace that Perfetto opens."""

import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

from digitcam.chrome_trace import Spans, to_events
from shared.settings import ConfigError, Settings
from shared.telemetry.scraping import ScrapeTarget, find_targets, get
from shared.telemetry.spans import LONGEST_S, Span

PATIENCE_S = 5.0  # for the answer, beyond the time that is traced
VIEWER = "https://ui.perfetto.dev"


def trace(settings: Settings, seconds: float, file: Path) -> int:
    """Record all processes at once and write the file. Raises ConfigError where nothing runs or it can't be written."""
    if not 0 < seconds <= LONGEST_S:
        raise ConfigError(f"--seconds {seconds:g} is not right: it takes up to {LONGEST_S:g}.")
    targets = find_targets(settings.run_dir)
    if not targets:
        raise ConfigError(f"nothing runs here (RUN_DIR={settings.run_dir}): start it with honcho start.")
    with ThreadPoolExecutor(len(targets)) as threads:
        recorded = list(threads.map(lambda target: record(target, seconds), targets))
    spans = {target.worker: found for target, found in zip(targets, recorded, strict=True) if found is not None}
    try:
        file.write_text(json.dumps({"traceEvents": list(to_events(spans)), "displayTimeUnit": "ms"}))
    except OSError as error:
        raise ConfigError(f"--out {file} can't be written: {error.strerror}.") from error
    print(summary(spans, file))
    for silent in [target.worker for target in targets if target.worker not in spans]:
        print(f"{silent} did not answer, so its part is missing")
    return 0


def record(target: ScrapeTarget, seconds: float) -> list[Span] | None:
    """The spans of one process; None where it does not answer."""
    try:
        status, text = get(target, f"/trace?seconds={seconds}", seconds + PATIENCE_S)
    except (OSError, HTTPException):
        return None
    return [Span(*row) for row in json.loads(text)] if status == 200 else None


def summary(spans: Spans, file: Path) -> str:
    """What was traced, in a sentence."""
    everything = [span for found in spans.values() for span in found]
    frames = {(span.camera, span.seq) for span in everything}
    cameras = {camera for camera, _ in frames}
    return (
        f"{file}: {len(frames)} frames of {len(cameras)} camera{'s' * (len(cameras) != 1)}, {len(everything)} spans of "
        f"{len(spans)} processes; open it at {VIEWER}"
    )
