"""The page is written only with all data, or where --out says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from training.evaluate import __main__ as evaluate
from training.evaluate.figures import Figure


@pytest.fixture(autouse=True)
def _one_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one figure is measured, and MNIST can't be downloaded."""

    def fail(*_: object) -> None:
        raise SystemExit("MNIST can't be downloaded from here")

    def measure(*_: object) -> Iterator[Figure]:
        yield Figure("MNIST test", "blog", "accuracy", 0.99, 100)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluate, "load_mnist", fail)
    monkeypatch.setattr(evaluate, "measure_networks", measure)
    monkeypatch.setattr(evaluate, "measure_recognizers", lambda _: iter(()))


def test_missing_data_is_named_and_the_page_is_not_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    evaluate.main(["--photographs", "my/photos", "more/photos"])
    printed = capsys.readouterr()
    assert printed.out.startswith("MNIST test")
    assert "labelled photographs (--photographs FOLDER): expected at my/photos/manifest.jsonl" in printed.err
    assert "expected at more/photos/manifest.jsonl" in printed.err
    assert "the hand-held clip (--photographs FOLDER): expected at my/photos/handheld.mp4" in printed.err
    assert "MNIST can't be downloaded from here" in printed.err
    assert "docs/accuracy.md is not written" in printed.err
    assert not (tmp_path / "docs").exists()


def test_page_is_written_where_out_says() -> None:
    evaluate.main(["--out", "page.md", "--json"])
    assert "| MNIST test | blog | accuracy | 0.99, n = 100 |" in Path("page.md").read_text()


def test_page_is_written_with_all_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "find_missing", lambda _: [])
    evaluate.main([])
    assert "0.99, n = 100" in Path("docs/accuracy.md").read_text()
