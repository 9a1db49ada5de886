"""digitcam trace: records a few seconds of every frame in every process as a Chrome trace, which Perfetto opens."""

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

from digitcam.chrome_trace import WorkerSpans, to_events
from shared.settings import ConfigError, Settings, load_settings
from shared.telemetry.scraping import NoPipelineError, ScrapeTarget, fetch, find_targets
from shared.telemetry.spans import MAX_RECORDING_S, Span

TIMEOUT_S = 5.0  # for the response, beyond the recorded time
VIEWER = "https://ui.perfetto.dev"


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        "digitcam trace", description=f"Record where each frame's time goes. Open the file at {VIEWER}."
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to record (default: 5)")
    parser.add_argument("--out", type=Path, default=Path("trace.json"), help="file to write (default: trace.json)")
    parsed = parser.parse_args(arguments)
    return record_trace(load_settings(), parsed.seconds, parsed.out)


def record_trace(settings: Settings, seconds: float, file: Path) -> int:
    """Record all processes at once and write the file. Raises ConfigError if none runs or it can't be written."""
    if not 0 < seconds <= MAX_RECORDING_S:
        raise ConfigError(
            f"--seconds {seconds:g} is not right: it takes a number above 0 and up to {MAX_RECORDING_S:g}."
        )
    targets = find_targets(settings.run_dir)
    if not targets:
        raise NoPipelineError(settings.run_dir)
    with ThreadPoolExecutor(len(targets)) as threads:
        recordings = list(threads.map(lambda target: record_process(target, seconds), targets))
    spans = {target.worker: found for target, found in zip(targets, recordings, strict=True) if found is not None}
    try:
        file.write_text(json.dumps({"traceEvents": list(to_events(spans)), "displayTimeUnit": "ms"}))
    except OSError as error:
        raise ConfigError(f"--out {file} can't be written: {error.strerror}.") from error
    print(describe_trace(spans, file))
    for target in targets:
        if target.worker not in spans:
            print(f"{target.worker} did not answer, so its spans are missing")
    return 0


def record_process(target: ScrapeTarget, seconds: float) -> list[Span] | None:
    """Return the spans of one process; None if it does not answer."""
    try:
        status, text = fetch(target, f"/trace?seconds={seconds}", seconds + TIMEOUT_S)
    except (OSError, HTTPException):
        return None
    return [Span(**fields) for fields in json.loads(text)] if status == 200 else None


def describe_trace(spans: WorkerSpans, file: Path) -> str:
    """Return a sentence about what was traced."""
    all_spans = [span for found in spans.values() for span in found]
    frames = {(span.camera, span.seq) for span in all_spans}
    cameras = {span.camera for span in all_spans}
    return (
        f"{file}: {len(frames)} frames of {len(cameras)} camera{'s' * (len(cameras) != 1)}, {len(all_spans)} spans of "
        f"{len(spans)} processes; open it at {VIEWER}"
    )
