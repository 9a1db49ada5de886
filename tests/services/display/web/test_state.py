"""What programs are told of numbers that come and go, with a store of events, without one, and with one that fails."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from services.display.web.event_store import Event, EventQuery, EventStore
from services.display.web.state import DashboardState, News
from tests.services.display.web.test_server import shown

START_AT = 100.0


def events_of_a_glance(store: EventStore | None) -> list[Event]:
    """What a listener is told when the number 30 is held up for half a second, and a minute goes by."""
    now = START_AT
    desk = DashboardState(store, lambda: now, lambda: now)
    told: list[News] = []
    desk.listeners.add(told.append)
    for step in range(6):
        now = START_AT + step / 10
        desk.show([replace(shown("demo"), captured_at=now, jpeg=b"")])
    now += 60.0
    desk.look()
    desk.close()
    return [news for news in told if isinstance(news, Event)]


def test_events_are_told_also_where_none_are_kept() -> None:
    appeared, left = events_of_a_glance(None)
    assert (appeared.id, appeared.number, appeared.left_at) == (1, "30", None)
    assert left == replace(appeared, left_at=START_AT + 0.5)


@pytest.mark.parametrize("method", ["add", "close_event"])
def test_store_that_fails_is_logged_and_events_are_told_all_the_same(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    store = EventStore(tmp_path / "events.sqlite", days=1)
    monkeypatch.setattr(store, method, fail)
    appeared, left = events_of_a_glance(store)
    assert (appeared.number, left.left_at) == ("30", START_AT + 0.5)
    assert [record.getMessage() for record in caplog.records] == [
        "an event could not be kept in RUN_DIR: database or disk is full"
    ]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store.ask(EventQuery())
