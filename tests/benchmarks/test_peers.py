"""Peers: each reads the same films in real processes; one that is not installed is named and left out."""

import json
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from benchmarks import trust
from benchmarks.bench_films import BenchFilm, make_film
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.bench import measure_all
from benchmarks.peers.measuring import Load, SilentPeerError, choose_place, measure, report, running, wait_for_all
from benchmarks.peers.place import Place, Record, Sample, samples, stamp, unstamp


def make_load(films: Path) -> Load:
    return Load(tuple(make_film(BenchFilm(seed, 10, 1), films) for seed in range(2)), fps=10, seconds=0.5, workers=2)


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.module)
def test_a_peer_reads_every_camera_and_leaves_no_process_behind(peer: Peer, films: Path, tmp_path: Path) -> None:
    if peer.needs and not find_spec(peer.needs):
        pytest.skip(f"{peer.needs} is not installed")
    place = choose_place(str(tmp_path), make_load(films))
    with running(peer, place, {}) as roots:
        wait_for_all(peer, place, roots)
        everything = [process for root in roots for process in [root, *root.children(recursive=True)]]
    assert {sample.camera for sample in samples(tmp_path)} == {0, 1}
    assert all(sample.due_at < sample.done_at for sample in samples(tmp_path))
    assert not psutil.wait_procs(everything, timeout=0)[1]


def test_a_peer_is_measured(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "MOST_OTHERS", 1.0)  # other tests may run beside this one
    row = measure(PEERS[0], make_load(films))
    assert row["frames"] > 0
    assert row["fps"] > 0
    assert row["cpu_ms_per_frame"] > 0
    assert row["rss_total_mb"] > 10
    assert row["age_p99_ms"] is None  # half a second is no 99th percentile


def test_a_peer_that_was_disturbed_is_no_row_of_the_table(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "MOST_OTHERS", -1.0)
    with pytest.raises(trust.UntrustedError):
        measure(PEERS[0], make_load(films))


def test_a_peer_that_ends_says_why(films: Path, tmp_path: Path) -> None:
    place = choose_place(str(tmp_path), make_load(films))
    broken = Place(place.folder, ("nowhere.avi", "nowhere.avi"), 2, place.camera_ports, place.worker_ports)
    with (
        running(PEERS[1], broken, {"MODELS": str(tmp_path)}) as roots,
        pytest.raises(SilentPeerError, match=r"multiprocessing.Queue does not read all cameras: .+"),
    ):
        wait_for_all(PEERS[1], broken, roots)


def test_peers_that_are_not_installed_are_named_and_left_out(films: Path) -> None:
    absent = Peer("a peer of the future", "of_the_future", "no_such_package")
    assert measure_all(make_load(films), [absent]) == ([], ["no_such_package"])


def test_what_a_process_is_given_survives_its_command_line() -> None:
    place = Place("/tmp/x", ("a.avi", "b.avi", "c.avi"), 2, (1, 2, 3), (4, 5))  # noqa: S108 - only a word here
    assert Place.from_json(json.loads(json.dumps(place.to_json()))) == place
    assert [list(place.cameras_of(worker)) for worker in range(2)] == [[0, 2], [1]]
    assert [place.count(each) for each in ("run", "worker", "camera")] == [1, 2, 3]


def test_a_time_beside_a_picture_is_exact() -> None:
    assert unstamp(stamp(3, 1234.000000123)) == (3, 1234.000000123)


def test_what_was_read_is_written_down_at_once(tmp_path: Path) -> None:
    with closing(Record(Place(str(tmp_path), (), 1, (), ()))) as note:
        note(3, 1.5)
        (sample,) = samples(tmp_path)
    assert (sample.camera, sample.due_at) == (3, 1.5)


def test_a_row_has_the_age_of_what_was_read_and_each_cameras_share() -> None:
    row = report(PEERS[0], [Sample(0, 1.0, 1.02), Sample(0, 2.0, 2.04), Sample(0, 3.0, 3.02)], cameras=2, due=6)
    assert (row["frames"], row["read_share"], row["fairness"]) == (3, 0.5, 0.5)
    assert (row["age_p50_ms"], row["age_p99_ms"]) == (20, None)
    row = report(PEERS[0], [Sample(0, 1.0, 1.02)] * 199 + [Sample(1, 1.0, 1.04)], cameras=2, due=200)
    assert row["age_p99_ms"] == 20
