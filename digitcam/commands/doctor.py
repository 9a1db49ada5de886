"""digitcam doctor: what is wrong and what to change, before the start and while the pipeline runs."""

import os
import time
from collections.abc import Iterable

from digitcam.diagnosis import Finding, Machine, diagnose
from digitcam.preflight import examine
from shared.pipeline import CameraState
from shared.settings import Settings
from shared.telemetry.scraping import find_targets, scrape
from shared.telemetry.summary import PipelineSummary, compare

LOOK_FOR_S = 3.0


def examine_all(settings: Settings) -> int:
    """Print all that is wrong, with its remedy; 1 where something is that is needed, else 0."""
    if find_targets(settings.run_dir):
        return examine_pipeline(settings)
    print(f"Nothing runs here (RUN_DIR={settings.run_dir}); looking at what it will need.")
    return report(examine(settings), "Nothing is in its way: honcho start")


def examine_pipeline(settings: Settings) -> int:
    """Watch the pipeline for a little, and say what is wrong with it."""
    before = scrape(settings.run_dir)
    time.sleep(LOOK_FOR_S)
    figures = compare(before, scrape(settings.run_dir))
    return report(diagnose(figures, this_machine()), well(figures))


def this_machine() -> Machine:
    """Its cores and its load; Windows has no such figure."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return Machine(os.cpu_count() or 1, load)


def well(figures: PipelineSummary) -> str:
    """What a pipeline does with which nothing is wrong."""
    live = [camera for camera in figures.cameras if camera.state == CameraState.LIVE]
    frames, reads = (sum(rates) for rates in zip(*((c.frames, c.reads) for c in live), strict=True)) if live else (0, 0)
    oldest = max((camera.age_p99_s for camera in live), default=0.0)
    return (
        f"All is well: {len(live)} live camera{'s' * (len(live) != 1)}, {frames:.0f} frames/s, {reads:.0f} read, "
        f"99 % of them shown within {1000 * oldest:.0f} ms."
    )


def report(findings: Iterable[Finding], otherwise: str) -> int:
    """Print findings, and where none of them is in the way also that all is well."""
    found = list(findings)
    for finding in found:
        print(f"{finding.wrong}: {finding.remedy}")
    if any(finding.is_needed for finding in found):
        return 1
    print(otherwise)
    return 0
