"""A real pipeline on recorded cameras, measured for a moment; whether its figures are good is for another day."""

from pathlib import Path

import pytest

from benchmarks import trust
from benchmarks.bench_films import make_film
from benchmarks.pipeline import Plan, report
from benchmarks.running import running, write_procfile
from benchmarks.watching import judge, measure


@pytest.mark.slow
def test_a_pipeline_is_measured_and_every_picture_that_was_due_is_accounted_for(films: Path) -> None:
    plan = Plan(cameras=2, fps=10, seconds=2)
    with running([make_film(film, films) for film in plan.films()], {"inference": 1}) as pipeline:
        run = measure(pipeline, plan.films(), plan.seconds)
    for account in run.accounts.values():
        assert account.due == 20
        assert account.read + account.dropped + account.unsent + account.unseen == 20
    result = report(plan, run, bare_fps=100.0)
    assert result["read_share"] > 0
    assert 0 < result["age_p50_ms"] <= result["age_p99_ms"] < 10_000
    assert {"capture", "queue", "preprocess", "inference", "display", "parents"} <= set(result["rss_mb"])
    assert all(result["cpu_ms_per_frame"][stage] > 0 for stage in ("capture", "queue", "preprocess", "inference"))
    assert result["batches"]["inference"]["mean_size"] >= 1
    assert 0 < result["start_s"] < 60
    with pytest.raises(trust.UntrustedError):  # 40 pictures are no 99th percentile, whatever else may be wrong
        judge(run)


def test_a_pipeline_that_ends_by_itself_is_no_measurement(tmp_path: Path) -> None:
    with (
        running([tmp_path / "nowhere.avi"], {}) as pipeline,
        pytest.raises(trust.UntrustedError, match=r"ended by itself: .*nowhere.avi does not exist"),
    ):
        measure(pipeline, Plan(cameras=1).films(), 1)


def test_a_line_of_the_procfile_can_be_exchanged(tmp_path: Path) -> None:
    write_procfile(tmp_path / "Procfile", {"inference": "exec python -m benchmarks.slow_inference"})
    lines = dict(line.split(": ", 1) for line in (tmp_path / "Procfile").read_text().splitlines())
    assert lines["inference"] == "exec python -m benchmarks.slow_inference"
    assert lines["queue"] == "exec digitcam run queue"
