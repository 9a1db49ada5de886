"""Peers read the same films in real processes; peers that are not installed are listed."""

import dataclasses
import json
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks import trust
from benchmarks.bench_films import BenchFilm, make_film
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.bench import measure_all
from benchmarks.peers.measurement import (
    PeerLoad,
    SilentPeerError,
    choose_setup,
    make_row,
    measure_peer,
    run_peer,
    wait_for_readings,
)
from benchmarks.peers.receiver import PeerReading, ReadingReceiver
from benchmarks.peers.setup import OnePer, PeerSetup, ReadingSender, pack_label, unpack_label
from benchmarks.trust import repeat_until_trusted
from shared.vision.digit import Digit


def make_load(films: Path) -> PeerLoad:
    paths = tuple(make_film(BenchFilm(seed, 10, 1), films) for seed in range(2))
    return PeerLoad(films=paths, fps=10, seconds=0.5, workers=2)


def make_setup(**values: Any) -> PeerSetup:
    defaults: dict[str, Any] = {
        "folder": "x",
        "films": (),
        "workers": 1,
        "camera_ports": (),
        "worker_ports": (),
        "viewer": "",
    }
    return PeerSetup(**(defaults | values))


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.module)
def test_peer_reads_every_camera_and_leaves_no_process_behind(peer: Peer, films: Path, tmp_path: Path) -> None:
    if peer.package and not find_spec(peer.package):
        pytest.skip(f"{peer.package} is not installed")
    with closing(ReadingReceiver()) as receiver:
        setup = choose_setup(str(tmp_path), make_load(films), receiver.address)
        with run_peer(peer, setup, {}) as roots:
            wait_for_readings(peer, setup, roots, receiver)
            everything = [process for root in roots for process in [root, *root.children(recursive=True)]]
    assert {reading.camera for reading in receiver.readings} == {0, 1}
    assert all(reading.due_at < reading.received_at for reading in receiver.readings)
    assert not psutil.wait_procs(everything, timeout=0)[1]


def test_peer_is_measured(films: Path) -> None:
    row = measure_peer(PEERS[0], make_load(films))
    assert row["frames"] > 0
    assert row["fps"] > 0
    assert row["cpu_ms_per_frame"] > 0
    assert row["rss_total_mb"] > 10
    assert row["age_p99_ms"] is None  # half a second is too short for a 99th percentile


def test_disturbed_peer_is_untrusted(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "MAX_OTHERS", -1.0)
    row = measure_peer(PEERS[0], make_load(films))
    assert 0 <= row["others"] <= 1
    assert "of the cores" in row["untrusted"]


def test_peer_that_exits_is_reported_with_its_last_log_line(films: Path, tmp_path: Path) -> None:
    setup = choose_setup(str(tmp_path), make_load(films), "no viewer")
    broken = dataclasses.replace(setup, films=("nowhere.avi", "nowhere.avi"))
    with (
        closing(ReadingReceiver()) as receiver,
        run_peer(PEERS[1], broken, {"MODELS": str(tmp_path)}) as roots,
        pytest.raises(SilentPeerError, match=r"multiprocessing.Queue does not read all cameras: .+"),
    ):
        wait_for_readings(PEERS[1], broken, roots, receiver)


def test_peers_that_are_not_installed_are_listed(films: Path) -> None:
    absent = Peer("a peer of the future", "of_the_future", "no_such_package")
    assert measure_all(make_load(films), [absent], repeat_until_trusted) == ([], ["no_such_package"])


def test_setup_survives_the_command_line() -> None:
    setup = make_setup(films=("a.avi", "b.avi", "c.avi"), workers=2, camera_ports=(1, 2, 3), worker_ports=(4, 5))
    assert PeerSetup.from_json(json.loads(json.dumps(setup.to_json()))) == setup
    assert [list(setup.cameras_of(worker)) for worker in range(2)] == [[0, 2], [1]]
    assert [setup.count_processes(one_per) for one_per in OnePer] == [1, 2, 3]


def test_label_keeps_the_exact_time() -> None:
    assert unpack_label(pack_label(3, 1234.000000123)) == (3, 1234.000000123)


def test_reading_is_received_with_the_time_of_its_arrival() -> None:
    digit = Digit((1.0, 2.0, 3.0, 4.0), (-0.1,) + (-5.0,) * 10)
    with closing(ReadingReceiver()) as receiver:
        began_at = time.monotonic()
        with closing(ReadingSender(make_setup(viewer=receiver.address))) as first:
            first.send(3, 1.5, [digit])
        with closing(ReadingSender(make_setup(viewer=receiver.address))) as second:
            second.send(4, 2.5, [])
        while len(receiver.readings) < 2:
            time.sleep(0.001)
    assert {(reading.camera, reading.due_at) for reading in receiver.readings} == {(3, 1.5), (4, 2.5)}
    assert all(began_at <= reading.received_at <= time.monotonic() for reading in receiver.readings)


def test_row_has_the_ages_of_readings_and_the_fairness() -> None:
    row = make_row(
        PEERS[0], [PeerReading(0, 1.0, 1.02), PeerReading(0, 2.0, 2.04), PeerReading(0, 3.0, 3.02)], cameras=2, due=6
    )
    assert (row["frames"], row["read_share"], row["fairness"]) == (3, 0.5, 0.5)
    assert (row["age_p50_ms"], row["age_p99_ms"]) == (20, None)
    row = make_row(PEERS[0], [PeerReading(0, 1.0, 1.02)] * 199 + [PeerReading(1, 1.0, 1.04)], cameras=2, due=200)
    assert row["age_p99_ms"] == 20
