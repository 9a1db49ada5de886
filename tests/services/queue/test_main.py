"""The queue's start, where what a setting requires is missing."""

import gc
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.queue.__main__ import main
from shared.messaging import shared_memory
from shared.pipeline import Stage
from shared.service.lifecycle import ServiceContext
from shared.settings import ConfigError
from tests.conftest import MakeSettings


@pytest.fixture(autouse=True)
def own_collector() -> Iterator[None]:
    """A queue sets the collector of its process, which here is that of the tests."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_shared_memory_that_is_required_and_missing_is_said_in_one_sentence(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path / "nowhere")
    context = ServiceContext(
        make_settings(FRAMES="shared"), Stage.QUEUE, "1", logging.getLogger("queue.1"), threading.Event()
    )
    with pytest.raises(ConfigError, match=r"^FRAMES=shared is not possible \(.*\): set FRAMES to auto or inline\.$"):
        main(context)


def test_queue_that_ends_removes_its_store(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    stop = threading.Event()
    stop.set()
    main(ServiceContext(make_settings(FRAMES="shared"), Stage.QUEUE, "1", logging.getLogger("queue.1"), stop))
    assert not list(tmp_path.glob("digitcam-*"))
