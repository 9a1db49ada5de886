"""The ledger of EVERY_FRAME counts what a program sees, and each picture of a film is read exactly once."""

import json
import random
import sys
from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.chaos.every_frame import (
    MAX_WRONG,
    TARGETS,
    Blow,
    LedgerCase,
    judge,
    plan_cases,
    run_case,
)
from benchmarks.chaos.reading_ledger import ReadingLedger

HIT = Counter({"queue.1": 1})
CASE = LedgerCase("kill queue.1", (Blow(0.5, "kill", ("queue.1",)),))


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("films")))


def event(index: int, text: str | None = None, outcome: str = "read", record_id: str = "0123abcd-7") -> list[bytes]:
    numbers = [{"text": f"{index:04d}" if text is None else text}]
    reading = {"index": index, "outcome": outcome, "numbers": numbers}
    lines = [f"id: {record_id}", "event: reading", f"data: {json.dumps(reading)}", ""]
    return [f"{line}\n".encode() for line in lines]


def listen(*events: Sequence[bytes]) -> ReadingLedger:
    """Return a ledger that has heard these events."""
    ledger = ReadingLedger()
    ledger.close()
    ledger._is_over.clear()
    ledger._listen([b"HTTP/1.1 200 OK\r\n", b"\r\n", *(line for one in events for line in one)])
    return ledger


@pytest.mark.parametrize(
    ("events", "once", "lost", "twice"),
    [
        ([event(0), event(1), event(2)], 3, 0, 0),
        ([event(0), event(2)], 2, 1, 0),
        ([event(0), event(1), event(1), event(2)], 2, 0, 1),
        ([], 0, 3, 0),
        ([[b"event: camera\n", b'data: {"state": "live"}\n', b"\n"], event(0), event(1), event(2)], 3, 0, 0),
    ],
    ids=["all", "one is lost", "one comes twice", "nothing", "other events"],
)
def test_pictures_are_counted(events: list[list[bytes]], once: int, lost: int, twice: int) -> None:
    result = judge(CASE, listen(*events), 3, [], HIT)
    assert (result.once, result.lost, result.twice, result.problem) == (once, lost, twice, "")
    assert result.is_exact == (once == 3)


@pytest.mark.parametrize(
    ("events", "unread", "problem"),
    [
        ([event(0), event(1), event(2, outcome="malformed")], [], "malformed: 1"),
        ([event(0), event(1), event(2, "0001")], [], "1 show another number"),
        ([event(0), event(1), event(2)], ["2 not recorded"], "listed as not read: 2 not recorded"),
    ],
)
def test_what_else_is_wrong_is_said(events: list[list[bytes]], unread: list[str], problem: str) -> None:
    assert MAX_WRONG * 3 < 1
    result = judge(CASE, listen(*events), 3, unread, HIT)
    assert result.problem == problem
    assert not result.is_exact


def test_case_that_hit_nobody_proves_nothing() -> None:
    result = judge(CASE, listen(event(0), event(1), event(2)), 3, [], Counter())
    assert result.problem == "never hit: queue.1"
    assert not result.is_exact


def test_listener_goes_on_after_the_last_reading_that_it_has() -> None:
    ledger = listen(event(0, record_id="0123abcd-1"), event(1, record_id="0123abcd-2"), event(2)[:1])
    assert ledger._last_id == "0123abcd-2"


def test_cases_are_the_same_for_the_same_seed_and_hit_every_process_in_every_way() -> None:
    first, second, other = (plan_cases(random.Random(seed)) for seed in (1, 1, 2))
    assert first == second != other
    assert len(first) >= 30
    hit = {(blow.kind, blow.targets) for case in first for blow in case.blows if len(case.blows) == 1}
    assert {(kind, (target,)) for target in TARGETS for kind in ("kill", "term", "hang")} <= hit
    assert ("kill", TARGETS) in hit
    assert all(0 < blow.share < 1 for case in first for blow in case.blows)


@pytest.mark.skipif(sys.platform != "linux", reason="it finds processes by their environment")
def test_each_picture_is_read_exactly_once_although_every_process_is_killed() -> None:
    result = run_case(LedgerCase("short", (Blow(0.3, "kill", TARGETS),)), pictures=120)
    assert (result.once, result.lost, result.twice, result.problem) == (120, 0, 0, "")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="it finds processes by their environment")
def test_each_picture_is_read_exactly_once_in_every_case() -> None:
    results = [run_case(case, pictures=300) for case in plan_cases(random.Random(7))]
    assert [result for result in results if not result.is_exact] == []
