"""Events of numbers that appear and leave: with a store in a file, one in memory, and one that fails."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from services.display.web.event_store import Event, EventStore
from services.display.web.schema import EventsQuery
from services.display.web.state import DashboardState, Update
from tests.services.display.web.test_server import shown

START_AT = 100.0


def events_of_one_number(store: EventStore) -> list[Event]:
    """Return the events that a subscriber gets when 30 is held up for half a second and a minute passes."""
    now = START_AT
    state = DashboardState(store, lambda: now, lambda: now)
    updates: list[Update] = []
    state.subscribers.add(updates.append)
    for step in range(6):
        now = START_AT + step / 10
        state.update([replace(shown("demo"), captured_at=now, jpeg=b"")])
    now += 60.0
    state.expire_numbers()
    state.close()
    return [update for update in updates if isinstance(update, Event)]


def test_subscribers_get_events_of_a_store_in_memory() -> None:
    appeared, left = events_of_one_number(EventStore(None, days=1))
    assert (appeared.id, appeared.number, appeared.left_at) == (1, "30", None)
    assert left == replace(appeared, left_at=START_AT + 0.5)


@pytest.mark.parametrize("method", ["add", "end"])
def test_store_that_fails_is_logged_and_subscribers_get_the_events(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    store = EventStore(tmp_path / "events.sqlite", days=1)
    monkeypatch.setattr(store, method, fail)
    appeared, left = events_of_one_number(store)
    assert (appeared.number, left.left_at) == ("30", START_AT + 0.5)
    assert [record.getMessage() for record in caplog.records] == [
        "an event could not be stored in RUN_DIR: database or disk is full"
    ]
    with pytest.raises(sqlite3.OperationalError, match="closed"):
        store.find(EventsQuery())
