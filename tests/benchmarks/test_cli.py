"""The console script passes `digitcam bench` and its options on."""

import pytest

from benchmarks import command
from digitcam import __main__


def test_every_word_after_bench_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[list[str]] = []

    def bench(arguments: list[str]) -> int:
        received.append(arguments)
        return 3

    monkeypatch.setattr(command, "main", bench)
    assert __main__.main(["bench", "pipeline", "--cameras", "2", "--json"]) == 3
    assert __main__.main(["bench", "--help"]) == 3
    assert received == [["pipeline", "--cameras", "2", "--json"], ["--help"]]


def test_help_lists_the_benches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        __main__.main(["bench", "--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert all(
        name in printed for name in ("pipeline", "overload", "inference", "peers", "web", "queue", "scale", "all")
    )
