"""Summarizes a pipeline between two scrapes: rates, ages and load of each camera, stage and process. Pure."""

import math
from dataclasses import dataclass

from shared.pipeline import DROP_REASONS, FRAME_STAGES, CameraState, DropReason, Stage
from shared.telemetry.health import ProbeResult
from shared.telemetry.rates import ScrapeInterval
from shared.telemetry.scraping import ProcessStatus, Scrape


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSummary:
    """One camera. Values are nan if nothing was measured."""

    name: str
    state: CameraState | None  # live, frozen or down; None if the queue does not report it
    frames_per_s: float
    readings_per_s: float
    followed_per_s: float  # frames that were not read, since their digits were followed
    drops_per_s: dict[DropReason, float]
    sent_age_s: float  # median age at which capture sends a frame
    age_p50_s: float  # at the display
    age_p99_s: float
    max_age_s: float  # older frames are dropped

    @property
    def all_drops_per_s(self) -> float:
        return sum(self.drops_per_s.values())

    @property
    def ended_per_s(self) -> float:
        """Frames that ended, in whatever way."""
        return self.readings_per_s + self.followed_per_s + self.all_drops_per_s

    @property
    def loss(self) -> float:
        """The share of its frames that are dropped, 0 to 1."""
        return self.all_drops_per_s / max(self.ended_per_s, 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSummary:
    """One stage. Ages are those at which its work begins."""

    name: Stage
    workers: int | None  # None if none runs here and no queue is here to know of others
    frames_per_s: float
    batch_size: float  # mean; nan if it has no batches
    busy: float  # share of the time that its workers work, 0 to 1
    waiting: int
    drops_per_s: dict[DropReason, float]
    age_p50_s: float
    age_p99_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSummary:
    """One process. Values are nan if the operating system does not report them."""

    name: str
    answers: bool
    readiness: ProbeResult
    heartbeat_age_s: float
    cpu: float  # cores
    memory_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSummary:
    """The receiver of WEBHOOK."""

    waiting: int  # events
    refused: int  # events, as invalid
    failures: int  # tries since it last took an event
    status: int  # HTTP status of its last answer, 0 if it gave none


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSummary:
    """The whole pipeline."""

    cameras: tuple[CameraSummary, ...]
    stages: tuple[StageSummary, ...]
    processes: tuple[ProcessSummary, ...]
    malformed_per_s: float  # messages
    webhook: WebhookSummary | None = None  # None without WEBHOOK


def summarize(before: Scrape, after: Scrape) -> PipelineSummary:
    """Summarize the time between two scrapes."""
    interval = ScrapeInterval(before, after)
    samples = (sample for process in after.processes for sample in process.samples)
    names = sorted({sample.labels["camera"] for sample in samples if "camera" in sample.labels})
    cameras = (summarize_camera(interval, name) for name in names)
    return PipelineSummary(
        cameras=tuple(one for one in cameras if one.state or one.frames_per_s),  # counters outlive their camera
        stages=tuple(summarize_stage(interval, stage) for stage in FRAME_STAGES),
        processes=tuple(summarize_process(interval, process) for process in after.processes),
        malformed_per_s=interval.rate("digitcam_malformed_total"),
        webhook=summarize_webhook(interval),
    )


def summarize_camera(interval: ScrapeInterval, name: str) -> CameraSummary:
    """Summarize one camera."""
    up, frozen = (interval.gauge(f"digitcam_camera_{state}", camera=name) for state in ("up", "frozen"))
    return CameraSummary(
        name=name,
        state=find_state(is_up=up, is_frozen=frozen),
        frames_per_s=interval.rate("digitcam_frames_total", camera=name, stage=Stage.QUEUE),
        readings_per_s=interval.rate("digitcam_readings_total", camera=name),
        followed_per_s=interval.rate("digitcam_followed_total", camera=name),
        drops_per_s={
            reason: interval.rate("digitcam_drops_total", camera=name, reason=reason) for reason in DropReason
        },
        sent_age_s=interval.quantile(0.5, "digitcam_age_seconds", camera=name, stage=Stage.CAPTURE),
        age_p50_s=interval.quantile(0.5, "digitcam_age_seconds", camera=name, stage=Stage.DISPLAY),
        age_p99_s=interval.quantile(0.99, "digitcam_age_seconds", camera=name, stage=Stage.DISPLAY),
        max_age_s=interval.gauge("digitcam_camera_max_age_seconds", camera=name),
    )


def find_state(is_up: float, is_frozen: float) -> CameraState | None:
    """Return the state of a camera by its gauges."""
    if math.isnan(is_up):
        return None
    if is_up:
        return CameraState.LIVE
    return CameraState.FROZEN if is_frozen else CameraState.DOWN


def summarize_stage(interval: ScrapeInterval, stage: Stage) -> StageSummary:
    """Summarize one stage."""
    here = sum(process.target.stage == stage for process in interval.after.processes if process.samples)
    everywhere = interval.gauge("digitcam_workers", stage=stage)  # the queue also knows workers on other machines
    batches_per_s = interval.rate("digitcam_batch_size_count", stage=stage)
    items_per_s = interval.rate("digitcam_batch_size_sum", stage=stage)
    waiting = interval.gauge("digitcam_waiting", stage=stage)
    reasons = DROP_REASONS[stage]
    return StageSummary(
        name=stage,
        workers=(here or None) if math.isnan(everywhere) else int(everywhere),
        frames_per_s=interval.rate("digitcam_frames_total", stage=stage),
        batch_size=items_per_s / batches_per_s if batches_per_s else math.nan,
        busy=interval.rate("digitcam_work_seconds_sum", stage=stage) / here if here else 0.0,
        waiting=0 if math.isnan(waiting) else int(waiting),
        drops_per_s={reason: interval.rate("digitcam_drops_total", stage=stage, reason=reason) for reason in reasons},
        age_p50_s=interval.quantile(0.5, "digitcam_age_seconds", stage=stage),
        age_p99_s=interval.quantile(0.99, "digitcam_age_seconds", stage=stage),
    )


def summarize_webhook(interval: ScrapeInterval) -> WebhookSummary | None:
    """Summarize the webhook; None if no process posts events."""
    waiting = interval.gauge("digitcam_webhook_events", state="waiting")
    if math.isnan(waiting):
        return None
    return WebhookSummary(
        waiting=int(waiting),
        refused=int(interval.gauge("digitcam_webhook_events", state="refused")),
        failures=int(interval.gauge("digitcam_webhook_failures")),
        status=int(interval.gauge("digitcam_webhook_status")),
    )


def summarize_process(interval: ScrapeInterval, process: ProcessStatus) -> ProcessSummary:
    """Summarize one process."""
    own = {sample.name: sample.value for sample in process.samples if not sample.labels}
    cpu_counter = "process_cpu_seconds_total"
    return ProcessSummary(
        name=process.target.worker,
        answers=bool(process.samples),
        readiness=process.readiness,
        heartbeat_age_s=own.get("digitcam_heartbeat_age_seconds", math.nan),
        cpu=interval.process_rate(process, cpu_counter) if cpu_counter in own else math.nan,
        memory_bytes=own.get("process_resident_memory_bytes", math.nan),
    )
