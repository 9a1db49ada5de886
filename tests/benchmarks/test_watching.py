"""A run's figures: drops are counted once, whoever counted them, and are those of the measured time."""

from collections import Counter
from typing import Any

import pytest

from benchmarks.scrape import Sample
from benchmarks.trust import UntrustedError
from benchmarks.viewer import Account
from benchmarks.watching import Run, judge


def dropped(stage: str, reason: str) -> Sample:
    return "digitcam_drops_total", frozenset({("camera", "cam"), ("stage", stage), ("reason", reason)})


def make_run(account: Account, samples: dict[Sample, int], idle: float = 0.5) -> Run:
    watch: dict[str, Any] = {"seconds": 10.0, "watched_s": 12.5, "others": 0.0, "idle": idle}
    return Run({"cam": account}, start_s=1.0, cpu={}, rss_bytes={}, pss_bytes=0, samples=Counter(samples), **watch)


def test_drops_are_those_of_the_measured_time_and_what_capture_counted_was_not_left_out() -> None:
    account = Account(due=300, ages_s=(0.05,) * 250, dropped=20, unsent=30, unseen=0)
    run = make_run(account, {dropped("inference", "stale"): 25, dropped("capture", "replaced"): 10})
    assert run.drops() == {"inference stale": 20, "capture replaced": 8, "capture left out": 22}
    assert run.left_out == pytest.approx(22 / 300)
    assert run.fps == 25
    assert run.share("read") == pytest.approx(250 / 300)


def test_cameras_that_were_late_on_an_idle_machine_are_no_measurement() -> None:
    late = Account(due=300, ages_s=(0.05,) * 270, dropped=0, unsent=30, unseen=0)
    with pytest.raises(UntrustedError, match=r"left out 10\.0% of their pictures"):
        judge(make_run(late, {}))
    judge(make_run(late, {}, idle=0.0))
    judge(make_run(late, {dropped("capture", "replaced"): 38}))  # the pipeline took them from the camera too slowly
