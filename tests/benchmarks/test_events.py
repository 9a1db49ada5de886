"""Events of the demo are compared with what it held up."""

from benchmarks.events import HeldNumber, SentEvent, bench_events, compare_events


def test_event_is_right_once_and_only_while_its_number_is_visible() -> None:
    held = [HeldNumber(text="42", first_at=1.0, last_at=4.0), HeldNumber(text="7", first_at=5.0, last_at=8.0)]
    sent = [SentEvent(text=text, at=at) for text, at in (("42", 0.5), ("42", 1.5), ("42", 2.0), ("4", 2.0))]
    found = compare_events(held, sent)
    assert found.delays_s == [0.5]
    assert found.wrong == [sent[0], sent[2], sent[3]]
    assert found.missed == [held[1]]


def test_each_number_of_the_demo_is_one_event_if_its_digits_are_read() -> None:
    result = bench_events(cameras=1, seconds=24, perfect=True)
    assert result["precision"] == result["recall"] == 1.0
    assert result["delay_s"]["median"] <= 0.6
