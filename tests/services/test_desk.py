"""What programs are told of numbers that come and go, with a store of events, without one, and with one that fails."""

from dataclasses import replace

from services.page.api.desk import Desk, News
from services.page.api.store import Event, Store
from tests.services.test_page import shown

START_AT = 100.0


def events_of_a_glance(store: Store | None) -> list[Event]:
    """What a listener is told when the number 30 is held up for half a second, and a minute goes by."""
    now = START_AT
    desk = Desk(store, lambda: now, lambda: now)
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
