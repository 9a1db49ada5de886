"""A summary of the pipeline gives findings with remedies."""

import math
from dataclasses import replace
from typing import Any

import pytest

from digitcam.diagnosis import REMEDIES, Machine, diagnose
from shared.pipeline import FRAME_STAGES, CameraState, DropReason, Stage
from shared.telemetry.health import NotReady, ProbeResult
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary, WebhookSummary

ROOMY = Machine(cores=8, load=1.0)
NO_ANSWER = ProbeResult(NotReady.UNREACHABLE, "it does not answer")
NONE = dict[DropReason, float].fromkeys(DropReason, 0.0)
CAMERA = CameraSummary(
    name="hall",
    state=CameraState.LIVE,
    frames_per_s=30.0,
    readings_per_s=30.0,
    followed_per_s=0.0,
    drops_per_s=NONE,
    sent_age_s=0.005,
    age_p50_s=0.03,
    age_p99_s=0.06,
    max_age_s=0.15,
)
STAGES = {
    name: StageSummary(
        name=name,
        workers=1,
        frames_per_s=30.0,
        batch_size=1.0,
        busy=0.2,
        waiting=0,
        drops_per_s={},
        age_p50_s=0.01,
        age_p99_s=0.02,
    )
    for name in FRAME_STAGES
}
PROCESS = ProcessSummary(
    name="inference.1",
    answers=True,
    readiness=ProbeResult(None, ""),
    heartbeat_age_s=0.1,
    cpu=0.5,
    memory_bytes=1e8,
)
WELL = PipelineSummary(cameras=(CAMERA,), stages=tuple(STAGES.values()), processes=(PROCESS,), malformed_per_s=0.0)


def with_stage(name: Stage, **changes: Any) -> PipelineSummary:
    return replace(WELL, stages=tuple((STAGES | {name: replace(STAGES[name], **changes)}).values()))


def with_camera(**changes: Any) -> PipelineSummary:
    return replace(WELL, cameras=(replace(CAMERA, **changes),))


def with_process(**changes: Any) -> PipelineSummary:
    return replace(WELL, processes=(replace(PROCESS, **changes),))


def with_webhook(**changes: int) -> PipelineSummary:
    return replace(WELL, webhook=replace(WebhookSummary(waiting=0, refused=0, failures=0, status=0), **changes))


def drops(reason: DropReason) -> dict[str, Any]:
    return {"drops_per_s": NONE | {reason: 10.0}, "readings_per_s": 20.0}


CROWDED = replace(with_stage(Stage.INFERENCE, busy=0.99, waiting=2), processes=(replace(PROCESS, cpu=7.9),))


def test_pipeline_that_ended_while_it_was_watched_is_not_well() -> None:
    (finding,) = diagnose(replace(WELL, cameras=(), processes=()), ROOMY)
    assert finding.is_needed
    assert str(finding) == "the pipeline ended a moment ago: read its last lines, then start it again"


@pytest.mark.parametrize(
    ("pipeline", "machine", "problem", "remedy"),
    [
        (
            with_stage(Stage.PREPROCESS, busy=0.96, waiting=3),
            ROOMY,
            "preprocess is busy 96 % of the time and 3 cameras wait",
            "start another worker: honcho start -c preprocess=2",
        ),
        (
            replace(
                with_stage(Stage.INFERENCE, busy=0.9, workers=2),
                cameras=(replace(CAMERA, drops_per_s=NONE | {DropReason.STALE: 4.0, DropReason.REPLACED: 1.0}),),
            ),
            ROOMY,
            "inference is busy 90 % of the time and 5.0 frames a second are dropped before it",
            "start another worker: honcho start -c inference=3",
        ),
        (CROWDED, ROOMY, "inference is busy 99 % of the time and 2 cameras wait", "all 8 cores are in use"),
        (with_stage(Stage.INFERENCE, workers=0), ROOMY, "no inference worker runs", "honcho start inference"),
        (with_camera(state=CameraState.DOWN), ROOMY, "hall sends no pictures", "its log"),
        (with_camera(state=CameraState.FROZEN), ROOMY, "hall repeats the same picture", "its log"),
        (with_camera(**drops(DropReason.MALFORMED)), ROOMY, "hall loses 10.0 of 30.0 frames a second", "not JPEGs"),
        (with_camera(**drops(DropReason.STALE)), ROOMY, "although no stage is busy", "other programs"),
        (with_camera(**drops(DropReason.STALE), sent_age_s=0.3), ROOMY, "hall loses", "0.30 s old when sent"),
        (with_process(readiness=NO_ANSWER), ROOMY, "inference.1 is not ready (it does not answer)", "its log"),
        (
            with_process(readiness=ProbeResult(NotReady.HUNG, "its loop turned 9.0 s ago")),
            ROOMY,
            "inference.1 is not ready (its loop turned 9.0 s ago)",
            "its supervisor restarts it within 5 s",
        ),
        (
            with_process(readiness=ProbeResult(NotReady.QUEUE_SILENT, "the queue does not answer")),
            ROOMY,
            "the queue does not answer",
            "QUEUE",
        ),
        (replace(WELL, malformed_per_s=3.0), ROOMY, "3.0 messages a second are malformed", "QUEUE"),
        (
            with_webhook(waiting=3, failures=5, status=404),
            ROOMY,
            "WEBHOOK answers 404; events that wait for it: 3",
            "runs",
        ),
        (with_webhook(waiting=1, failures=1), ROOMY, "the receiver of WEBHOOK does not answer", "EVENTS_DAYS"),
        (
            with_webhook(refused=2, status=400),
            ROOMY,
            "the receiver of WEBHOOK refused events as invalid: 2",
            "lists them",
        ),
    ],
)
def test_each_problem_is_found_with_its_remedy(
    pipeline: PipelineSummary, machine: Machine, problem: str, remedy: str
) -> None:
    (finding,) = diagnose(pipeline, machine)
    assert problem in finding.problem
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    "pipeline",
    [
        WELL,
        with_stage(Stage.INFERENCE, busy=0.99),  # busy, but nothing is dropped
        with_camera(drops_per_s=NONE | {DropReason.STALE: 0.3}),  # one frame in a hundred
        with_process(cpu=math.nan, memory_bytes=math.nan),  # not on Linux
        with_process(readiness=ProbeResult(NotReady.NO_PROMETHEUS, "it is not installed")),  # it is optional
        with_camera(age_p50_s=math.nan, sent_age_s=math.nan),
        with_webhook(waiting=1, status=200),  # it is being posted
    ],
)
def test_healthy_pipeline_has_no_findings(pipeline: PipelineSummary) -> None:
    assert diagnose(pipeline, ROOMY) == []


@pytest.mark.parametrize("machine", [Machine(cores=8, load=20.0), Machine(cores=1, load=4.0)])
def test_load_of_other_programs_is_no_problem_while_no_frame_is_lost(machine: Machine) -> None:
    assert diagnose(WELL, machine) == []


def test_load_of_other_programs_is_named_if_frames_are_lost() -> None:
    findings = diagnose(with_camera(**drops(DropReason.STALE)), Machine(cores=8, load=20.0))
    assert findings[0].problem == "other programs use this machine: 19.5 of them want its 8 cores"


def test_too_many_cameras_are_one_finding() -> None:
    cameras = tuple(replace(CAMERA, name=f"demo.{n}", **drops(DropReason.STALE)) for n in range(60))
    pipeline = replace(WELL, cameras=cameras, processes=(replace(PROCESS, cpu=1.9),))
    (finding,) = diagnose(pipeline, Machine(cores=2, load=30.0))
    assert finding.problem == "60 cameras are too many for 2 cores: 60 lose frames"


def test_camera_whose_process_says_why_it_is_absent_is_named_once() -> None:
    absent = ProbeResult(NotReady.CAMERA_ABSENT, "the camera is absent: it refuses this user or password")
    pipeline = replace(
        with_camera(state=CameraState.DOWN),
        processes=(PROCESS, replace(PROCESS, name="capture.hall", readiness=absent)),
    )
    (finding,) = diagnose(pipeline, ROOMY)
    assert "it refuses this user or password" in finding.problem


def test_process_that_is_starting_is_no_failure() -> None:
    starting = with_process(readiness=ProbeResult(NotReady.STARTING, "it is starting"))
    assert [finding.is_needed for finding in diagnose(starting, ROOMY)] == [False]


def test_findings_that_stop_everything_come_first() -> None:
    pipeline = replace(
        with_stage(Stage.INFERENCE, workers=0),
        processes=(replace(PROCESS, readiness=NO_ANSWER),),
        cameras=(replace(CAMERA, state=CameraState.DOWN),),
    )
    assert [finding.problem.split()[0] for finding in diagnose(pipeline, ROOMY)] == ["inference.1", "no", "hall"]


def test_no_more_workers_are_advised_while_other_programs_use_the_cores() -> None:
    busy = with_stage(Stage.INFERENCE, busy=0.9, waiting=2)
    losing = replace(busy, cameras=(replace(CAMERA, **drops(DropReason.STALE)),))
    findings = diagnose(losing, Machine(cores=2, load=9.0))
    assert [finding.remedy for finding in findings] == [
        "other programs use the cores; end some of them first",
        "end some of them",
    ]


def test_every_reason_but_that_of_prometheus_has_a_remedy() -> None:
    assert set(NotReady) - set(REMEDIES) == {NotReady.NO_PROMETHEUS}
