"""Sockets for real: nothing piles up, nothing hangs, strangers get nothing."""

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import zmq

from shared.messaging.messages import Credit, Frame, MalformedError, Message, Ready
from shared.messaging.sockets import BrokerSocket, ClientSocket, is_listening, make_curve_keys
from shared.pipeline import Stage
from shared.settings import ConfigError
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port

READY = Ready(role=Stage.INFERENCE, name="inference.1", credit=4, with_jpeg=False)


def wait_for(condition: Callable[[], object], seconds: float = 5) -> None:
    """Until it holds; the loops under test are polled, never slept for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"


def connect(peer: ClientSocket, hub: BrokerSocket) -> bytes:
    """Say something until it is heard, as every loop does; the peer's identity."""
    heard: list[bytes] = []

    def say() -> bool:
        peer.send(READY)
        heard.extend(received[:1] if (received := hub.receive(0.05)) else ())
        return bool(heard)

    wait_for(say)
    return heard[0]


def open_dealer() -> zmq.Socket[bytes]:
    """A socket of somebody who is no ClientSocket."""
    stranger: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    stranger.linger = 0
    return stranger


@pytest.fixture
def hub(make_settings: MakeSettings) -> Iterator[BrokerSocket]:
    with closing(BrokerSocket(make_settings())) as hub:
        yield hub


@pytest.fixture
def peer(make_settings: MakeSettings) -> Iterator[ClientSocket]:
    with closing(ClientSocket(make_settings())) as peer:
        yield peer


def test_batch_arrives_in_one_piece(hub: BrokerSocket, peer: ClientSocket) -> None:
    identity = connect(peer, hub)
    batch: list[Message] = [
        Frame(camera="a", seq=n, captured_at=0.0, every_frame=False, jpeg=b"x" * 100_000) for n in range(3)
    ]
    assert hub.send(identity, *batch)
    assert peer.receive(5) == batch


def test_send_without_a_queue_fails_at_once_and_leaves_nothing_behind(make_settings: MakeSettings) -> None:
    with closing(ClientSocket(make_settings())) as peer:
        assert not any(peer.send(READY) for _ in range(100))
        with closing(BrokerSocket(make_settings())) as hub:
            wait_for(lambda: peer.send(Credit("first heard", 1)))
            received = hub.receive(5)
            assert received
            assert received[1] == [Credit("first heard", 1)]


def test_peer_finds_a_queue_that_was_restarted(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with closing(ClientSocket(settings)) as peer:
        for _ in range(2):
            with closing(BrokerSocket(settings)) as hub:
                connect(peer, hub)
            wait_for(lambda: not is_listening(settings.queue_address))  # libzmq closes in its own time


def test_receive_gives_up_after_its_timeout(peer: ClientSocket) -> None:
    before = time.monotonic()
    assert peer.receive(0.05) == []
    assert time.monotonic() - before < 1


def test_peer_knows_whether_the_queue_is_there(hub: BrokerSocket, peer: ClientSocket) -> None:
    assert not peer.connected
    connect(peer, hub)
    wait_for(lambda: peer.receive(0.01) == [] and peer.connected)


def test_send_to_a_peer_that_is_gone_says_so(hub: BrokerSocket) -> None:
    assert not hub.send(b"nobody", READY)


def test_malformed_message_is_reported_and_the_next_one_arrives(hub: BrokerSocket, make_settings: MakeSettings) -> None:
    with closing(open_dealer()) as stranger:
        stranger.connect(make_settings().queue_address)
        stranger.send_multipart([b"\xc1", b""])
        with pytest.raises(MalformedError):
            hub.receive(5)
    with closing(ClientSocket(make_settings())) as peer:
        connect(peer, hub)


@pytest.mark.parametrize("address", ["auto", f"tcp://127.0.0.1:{find_free_port()}"])
def test_address_that_is_taken_is_a_sentence_and_stays_with_its_owner(
    make_settings: MakeSettings, address: str
) -> None:
    settings = make_settings(QUEUE=address)
    with closing(BrokerSocket(settings)) as hub, closing(ClientSocket(settings)) as peer:
        with pytest.raises(ConfigError, match="another pipeline"):
            BrokerSocket(settings)
        connect(peer, hub)


def test_socket_file_left_by_a_killed_queue_is_no_obstacle(make_settings: MakeSettings) -> None:
    settings = make_settings()
    path = settings.queue_address.removeprefix("ipc://")
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(path)
    assert Path(path).exists()
    with closing(BrokerSocket(settings)) as hub, closing(ClientSocket(settings)) as peer:
        connect(peer, hub)


def test_keys_let_friends_in_and_strangers_out(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Strangers have no keys, keys of their own, or keys of their own and the server's public one."""
    make_curve_keys(tmp_path / "ours")
    make_curve_keys(tmp_path / "theirs")
    address = f"tcp://127.0.0.1:{find_free_port()}"
    with (
        closing(BrokerSocket(make_settings(QUEUE=address, QUEUE_KEY=tmp_path / "ours"))) as hub,
        closing(ClientSocket(make_settings(QUEUE=address))) as plain,
        closing(ClientSocket(make_settings(QUEUE=address, QUEUE_KEY=tmp_path / "theirs"))) as keyed,
        closing(open_dealer()) as informed,
        closing(ClientSocket(make_settings(QUEUE=address, QUEUE_KEY=tmp_path / "ours"))) as friend,
    ):
        informed.curve_serverkey, _ = zmq.auth.load_certificate(tmp_path / "ours" / "digitcam.key")
        own_public, own_secret = zmq.auth.load_certificate(tmp_path / "theirs" / "digitcam.key_secret")
        informed.curve_publickey, informed.curve_secretkey = own_public, own_secret
        informed.connect(address)

        def knock() -> None:
            for stranger in (plain, keyed):
                stranger.send(Credit("from a stranger", 1))
            with suppress(zmq.Again):  # once it was refused there is nobody to send to
                informed.send_multipart([b"x", b""], zmq.DONTWAIT)

        heard: list[list[Message]] = []

        def listen() -> bool:
            knock()
            heard.extend([received[1]] if (received := hub.receive(0.05)) else ())
            return bool(heard)

        wait_for(lambda: friend.send(READY) and listen())
        for _ in range(5):
            listen()
        assert all(messages == [READY] for messages in heard)


def test_folder_without_keys_is_a_sentence(make_settings: MakeSettings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="digitcam keys"):
        ClientSocket(make_settings(QUEUE_KEY=tmp_path))


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    make_curve_keys(tmp_path / "keys")
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0
    shutil.rmtree(tmp_path / "keys")
