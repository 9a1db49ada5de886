"""What is wrong with a pipeline that runs, and what to change: sentences out of figures. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from shared.pipeline import WORKER_STAGES, CameraState, DropReason, Stage
from shared.telemetry.health import HUNG_AFTER_S
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary

BUSY = 0.85  # of its time; from here on work piles up whenever it comes unevenly
LOST = 0.02  # share of its frames that a camera may lose before it is worth a sentence
CROWDED = 0.9  # share of the cores in use from which on another worker helps nobody
OTHERS = 1.5  # programs that want each core from which on ours wait for them


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and what to do about it: half a sentence each. Without what is not needed all works."""

    wrong: str
    remedy: str
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Machine:
    """What the pipeline runs on: its cores, and how many programs want one (the load of the last minute)."""

    cores: int
    load: float


def diagnose(figures: PipelineSummary, machine: Machine) -> list[Finding]:
    """All that is wrong, what stops everything first."""
    return [
        *(finding for process in figures.processes for finding in of_process(process)),
        *(
            finding
            for stage in figures.stages
            if stage.name in WORKER_STAGES
            for finding in of_stage(stage, figures, machine)
        ),
        *(finding for camera in figures.cameras for finding in of_camera(camera, figures)),
        *of_machine(figures, machine),
        *of_messages(figures),
    ]


def of_process(process: ProcessSummary) -> Iterator[Finding]:
    """A process that does not answer, hangs, or is kept from its work."""
    if not process.answers:
        yield Finding(
            f"{process.name} does not answer",
            "its log says why it ended; if it is stopped, end it: it starts again; if it is not meant to run, remove "
            "its file in RUN_DIR/targets",
        )
    elif process.heartbeat_age_s > HUNG_AFTER_S:
        yield Finding(f"{process.name} hangs: {process.why}", "end that process; it starts again by itself")
    elif not process.ready and not process.name.startswith(Stage.PROMETHEUS):  # a convenience, which has said so itself
        yield Finding(f"{process.name} can't work: {process.why}", remedy_of(process.why))


def remedy_of(why: str) -> str:
    """What to do about a process that is not ready."""
    if "queue does not answer" in why:
        return "start the queue (honcho start), or set QUEUE to where it is"
    if "camera is" in why:
        return "see that the camera is there, has power and is used by no other program"
    return "read its log"


def of_stage(stage: StageSummary, figures: PipelineSummary, machine: Machine) -> Iterator[Finding]:
    """A stage without workers, or one that is too slow for what comes."""
    if stage.workers == 0:
        yield Finding(f"there is no {stage.name} worker, so nothing is read", f"start one: honcho start {stage.name}")
    elif stage.busy >= BUSY and (stage.waiting or lost(figures)):
        waits = f"{stage.waiting} camera{'s wait' if stage.waiting != 1 else ' waits'}"
        said = waits if stage.waiting else f"{lost(figures):.1f} frames a second are dropped before it"
        yield Finding(
            f"{stage.name} is {stage.busy:.0%} busy and {said}".replace("%", " %"), more(stage, figures, machine)
        )


def lost(figures: PipelineSummary) -> float:
    """Frames a second that were dropped because a stage had no time for them; most of them are not even sent."""
    return sum(
        camera.drops.get(DropReason.REPLACED, 0.0) + camera.drops.get(DropReason.STALE, 0.0)
        for camera in figures.cameras
    )


def more(stage: StageSummary, figures: PipelineSummary, machine: Machine) -> str:
    """How to get more out of a stage: another worker, as long as there is a core for it."""
    if is_crowded(figures, machine):
        return (
            f"all {machine.cores} cores are in use, so one more would help nobody: take fewer cameras, set "
            f"LONG_SIDE_PX lower, or start {stage.name} on another machine too"
        )
    if are_others(figures, machine):
        return "other programs have the cores, so end some of them first"
    return f"start one more: honcho start -c {stage.name}={(stage.workers or 0) + 1}"


def is_crowded(figures: PipelineSummary, machine: Machine) -> bool:
    """Whether the pipeline itself uses all cores. What the operating system does not say counts as nothing."""
    used = sum(process.cpu for process in figures.processes if not math.isnan(process.cpu))
    return used >= CROWDED * machine.cores


def of_camera(camera: CameraSummary, figures: PipelineSummary) -> Iterator[Finding]:
    """A camera that is down, or loses frames although no stage is too slow."""
    if camera.state in {CameraState.DOWN, CameraState.FROZEN}:
        what = "repeats the same picture" if camera.state == CameraState.FROZEN else "gives no pictures"
        yield Finding(f"{camera.name} {what}", "its line in the log says why; look at its cable, power and network")
    frames, is_slow = camera.lost + camera.reads, any(stage.busy >= BUSY for stage in figures.stages)
    if camera.lost > LOST * frames and not is_slow:
        yield Finding(
            f"{camera.name} loses {camera.lost:.1f} of its {frames:.1f} frames a second, though no stage is busy",
            why_lost(camera),
        )


def why_lost(camera: CameraSummary) -> str:
    """The remedy for the reason that costs most frames."""
    reason = max(camera.drops, key=lambda reason: camera.drops[reason])
    if reason == DropReason.STALE and camera.sent_age_s > camera.max_age_s / 2:
        return f"they are {camera.sent_age_s:.2f} s old when they are sent: look at its network, or raise MAX_AGE_S"
    return {
        DropReason.MALFORMED: "it sends pictures that are no JPEGs; look at its settings",
        DropReason.TOO_LARGE: "its pictures have too many pixels; set it to a smaller size",
        DropReason.WORKER_LOST: "a worker ended with frames in its hands; its log says why",
        DropReason.NO_QUEUE: "capture does not reach the queue; look at QUEUE and the network",
        DropReason.REPLACED: "they come in bursts, or other programs keep the workers from the cores",
        DropReason.STALE: "they wait too long; other programs may keep the workers from the cores",
    }[reason]


def are_others(figures: PipelineSummary, machine: Machine) -> bool:
    """Whether other programs want the cores that the pipeline does not have."""
    return machine.load > OTHERS * machine.cores and not is_crowded(figures, machine)


def of_machine(figures: PipelineSummary, machine: Machine) -> Iterator[Finding]:
    """Other programs that want the cores."""
    if are_others(figures, machine):
        yield Finding(
            f"other programs use this machine: {machine.load:.1f} want its {machine.cores} cores", "end some of them"
        )


def of_messages(figures: PipelineSummary) -> Iterator[Finding]:
    """Something that talks to the queue and is none of ours."""
    if figures.malformed:
        yield Finding(
            f"{figures.malformed:.1f} messages a second are none of ours",
            "see who connects to QUEUE, and that all processes have the same version",
        )
