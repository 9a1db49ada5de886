"""digitcam bench all: a disturbed measurement is retried, a part that fails is named; the other parts still count."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import command, scale, suite
from benchmarks.pipeline import BenchPlan
from benchmarks.suite import BenchSession, measure_scale
from benchmarks.trust import DisturbedError
from tests.benchmarks.results import make_results


def test_part_that_fails_is_named_with_the_reason() -> None:
    def part() -> str:
        raise DisturbedError("the pipeline exited: its log is empty")

    session = BenchSession()
    assert session.repeat_part("part", part) == []
    assert session.failed == {"part": "the pipeline exited: its log is empty"}


def test_disturbed_measurement_is_not_repeated_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    results = iter({"others": share, "untrusted": "disturbed"} for share in (0.3, 0.2, 0.4, 0.5))
    session = BenchSession()
    assert session.retry(lambda: next(results))["others"] == 0.2
    monkeypatch.setattr(suite, "RETRY_UNTIL_S", -1)
    assert session.retry(lambda: next(results))["others"] == 0.5


def test_largest_load_that_fits_is_searched_between_the_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    def bench(plan: BenchPlan) -> dict[str, Any]:
        fits = (plan.cameras <= 13 and plan.inference == 2) or plan.cameras <= 4
        figures = dict.fromkeys(scale.COLUMNS, 0.0) | {"untrusted": ""}
        good = {"read_share": 1.0 if fits else 0.5, "age_p99_ms": 50.0, "cameras": plan.cameras}
        cost = {"cpu_ms_per_frame": {"queue": 0.5, "capture": 0.7}, "cpu_ms_per_frame_total": 4.0}
        return figures | good | cost | {"batches": {"inference": {"mean_size": 1.0}}}

    monkeypatch.setattr(scale, "measure_plan", bench)
    rows = measure_scale(BenchSession(), scale.CAMERAS, scale.WORKERS)
    assert scale.find_most_cameras(rows, 60) == (13, 2)
    assert rows[0]["queue_share"] == 0.125
    tried = [row["cameras"] for row in rows if row["inference"] == 2]
    assert tried == [1, 4, 8, 16, 32, 64, 12, 14, 13]
    assert [row["cameras"] for row in rows if row["inference"] == 1] == [1, 4, 8, 16, 32, 64, 6, 5]  # searched, too


def test_results_are_written_even_if_a_part_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = make_results() | {"failed": {"overload": "the pipeline exited: its log is empty"}}
    monkeypatch.setattr(suite, "bench_all", lambda: results)
    assert command.main(["all", "--write", str(tmp_path)]) == 1
    assert "overload: the pipeline exited: its log is empty" in capsys.readouterr().err
    assert (tmp_path / "benchmarks.md").is_file()
