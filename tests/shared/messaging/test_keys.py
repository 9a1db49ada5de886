"""Keys are readable for their owner only, and say in a sentence what is wrong with them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
import zmq.auth

from shared.messaging.keys import (
    allow_machine,
    list_machines,
    load_pair,
    load_queue_key,
    make_pair,
    parse_key,
    revoke_machine,
    to_hex,
)
from shared.settings import ConfigError


@pytest.fixture(autouse=True, params=[0o000, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("folder_mode", [None, 0o755, 0o777, 0o700])
def test_only_the_owner_can_read_the_keys_wherever_they_are_made(tmp_path: Path, folder_mode: int | None) -> None:
    folder = tmp_path / "keys"
    if folder_mode:
        folder.mkdir()
        folder.chmod(folder_mode)
    make_pair(folder)
    allow_machine(folder, "hall", zmq.curve_keypair()[0])
    assert mode_of(folder) == 0o700
    assert {path.name: mode_of(path) for path in folder.iterdir()} == {
        "digitcam.key": 0o600,
        "digitcam.key_secret": 0o600,
        "hall.key": 0o600,
    }


def test_open_folder_of_other_files_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("of somebody else")
    tmp_path.chmod(0o755)
    with pytest.raises(ConfigError, match="chmod 700"):
        make_pair(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert mode_of(tmp_path) == 0o755


def test_secret_that_others_can_read_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    public = make_pair(tmp_path / "keys")
    assert load_pair(tmp_path / "keys")[0] == public
    assert not caplog.records
    (tmp_path / "keys" / "digitcam.key_secret").chmod(0o644)
    load_pair(tmp_path / "keys")
    assert "chmod 600" in caplog.text


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    public = make_pair(tmp_path / "keys")
    with pytest.raises(ConfigError, match="holds keys already"):
        make_pair(tmp_path / "keys")
    assert load_pair(tmp_path / "keys")[0] == public


def test_files_are_those_of_pyzmq(tmp_path: Path) -> None:
    public = make_pair(tmp_path / "keys")
    assert zmq.auth.load_certificate(tmp_path / "keys" / "digitcam.key_secret") == load_pair(tmp_path / "keys")
    assert zmq.auth.load_certificates(tmp_path / "keys") == {public: True}


@pytest.mark.parametrize(
    "secret", [None, "", "no key", "public-key", 'public-key = "abc"', 'public-key = "x"\nsecret-key = "y"']
)
def test_folder_without_keys_is_reported_with_the_remedy(tmp_path: Path, secret: str | None) -> None:
    if secret is not None:
        (tmp_path / "digitcam.key_secret").write_text(secret)
    with pytest.raises(ConfigError, match="digitcam keys make"):
        load_pair(tmp_path)


def test_machine_is_allowed_listed_and_revoked(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    make_pair(folder)
    hall, desk = zmq.curve_keypair()[0], zmq.curve_keypair()[0]
    allow_machine(folder, "hall", hall)
    allow_machine(folder, "hall", hall)
    with pytest.raises(ConfigError, match="hall has another key"):
        allow_machine(folder, "hall", desk)
    with pytest.raises(ConfigError, match="this key is allowed as hall: run `digitcam keys revoke hall` first"):
        allow_machine(folder, "lobby", hall)
    allow_machine(folder, "desk", desk)
    (folder / "broken.key").write_text("no key")
    (folder / "cut.key").write_text("curve\n    public-key")
    assert list_machines(folder) == {"desk": desk, "hall": hall}
    revoke_machine(folder, "hall")
    assert list_machines(folder) == {"desk": desk}
    with pytest.raises(ConfigError, match="no machine hall"):
        revoke_machine(folder, "hall")


@pytest.mark.parametrize("name", ["", "digitcam", "queue", "../hall", "a b", ".hall", "x" * 33, "ha\nll"])
def test_wrong_name_of_a_machine_is_a_sentence(tmp_path: Path, name: str) -> None:
    make_pair(tmp_path / "keys")
    with pytest.raises(ConfigError, match="no name for a machine"):
        allow_machine(tmp_path / "keys", name, zmq.curve_keypair()[0])


def test_key_is_read_as_it_is_printed_and_as_pyzmq_writes_it() -> None:
    key = zmq.curve_keypair()[0]
    assert parse_key(to_hex(key)) == parse_key(key.decode()) == key
    for wrong in ("", "abc", "x" * 64, to_hex(key)[:-2], "é" * 40, " " * 40, "#" * 40):
        with pytest.raises(ConfigError, match="is no key"):
            parse_key(wrong)


def test_queue_of_another_machine_has_its_own_key(tmp_path: Path) -> None:
    queue = make_pair(tmp_path / "here")
    assert load_queue_key(tmp_path / "here") == queue
    make_pair(tmp_path / "there", queue)
    assert load_queue_key(tmp_path / "there") == queue != load_pair(tmp_path / "there")[0]
    assert list_machines(tmp_path / "there") == {}
    (tmp_path / "there" / "queue.key").write_text("no key")
    with pytest.raises(ConfigError, match="digitcam keys make --queue"):
        load_queue_key(tmp_path / "there")
