"""digitcam bench, as the console script passes it on."""

import pytest

from benchmarks import command
from digitcam import __main__


def test_all_that_follows_bench_is_passed_on_options_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def bench(arguments: list[str]) -> int:
        asked.append(arguments)
        return 3

    monkeypatch.setattr(command, "main", bench)
    assert __main__.main(["bench", "pipeline", "--cameras", "2", "--json"]) == 3
    assert __main__.main(["bench", "--help"]) == 3
    assert asked == [["pipeline", "--cameras", "2", "--json"], ["--help"]]


def test_bench_without_a_bench_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        __main__.main(["bench", "--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("pipeline", "overload", "inference", "peers", "scale", "all"))
