"""A real pipeline on recorded cameras is measured for a moment. Its figures are only checked for consistency."""

from pathlib import Path

import pytest

from benchmarks import trust
from benchmarks.bench_films import make_film
from benchmarks.launcher import launch_pipeline, write_procfile
from benchmarks.measurement import measure_pipeline
from benchmarks.pipeline import BenchPlan, compare_with_bare_loop, make_report, measure_plan


@pytest.mark.slow
def test_every_due_frame_of_a_measured_pipeline_is_accounted_for(films: Path) -> None:
    plan = BenchPlan(cameras=2, fps=10, seconds=2)
    with launch_pipeline([make_film(film, films) for film in plan.films()], workers={"inference": 1}) as pipeline:
        run = measure_pipeline(pipeline, plan.films(), plan.seconds)
    for account in run.accounts.values():
        assert account.due == 20
        assert account.read + account.dropped + account.unsent + account.unseen == 20
    result = make_report(plan, run)
    assert result["read_share"] > 0
    assert 0 < result["age_p50_ms"] <= result["age_p99_ms"] < 10_000
    assert {"capture", "queue", "preprocess", "inference", "display", "parents"} <= set(result["rss_mb"])
    assert all(result["cpu_ms_per_frame"][stage] > 0 for stage in ("capture", "queue", "preprocess", "inference"))
    assert result["batches"]["inference"]["mean_size"] >= 1
    assert 0 < result["start_s"] < 60
    cpu_ms = sum(ms for process, ms in result["cpu_ms_per_frame"].items() if process != "bench")
    assert result["cpu_ms_per_frame_total"] == pytest.approx(cpu_ms, abs=0.01)
    assert 0 <= result["others"] <= 1
    assert "and a 99th percentile needs 200" in result["untrusted"]  # 40 frames


def test_pipeline_is_compared_with_a_bare_loop_on_each_core() -> None:
    report = {"fps": 300.0, "cores": 2, "cpu_ms_per_frame_total": 5.0}
    expected = {"bare_fps": 400.0, "efficiency": 0.375, "cpu_efficiency": 0.5}
    assert compare_with_bare_loop(report, 400.0) == expected


def test_load_with_too_few_frames_is_refused_at_once() -> None:
    with pytest.raises(trust.DisturbedError, match="30 frames are due"):
        measure_plan(BenchPlan(cameras=1, fps=30, seconds=1))


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
