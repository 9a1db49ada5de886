"""digitcam bench: its options, its output, and how a disturbed bench ends."""

import json
from typing import Any

import pytest

from benchmarks import command, pipeline
from benchmarks.pipeline import BenchPlan
from benchmarks.trust import DisturbedError


def test_bench_prints_one_json_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    plans: list[BenchPlan] = []

    def bench(plan: BenchPlan) -> dict[str, Any]:
        plans.append(plan)
        return {"fps": 30.0, "drops": {"inference stale": 2}}

    monkeypatch.setattr(pipeline, "bench_pipeline", bench)
    words = "pipeline --cameras 12 --fps 25 --seconds 20 --inference 2 --digits 5 --json"
    assert command.main(words.split(" ")) == 0
    assert json.loads(capsys.readouterr().out) == {"fps": 30.0, "drops": {"inference stale": 2}}
    assert plans == [BenchPlan(cameras=12, fps=25.0, seconds=20, inference=2, preprocess=1, digits=5)]
    assert command.main(["pipeline"]) == 0
    assert capsys.readouterr().out == "fps: 30.0\ndrops:\n  inference stale: 2\n"


def test_bench_that_measures_nothing_prints_the_reason_instead_of_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bench(plan: BenchPlan) -> dict[str, Any]:
        raise DisturbedError("the pipeline exited: its log is empty")

    monkeypatch.setattr(pipeline, "bench_pipeline", bench)
    assert command.main(["pipeline", "--json"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "digitcam bench: the pipeline exited: its log is empty\n"


def test_disturbed_bench_prints_its_figures_and_that_they_are_untrusted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disturbed = {"fps": 20.0, "others": 0.3, "untrusted": "other processes used 30% of the cores"}
    monkeypatch.setattr(pipeline, "bench_pipeline", lambda plan: disturbed)
    assert command.main(["pipeline", "--json"]) == command.UNTRUSTED == 3
    printed = capsys.readouterr()
    assert json.loads(printed.out) == disturbed
    assert printed.err == ("digitcam bench: untrusted, disturbed in every try: other processes used 30% of the cores\n")


@pytest.mark.parametrize("option", ["--cameras 0", "--fps 500", "--fps nan", "--digits 21", "--seconds x", "--speed 1"])
def test_option_out_of_range_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(["pipeline", *option.split()])
    assert end.value.code == 2
    assert option.split(maxsplit=1)[0] in capsys.readouterr().err
