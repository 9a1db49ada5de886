"""Figures in, sentences out: what is wrong, and what to change."""

import math
from dataclasses import replace
from typing import Any

import pytest

from digitcam.diagnosis import Machine, diagnose
from shared.pipeline import DropReason
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary

ROOMY = Machine(cores=8, load=1.0)
NONE = dict[DropReason, float].fromkeys(DropReason, 0.0)
CAMERA = CameraSummary("hall", "live", 30.0, 30.0, NONE, 0.005, 0.03, 0.06, 0.15)
STAGES = {
    name: StageSummary(name, 1, 30.0, 1.0, 0.2, 0, {}, 0.01, 0.02)
    for name in ("capture", "queue", "preprocess", "inference", "display")
}
PROCESS = ProcessSummary(
    "inference.1", answers=True, ready=True, why="", heartbeat_age_s=0.1, cpu=0.5, memory_bytes=1e8
)
WELL = PipelineSummary((CAMERA,), tuple(STAGES.values()), (PROCESS,), 0.0)


def with_stage(name: str, **changes: Any) -> PipelineSummary:
    return replace(WELL, stages=tuple((STAGES | {name: replace(STAGES[name], **changes)}).values()))


def with_camera(**changes: Any) -> PipelineSummary:
    return replace(WELL, cameras=(replace(CAMERA, **changes),))


def with_process(**changes: Any) -> PipelineSummary:
    return replace(WELL, processes=(replace(PROCESS, **changes),))


def drops(reason: str) -> dict[str, Any]:
    return {"drops": NONE | {reason: 10.0}, "reads": 20.0}


CROWDED = replace(with_stage("inference", busy=0.99, waiting=2), processes=(replace(PROCESS, cpu=7.9),))


@pytest.mark.parametrize(
    ("figures", "machine", "wrong", "remedy"),
    [
        (
            with_stage("preprocess", busy=0.96, waiting=3),
            ROOMY,
            "preprocess is 96 % busy and 3 cameras wait",
            "start one more: honcho start -c preprocess=2",
        ),
        (
            replace(
                with_stage("inference", busy=0.9, workers=2),
                cameras=(replace(CAMERA, drops=NONE | {DropReason.STALE: 4.0, DropReason.REPLACED: 1.0}),),
            ),
            ROOMY,
            "inference is 90 % busy and 5.0 frames a second are dropped before it",
            "start one more: honcho start -c inference=3",
        ),
        (CROWDED, ROOMY, "inference is 99 % busy and 2 cameras wait", "all 8 cores are in use"),
        (with_stage("inference", workers=0), ROOMY, "there is no inference worker", "honcho start inference"),
        (with_camera(state="down"), ROOMY, "hall gives no pictures", "its line in the log"),
        (with_camera(state="frozen"), ROOMY, "hall repeats the same picture", "its line in the log"),
        (with_camera(**drops("malformed")), ROOMY, "hall loses 10.0 of its 30.0 frames a second", "no JPEGs"),
        (with_camera(**drops("stale")), ROOMY, "though no stage is busy", "other programs"),
        (with_camera(**drops("stale"), sent_age_s=0.3), ROOMY, "hall loses", "0.30 s old when they are sent"),
        (with_process(answers=False), ROOMY, "inference.1 does not answer", "its log"),
        (
            with_process(heartbeat_age_s=9.0, why="its loop turned 9.0 s ago"),
            ROOMY,
            "inference.1 hangs: its loop",
            "end",
        ),
        (with_process(ready=False, why="the queue does not answer"), ROOMY, "the queue does not answer", "QUEUE"),
        (WELL, Machine(cores=8, load=20.0), "other programs use this machine: 20.0 want its 8 cores", "end some"),
        (replace(WELL, malformed=3.0), ROOMY, "3.0 messages a second are none of ours", "QUEUE"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_change(
    figures: PipelineSummary, machine: Machine, wrong: str, remedy: str
) -> None:
    (finding,) = diagnose(figures, machine)
    assert wrong in finding.wrong
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    "figures",
    [
        WELL,
        with_stage("inference", busy=0.99),  # busy, and nothing is lost by it
        with_camera(drops=NONE | {DropReason.STALE: 0.3}),  # one frame in a hundred
        with_process(cpu=math.nan, memory_bytes=math.nan),  # no Linux
        with_camera(state="live", age_p50_s=math.nan, sent_age_s=math.nan),
    ],
)
def test_nothing_is_said_where_all_is_well(figures: PipelineSummary) -> None:
    assert diagnose(figures, ROOMY) == []


def test_what_stops_everything_is_said_first() -> None:
    figures = replace(
        with_stage("inference", workers=0),
        processes=(replace(PROCESS, answers=False),),
        cameras=(replace(CAMERA, state="down"),),
    )
    assert [finding.wrong.split()[0] for finding in diagnose(figures, ROOMY)] == ["inference.1", "there", "hall"]


def test_no_worker_is_advised_where_other_programs_have_the_cores() -> None:
    findings = diagnose(with_stage("inference", busy=0.9, waiting=2), Machine(cores=2, load=9.0))
    assert [finding.remedy for finding in findings] == [
        "other programs have the cores, so end some of them first",
        "end some of them",
    ]
