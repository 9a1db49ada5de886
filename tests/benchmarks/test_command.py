"""digitcam bench: what is typed, what is printed, and how a bench that cannot be trusted ends."""

import json
from typing import Any

import pytest

from benchmarks import command, pipeline
from benchmarks.pipeline import Plan
from benchmarks.trust import UntrustedError


def test_a_bench_prints_one_json_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Plan] = []

    def bench(plan: Plan) -> dict[str, Any]:
        asked.append(plan)
        return {"fps": 30.0, "drops": {"inference stale": 2}}

    monkeypatch.setattr(pipeline, "bench", bench)
    typed = "pipeline --cameras 12 --fps 25 --seconds 20 --inference 2 --digits 5 --json"
    assert command.main(typed.split(" ")) == 0
    assert json.loads(capsys.readouterr().out) == {"fps": 30.0, "drops": {"inference stale": 2}}
    assert asked == [Plan(cameras=12, fps=25.0, seconds=20, inference=2, preprocess=1, digits=5)]
    assert command.main(["pipeline"]) == 0
    assert capsys.readouterr().out == "fps: 30.0\ndrops:\n  inference stale: 2\n"


def test_a_bench_that_cannot_be_trusted_prints_no_figure_but_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bench(plan: Plan) -> dict[str, Any]:
        raise UntrustedError("other processes had 30% of the cores: stop them and try again.")

    monkeypatch.setattr(pipeline, "bench", bench)
    assert command.main(["pipeline", "--json"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "digitcam bench: other processes had 30% of the cores: stop them and try again.\n"


@pytest.mark.parametrize("wrong", ["--cameras 0", "--fps 500", "--fps nan", "--digits 21", "--seconds x", "--speed 1"])
def test_what_cannot_be_measured_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(["pipeline", *wrong.split()])
    assert end.value.code == 2
    assert wrong.split(maxsplit=1)[0] in capsys.readouterr().err
