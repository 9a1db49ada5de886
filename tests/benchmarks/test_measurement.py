"""Figures of a run: drops are counted once, and only those of the measured time."""

from collections import Counter

import pytest

from benchmarks.counters import CounterKey
from benchmarks.measurement import PipelineRun, judge_run
from benchmarks.viewer import FrameAccount


def dropped(stage: str, reason: str) -> CounterKey:
    return "digitcam_drops_total", frozenset({("camera", "cam"), ("stage", stage), ("reason", reason)})


def make_run(account: FrameAccount, counted: dict[CounterKey, int], idle: float = 0.5) -> PipelineRun:
    return PipelineRun(
        accounts={"cam": account},
        seconds=10.0,
        start_s=1.0,
        cpu={},
        rss_bytes={},
        pss_bytes=0,
        watched_s=12.5,
        counted=Counter(counted),
        others=0.0,
        idle=idle,
    )


def test_drops_are_those_of_the_measured_time_and_not_counted_twice() -> None:
    account = FrameAccount(due=300, ages_s=(0.05,) * 250, dropped=20, unsent=30, unseen=0)
    run = make_run(account, {dropped("inference", "stale"): 25, dropped("capture", "replaced"): 10})
    assert run.drops() == {"inference stale": 20, "capture replaced": 8, "capture skipped": 22}
    assert run.skipped == pytest.approx(22 / 300)
    assert run.fps == 25
    assert run.share("read") == pytest.approx(250 / 300)


def test_cameras_that_are_late_on_an_idle_machine_disturb_the_measurement() -> None:
    late = FrameAccount(due=300, ages_s=(0.05,) * 270, dropped=0, unsent=30, unseen=0)
    assert "skipped 10.0% of their frames" in judge_run(make_run(late, {}))
    assert judge_run(make_run(late, {}, idle=0.0)) == ""
    assert judge_run(make_run(late, {dropped("capture", "replaced"): 38})) == ""  # the pipeline was too slow for them


def test_outcomes_are_shares_of_the_due_frames() -> None:
    run = make_run(FrameAccount(due=300, ages_s=(0.05,) * 250, outcomes={"read": 190, "unchanged": 60}), {})
    assert run.outcome_share("unchanged") == pytest.approx(0.2)
    assert run.outcome_share("followed") == 0
