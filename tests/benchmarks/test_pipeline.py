"""A real pipeline on recorded cameras is measured for a moment. Its figures are only checked for consistency."""

from pathlib import Path

import pytest

from benchmarks import trust
from benchmarks.bench_films import make_film
from benchmarks.launcher import launch_pipeline, write_procfile
from benchmarks.measurement import check_run, measure_pipeline
from benchmarks.pipeline import BenchPlan, make_report


@pytest.mark.slow
def test_every_due_frame_of_a_measured_pipeline_is_accounted_for(films: Path) -> None:
    plan = BenchPlan(cameras=2, fps=10, seconds=2)
    with launch_pipeline([make_film(film, films) for film in plan.films()], workers={"inference": 1}) as pipeline:
        run = measure_pipeline(pipeline, plan.films(), plan.seconds)
    for account in run.accounts.values():
        assert account.due == 20
        assert account.read + account.dropped + account.unsent + account.unseen == 20
    result = make_report(plan, run, bare_fps=100.0)
    assert result["read_share"] > 0
    assert 0 < result["age_p50_ms"] <= result["age_p99_ms"] < 10_000
    assert {"capture", "queue", "preprocess", "inference", "display", "parents"} <= set(result["rss_mb"])
    assert all(result["cpu_ms_per_frame"][stage] > 0 for stage in ("capture", "queue", "preprocess", "inference"))
    assert result["batches"]["inference"]["mean_size"] >= 1
    assert 0 < result["start_s"] < 60
    with pytest.raises(trust.DisturbedError):  # 40 frames are too few for a 99th percentile
        check_run(run)


def test_pipeline_that_exits_is_a_disturbed_measurement(tmp_path: Path) -> None:
    with (
        launch_pipeline([tmp_path / "nowhere.avi"]) as pipeline,
        pytest.raises(trust.DisturbedError, match=r"the pipeline exited: .*nowhere.avi does not exist"),
    ):
        measure_pipeline(pipeline, BenchPlan(cameras=1).films(), 1)


def test_line_of_the_procfile_can_be_replaced(tmp_path: Path) -> None:
    write_procfile(tmp_path / "Procfile", {"inference": "exec python -m benchmarks.slow_inference"})
    lines = dict(line.split(": ", 1) for line in (tmp_path / "Procfile").read_text().splitlines())
    assert lines["inference"] == "exec python -m benchmarks.slow_inference"
    assert lines["queue"] == "digitcam run queue"
