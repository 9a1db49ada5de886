"""A worker's scrape target is written as soon as there is room for it, and nothing waits for it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.service import lifecycle
from shared.service.lifecycle import keep_scrape_target
from tests.pipeline.pipeline import wait_for


@contextmanager
def kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lifecycle, "REWRITE_TARGET_S", 0.02)
    is_over = threading.Event()
    keeper = threading.Thread(target=keep_scrape_target, args=(path, 1234, {"worker": "queue.1"}, is_over))
    keeper.start()
    yield
    is_over.set()
    keeper.join()


def test_target_that_another_process_deleted_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "targets" / "queue.1.json"
    with kept(path, monkeypatch):
        wait_for(path.exists)
        path.unlink()
        wait_for(path.exists)
    assert json.loads(path.read_text()) == [{"targets": ["127.0.0.1:1234"], "labels": {"worker": "queue.1"}}]


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]"])
def test_target_that_was_damaged_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = tmp_path / "targets" / "queue.1.json"
    with kept(path, monkeypatch):
        wait_for(path.exists)
        path.write_bytes(content)
        wait_for(lambda: b"127.0.0.1:1234" in path.read_bytes())


def test_target_of_a_process_that_was_killed_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "targets" / "queue.1.json"
    path.parent.mkdir()
    path.write_text('[{"targets": ["127.0.0.1:1"], "labels": {"worker": "queue.1"}}]')
    with kept(path, monkeypatch):
        wait_for(lambda: "127.0.0.1:1234" in path.read_text())


def test_target_that_cannot_be_written_is_one_sentence_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").touch()
    path = tmp_path / "run" / "targets" / "queue.1.json"
    with kept(path, monkeypatch):
        wait_for(lambda: caplog.records)
        (tmp_path / "run").unlink()
        wait_for(path.exists)
    assert ["so nothing scrapes this process" in record.getMessage() for record in caplog.records] == [True]
