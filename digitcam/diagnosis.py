"""Finds what is wrong with a running pipeline and what to change, from its summary. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from shared.pipeline import WORKER_STAGES, CameraState, DropReason, Stage
from shared.telemetry.health import NotReady
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary

BUSY = 0.85  # share of the time; above it, uneven arrivals queue up
ACCEPTED_LOSS = 0.02  # share of a camera's frames that may be dropped without a finding
CROWDED = 0.9  # share of the cores in use above which another worker does not help
OVERLOADED = 1.0  # load of other programs per core above which our processes wait for them

REMEDIES = {
    NotReady.STARTING: "wait; if it takes more than a minute, read its log",
    NotReady.HUNG: "wait: its supervisor restarts it within 5 s; if it hangs again, read its log",
    NotReady.UNREACHABLE: (
        "read in its log why it ended. If it is suspended, end it: it restarts by itself. If it is not meant to run, "
        "delete its file in RUN_DIR/targets"
    ),
    NotReady.QUEUE_SILENT: "start the queue (honcho start), or set QUEUE to its address",
    NotReady.CELLS_SILENT: "start them, or set CELLS to their addresses",
    NotReady.NO_FRAMES: "read its log, and the findings about other processes",
    NotReady.CAMERA_ABSENT: "",  # the message says it
    NotReady.DENIED: "",  # as above
    NotReady.CAMERA_DOWN: "check that the camera is connected, has power and is used by no other program",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and its remedy, each half a sentence. The pipeline works without what is not needed."""

    problem: str
    remedy: str = ""  # empty if the problem already names it
    is_needed: bool = True

    def __str__(self) -> str:
        return f"{self.problem}: {self.remedy}" if self.remedy else self.problem


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that the pipeline runs on."""

    cores: int
    load: float  # processes that need a core, mean of the last minute


def diagnose(pipeline: PipelineSummary, machine: Machine) -> list[Finding]:
    """Return all findings, those that stop everything first."""
    if not pipeline.processes:
        return [Finding("the pipeline ended a moment ago", "read its last lines, then start it again")]
    return [
        *(finding for process in pipeline.processes for finding in check_process(process)),
        *(
            finding
            for stage in pipeline.stages
            if stage.name in WORKER_STAGES
            for finding in check_stage(stage, pipeline, machine)
        ),
        *check_cameras(pipeline, machine),
        *check_messages(pipeline),
        *check_webhook(pipeline),
    ]


def check_process(process: ProcessSummary) -> Iterator[Finding]:
    """Find a process that is not ready. Prometheus is optional, and its own log says what it lacks."""
    reason, message = process.readiness.reason, process.readiness.message
    if reason in REMEDIES:
        is_needed = reason is not NotReady.STARTING
        yield Finding(f"{process.name} is not ready ({message})", REMEDIES[reason], is_needed)


def check_stage(stage: StageSummary, pipeline: PipelineSummary, machine: Machine) -> Iterator[Finding]:
    """Find a stage that has no workers or is too slow."""
    late_per_s = sum(
        camera.drops_per_s.get(reason, 0.0)
        for camera in pipeline.cameras
        for reason in (DropReason.REPLACED, DropReason.STALE)
    )
    if stage.workers == 0:
        yield Finding(f"no {stage.name} worker runs, so nothing is read", f"start one: honcho start {stage.name}")
    elif stage.busy >= BUSY and (stage.waiting or late_per_s):
        waiting = f"{stage.waiting} {'camera waits' if stage.waiting == 1 else 'cameras wait'}"
        effect = waiting if stage.waiting else f"{late_per_s:.1f} frames a second are dropped before it"
        yield Finding(
            f"{stage.name} is busy {100 * stage.busy:.0f} % of the time and {effect}",
            choose_scaling(stage, pipeline, machine),
        )


def choose_scaling(stage: StageSummary, pipeline: PipelineSummary, machine: Machine) -> str:
    """Return how to get more out of a stage: another worker if there is a core for it."""
    if is_crowded(pipeline, machine):
        return (
            f"all {machine.cores} cores are in use, so another worker would not help: use fewer cameras, lower "
            f"LONG_SIDE_PX, or also start {stage.name} on another machine"
        )
    if is_overloaded(pipeline, machine):
        return "other programs use the cores; end some of them first"
    return f"start another worker: honcho start -c {stage.name}={(stage.workers or 0) + 1}"


def check_cameras(pipeline: PipelineSummary, machine: Machine) -> Iterator[Finding]:
    """Find cameras that are down, or that lose frames although no stage is busy."""
    explained = {process.name for process in pipeline.processes if process.readiness.reason in REMEDIES}
    for camera in pipeline.cameras:
        is_down = camera.state in {CameraState.DOWN, CameraState.FROZEN}
        if is_down and f"{Stage.CAPTURE}.{camera.name}" not in explained:
            symptom = "repeats the same picture" if camera.state == CameraState.FROZEN else "sends no pictures"
            yield Finding(f"{camera.name} {symptom}", "read the reason in its log; check its cable, power and network")
    losers = [camera for camera in pipeline.cameras if camera.loss > ACCEPTED_LOSS]
    if losers and is_overloaded(pipeline, machine):
        others = machine.load - count_used_cores(pipeline)
        yield Finding(
            f"other programs use this machine: {others:.1f} of them want its {machine.cores} cores", "end some of them"
        )
    if any(stage.busy >= BUSY for stage in pipeline.stages):
        return
    if losers and is_crowded(pipeline, machine):
        yield Finding(
            f"{len(pipeline.cameras)} cameras are too many for {machine.cores} cores: {len(losers)} lose frames",
            "use fewer, or #fps=10 after each, or lower LONG_SIDE_PX, or run some on another machine",
        )
        return
    for camera in losers:
        lost, all_frames = camera.all_drops_per_s, camera.ended_per_s
        yield Finding(
            f"{camera.name} loses {lost:.1f} of {all_frames:.1f} frames a second although no stage is busy",
            explain_drops(camera),
        )


def explain_drops(camera: CameraSummary) -> str:
    """Return the remedy for the most frequent reason of drops."""
    reason = max(camera.drops_per_s, key=lambda reason: camera.drops_per_s[reason])
    if reason == DropReason.STALE and camera.sent_age_s > camera.max_age_s / 2:
        return f"they are {camera.sent_age_s:.2f} s old when sent: check its network, or raise MAX_AGE_S"
    return {
        DropReason.MALFORMED: "it sends pictures that are not JPEGs: check its settings",
        DropReason.TOO_LARGE: "its pictures have too many pixels: choose a smaller size",
        DropReason.TOO_COSTLY: "its pictures take long to decode: choose baseline JPEG, a smaller size or fewer frames",
        DropReason.WORKER_LOST: "a worker ended while it held frames: read its log",
        DropReason.NO_QUEUE: "capture does not reach the queue: check QUEUE and the network",
        DropReason.REPLACED: "they come in bursts, or other programs use the cores",
        DropReason.STALE: "they wait too long; other programs may use the cores",
    }[reason]


def check_messages(pipeline: PipelineSummary) -> Iterator[Finding]:
    """Find that something unknown sends to the queue."""
    if pipeline.malformed_per_s:
        yield Finding(
            f"{pipeline.malformed_per_s:.1f} messages a second are malformed",
            "check what connects to QUEUE, and that all processes have the same version",
        )


def check_webhook(pipeline: PipelineSummary) -> Iterator[Finding]:
    """Find that the receiver of WEBHOOK does not take events. Reading goes on without it."""
    webhook = pipeline.webhook
    if webhook and webhook.waiting and webhook.failures:
        answer = f"answers {webhook.status}" if webhook.status else "does not answer"
        yield Finding(
            f"the receiver of WEBHOOK {answer}; events that wait for it: {webhook.waiting}",
            "check WEBHOOK, and that its receiver runs; they are kept for EVENTS_DAYS",
            is_needed=False,
        )
    if webhook and webhook.refused:
        yield Finding(
            f"the receiver of WEBHOOK refused events as invalid: {webhook.refused}",
            "/api/webhook lists them with its answers",
            is_needed=False,
        )


def count_used_cores(pipeline: PipelineSummary) -> float:
    """Return how many cores the pipeline uses."""
    return sum(process.cpu for process in pipeline.processes if not math.isnan(process.cpu))


def is_crowded(pipeline: PipelineSummary, machine: Machine) -> bool:
    """Return whether the pipeline itself uses nearly all cores."""
    return count_used_cores(pipeline) >= CROWDED * machine.cores


def is_overloaded(pipeline: PipelineSummary, machine: Machine) -> bool:
    """Return whether other programs want the cores that the pipeline leaves idle."""
    others = machine.load - count_used_cores(pipeline)
    return others > OVERLOADED * machine.cores and not is_crowded(pipeline, machine)
