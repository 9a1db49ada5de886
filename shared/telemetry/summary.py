"""What a pipeline did between two scrapes: how fast, how old, how busy, by camera, stage and process. Pure."""

import math
from dataclasses import dataclass

from shared.pipeline import DROP_REASONS, FRAME_STAGES, DropReason, Stage
from shared.telemetry.rates import Change
from shared.telemetry.scraping import ProcessStatus, Scrape


@dataclass(frozen=True, slots=True)
class CameraSummary:
    """One camera; rates in frames a second, ages in seconds, nan where there was nothing."""

    name: str
    state: str  # live, frozen, down, or "" where the queue does not say
    frames: float
    reads: float
    drops: dict[DropReason, float]  # by reason
    sent_age_s: float  # median, as capture sends a frame
    age_p50_s: float  # as it is shown
    age_p99_s: float
    max_age_s: float  # what waits for longer is dropped

    @property
    def lost(self) -> float:
        """All drops."""
        return sum(self.drops.values())


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage; ages as it begins, busy is the share of the time that its workers work, from 0 to 1."""

    name: str
    workers: int | None  # None where there is none on this machine, and no queue that knows of others
    frames: float
    batch: float  # mean size
    busy: float
    waiting: int
    drops: dict[DropReason, float]  # a second, by reason
    age_p50_s: float
    age_p99_s: float


@dataclass(frozen=True, slots=True)
class ProcessSummary:
    """One process; cpu in cores, nan where the operating system does not say."""

    name: str
    answers: bool
    ready: bool
    why: str
    heartbeat_age_s: float
    cpu: float
    memory_bytes: float


@dataclass(frozen=True, slots=True)
class PipelineSummary:
    """All of it."""

    cameras: tuple[CameraSummary, ...]
    stages: tuple[StageSummary, ...]
    processes: tuple[ProcessSummary, ...]
    malformed: float  # messages a second


def compare(before: Scrape, after: Scrape) -> PipelineSummary:
    """The figures of the time between two scrapes."""
    change = Change(before, after)
    names = sorted({one.labels["camera"] for said in after.said for one in said.samples if "camera" in one.labels})
    cameras = (camera_figures(change, name) for name in names)
    return PipelineSummary(
        tuple(camera for camera in cameras if camera.state or camera.frames),  # the counters of one that left stay
        tuple(stage_figures(change, stage) for stage in FRAME_STAGES),
        tuple(process_figures(change, said) for said in after.said),
        change.rate("digitcam_malformed_total"),
    )


def camera_figures(change: Change, name: str) -> CameraSummary:
    """One camera's."""
    up, frozen = change.now("digitcam_camera_up", camera=name), change.now("digitcam_camera_frozen", camera=name)
    state = "" if math.isnan(up) else "live" if up else "frozen" if frozen else "down"
    return CameraSummary(
        name,
        state,
        change.rate("digitcam_frames_total", camera=name, stage=Stage.QUEUE),
        change.rate("digitcam_readings_total", camera=name),
        {why: change.rate("digitcam_drops_total", camera=name, reason=why) for why in DropReason},
        change.quantile(0.5, "digitcam_age_seconds", camera=name, stage=Stage.CAPTURE),
        change.quantile(0.5, "digitcam_age_seconds", camera=name, stage=Stage.DISPLAY),
        change.quantile(0.99, "digitcam_age_seconds", camera=name, stage=Stage.DISPLAY),
        change.now("digitcam_camera_max_age_seconds", camera=name),
    )


def stage_figures(change: Change, stage: Stage) -> StageSummary:
    """One stage's."""
    here = sum(said.target.stage == stage for said in change.after.said if said.samples)
    everywhere = change.now("digitcam_workers", stage=stage)  # the queue hears those on other machines too
    batches = change.rate("digitcam_batch_size_count", stage=stage)
    waiting = change.now("digitcam_waiting", stage=stage)
    return StageSummary(
        stage,
        (here or None) if math.isnan(everywhere) else int(everywhere),
        change.rate("digitcam_frames_total", stage=stage),
        change.rate("digitcam_batch_size_sum", stage=stage) / batches if batches else math.nan,
        change.rate("digitcam_work_seconds_sum", stage=stage) / here if here else 0.0,
        0 if math.isnan(waiting) else int(waiting),
        {why: change.rate("digitcam_drops_total", stage=stage, reason=why) for why in DROP_REASONS[stage]},
        change.quantile(0.5, "digitcam_age_seconds", stage=stage),
        change.quantile(0.99, "digitcam_age_seconds", stage=stage),
    )


def process_figures(change: Change, said: ProcessStatus) -> ProcessSummary:
    """One process's."""
    own = {one.name: one.value for one in said.samples if not one.labels}
    cpu = change.rate_of(said, "process_cpu_seconds_total") if "process_cpu_seconds_total" in own else math.nan
    return ProcessSummary(
        said.target.worker,
        bool(said.samples),
        said.ready,
        said.why,
        own.get("digitcam_heartbeat_age_seconds", math.nan),
        cpu,
        own.get("process_resident_memory_bytes", math.nan),
    )
