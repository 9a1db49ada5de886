"""digitcam bench all: what is disturbed is tried again, then named; the other parts still count."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import command, everything, pipeline, scale
from benchmarks.everything import TRIES, Session, measure_scale
from benchmarks.pipeline import Plan
from benchmarks.trust import UntrustedError
from tests.benchmarks.results import make_results


def test_a_part_that_was_disturbed_is_tried_again() -> None:
    tries: list[int] = []

    def part() -> str:
        tries.append(1)
        if len(tries) < TRIES:
            raise UntrustedError("other processes had 30% of the cores.")
        return "result"

    session = Session()
    assert session.try_part("part", part) == ["result"]
    assert session.disturbed == {}


def test_a_part_that_is_always_disturbed_is_named_with_the_reason() -> None:
    def part() -> str:
        raise UntrustedError("other processes had 30% of the cores.")

    session = Session()
    assert session.repeat("part", part) == []
    assert session.disturbed == {"part": "other processes had 30% of the cores."}


def test_the_most_that_fits_is_looked_for_between_the_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    def bench(plan: Plan) -> dict[str, Any]:
        fits = (plan.cameras <= 13 and plan.inference == 2) or plan.cameras <= 4
        figures = dict.fromkeys(scale.COLUMNS, 0.0)
        good = {"read_share": 1.0 if fits else 0.5, "age_p99_ms": 50.0, "cameras": plan.cameras}
        return figures | good | {"cpu_ms_per_frame": {}, "batches": {"inference": {"mean_size": 1.0}}}

    monkeypatch.setattr(pipeline, "bench", bench)
    rows = measure_scale(Session(), scale.CAMERAS, scale.WORKERS)
    assert scale.find_most(rows, 100) == (13, 2)
    tried = [row["cameras"] for row in rows if row["inference"] == 2]
    assert tried == [1, 2, 4, 8, 16, 32, 12, 14, 13]
    assert [row["cameras"] for row in rows if row["inference"] == 1] == [1, 2, 4, 8, 16, 32, 6, 5]  # looked for, too


def test_what_was_measured_is_written_also_where_a_part_was_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = make_results() | {"disturbed": {"overload": "other processes had 30% of the cores."}}
    monkeypatch.setattr(everything, "bench", lambda: results)
    assert command.main(["all", "--write", str(tmp_path)]) == 1
    assert "overload: other processes had 30% of the cores." in capsys.readouterr().err
    assert (tmp_path / "benchmarks.md").is_file()
