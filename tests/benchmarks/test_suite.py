"""digitcam bench all: a disturbed part is retried, then named; the other parts still count."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import command, scale, suite
from benchmarks.pipeline import BenchPlan
from benchmarks.suite import TRIES, BenchSession, measure_scale
from benchmarks.trust import DisturbedError
from tests.benchmarks.results import make_results


def test_disturbed_part_is_retried() -> None:
    tries: list[int] = []

    def part() -> str:
        tries.append(1)
        if len(tries) < TRIES:
            raise DisturbedError("other processes used 30% of the cores.")
        return "result"

    session = BenchSession()
    assert session.try_part("part", part) == ["result"]
    assert session.disturbed == {}


def test_part_that_is_always_disturbed_is_named_with_the_reason() -> None:
    def part() -> str:
        raise DisturbedError("other processes used 30% of the cores.")

    session = BenchSession()
    assert session.repeat_part("part", part) == []
    assert session.disturbed == {"part": "other processes used 30% of the cores."}


def test_largest_load_that_fits_is_searched_between_the_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    def bench(plan: BenchPlan) -> dict[str, Any]:
        fits = (plan.cameras <= 13 and plan.inference == 2) or plan.cameras <= 4
        figures = dict.fromkeys(scale.COLUMNS, 0.0)
        good = {"read_share": 1.0 if fits else 0.5, "age_p99_ms": 50.0, "cameras": plan.cameras}
        return figures | good | {"cpu_ms_per_frame": {}, "batches": {"inference": {"mean_size": 1.0}}}

    monkeypatch.setattr(scale, "bench_pipeline", bench)
    rows = measure_scale(BenchSession(), scale.CAMERAS, scale.WORKERS)
    assert scale.find_most_cameras(rows, 100) == (13, 2)
    tried = [row["cameras"] for row in rows if row["inference"] == 2]
    assert tried == [1, 2, 4, 8, 16, 32, 12, 14, 13]
    assert [row["cameras"] for row in rows if row["inference"] == 1] == [1, 2, 4, 8, 16, 32, 6, 5]  # searched, too


def test_results_are_written_even_if_a_part_was_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = make_results() | {"disturbed": {"overload": "other processes used 30% of the cores."}}
    monkeypatch.setattr(suite, "bench_all", lambda: results)
    assert command.main(["all", "--write", str(tmp_path)]) == 1
    assert "overload: other processes used 30% of the cores." in capsys.readouterr().err
    assert (tmp_path / "benchmarks.md").is_file()
