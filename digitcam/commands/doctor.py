"""digitcam doctor: what is wrong and how to fix it, before the start or while the pipeline runs."""

import argparse
import os
import time
from collections.abc import Iterable, Sequence

from digitcam.diagnosis import Finding, Machine, diagnose
from digitcam.preflight import check_requirements
from shared.pipeline import CameraState
from shared.settings import Settings, load_settings
from shared.telemetry.scraping import find_targets, scrape_pipeline
from shared.telemetry.summary import PipelineSummary, summarize

OBSERVE_S = 3.0


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 1 if a finding stops the pipeline."""
    parser = argparse.ArgumentParser("digitcam doctor", description="Find what is wrong and how to fix it.")
    parser.parse_args(arguments)
    settings = load_settings()
    if find_targets(settings.run_dir):
        return examine_pipeline(settings)
    print(f"No pipeline runs here (RUN_DIR={settings.run_dir}). Checking what it will need.")
    return report(check_requirements(settings), "Ready to start: honcho start, or digitcam up.")


def examine_pipeline(settings: Settings) -> int:
    """Observe the running pipeline for a few seconds and report what is wrong with it."""
    before = scrape_pipeline(settings.run_dir)
    time.sleep(OBSERVE_S)
    pipeline = summarize(before, scrape_pipeline(settings.run_dir))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0  # Windows does not report it
    return report(diagnose(pipeline, Machine(os.cpu_count() or 1, load)), describe_health(pipeline))


def describe_health(pipeline: PipelineSummary) -> str:
    """Return a sentence about a pipeline without findings."""
    live = [camera for camera in pipeline.cameras if camera.state == CameraState.LIVE]
    frames_per_s = sum(camera.frames_per_s for camera in live)
    readings_per_s = sum(camera.readings_per_s for camera in live)
    followed_per_s = sum(camera.followed_per_s for camera in live)
    age_p99_s = max((camera.age_p99_s for camera in live), default=0.0)
    return (
        f"All is well: {len(live)} live camera{'s' * (len(live) != 1)}, {frames_per_s:.0f} frames/s "
        f"({readings_per_s:.0f} read, {followed_per_s:.0f} followed), "
        f"99 % of them shown within {1000 * age_p99_s:.0f} ms."
    )


def report(findings: Iterable[Finding], all_clear: str) -> int:
    """Print the findings, and the all-clear if none of them stops the pipeline; return the exit code."""
    found = list(findings)
    for finding in found:
        print(finding)
    if any(finding.is_needed for finding in found):
        return 1
    print(all_clear)
    return 0
