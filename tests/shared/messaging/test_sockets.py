"""Real sockets: nothing piles up, nothing hangs, and peers without keys get nothing."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import msgpack
import pytest
import zmq
from prometheus_client import REGISTRY

from shared.messaging.codec import MalformedError, OtherProtocolError
from shared.messaging.messages import Credit, Frame, Message, Ready
from shared.messaging.sockets import BrokerSocket, ClientSocket, is_listening
from shared.pipeline import Stage
from shared.settings import ConfigError
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port

READY = Ready(role=Stage.INFERENCE, name="inference.1", credit=4, with_jpeg=False)


def wait_for(condition: Callable[[], object], seconds: float = 5) -> None:
    """Call the condition until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"


def connect(client: ClientSocket, broker: BrokerSocket) -> bytes:
    """Send until a message arrives, and return the client's identity."""
    heard: list[bytes] = []

    def try_send() -> bool:
        client.send(READY)
        heard.extend(received[:1] if (received := broker.receive(0.05)) else ())
        return bool(heard)

    wait_for(try_send)
    return heard[0]


def open_dealer() -> zmq.Socket[bytes]:
    """Return a bare ZeroMQ socket."""
    stranger: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    stranger.linger = 0
    return stranger


@pytest.fixture
def broker(make_settings: MakeSettings) -> Iterator[BrokerSocket]:
    with closing(BrokerSocket(make_settings())) as broker:
        yield broker


@pytest.fixture
def client(make_settings: MakeSettings) -> Iterator[ClientSocket]:
    with closing(ClientSocket(make_settings())) as client:
        yield client


def test_batch_arrives_in_one_piece(broker: BrokerSocket, client: ClientSocket) -> None:
    identity = connect(client, broker)
    batch: list[Message] = [
        Frame(camera="a", seq=n, captured_at=0.0, every_frame=False, jpeg=b"x" * 100_000) for n in range(3)
    ]
    assert broker.send(identity, *batch)
    assert client.receive(5) == batch


def test_send_without_a_queue_fails_at_once_and_leaves_nothing_behind(make_settings: MakeSettings) -> None:
    with closing(ClientSocket(make_settings())) as client:
        assert not any(client.send(READY) for _ in range(100))
        with closing(BrokerSocket(make_settings())) as broker:
            wait_for(lambda: client.send(Credit("first heard", 1)))
            received = broker.receive(5)
            assert received
            assert received[1] == [Credit("first heard", 1)]


def test_client_reconnects_to_a_restarted_queue(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with closing(ClientSocket(settings)) as client:
        for _ in range(2):
            with closing(BrokerSocket(settings)) as broker:
                connect(client, broker)
            wait_for(lambda: not is_listening(settings.queue_address))  # libzmq closes in its own time


def test_receive_returns_after_its_timeout(client: ClientSocket) -> None:
    before = time.monotonic()
    assert client.receive(0.05) == []
    assert time.monotonic() - before < 1


def test_client_knows_whether_the_queue_answers(broker: BrokerSocket, client: ClientSocket) -> None:
    assert not client.connected
    connect(client, broker)
    wait_for(lambda: client.receive(0.01) == [] and client.connected)


def test_send_to_a_peer_that_is_gone_returns_false(broker: BrokerSocket) -> None:
    assert not broker.send(b"nobody", READY)


def test_malformed_message_raises_and_the_next_one_arrives(broker: BrokerSocket, make_settings: MakeSettings) -> None:
    with closing(open_dealer()) as stranger:
        stranger.connect(make_settings().queue_address)
        stranger.send_multipart([b"\xc1", b""])
        with pytest.raises(MalformedError):
            broker.receive(5)
    with closing(ClientSocket(make_settings())) as client:
        connect(client, broker)


def test_send_that_is_too_large_as_a_whole_is_thrown_away_and_the_next_one_arrives(
    broker: BrokerSocket, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.sockets.MAX_SEND_BYTES", 100_000)
    with closing(open_dealer()) as stranger:
        stranger.connect(make_settings().queue_address)
        stranger.send_multipart([b"x" * 60_000, b""] * 20)
        with pytest.raises(MalformedError, match="1200000 bytes in one send are too large"):
            broker.receive(5)
    with closing(ClientSocket(make_settings())) as client:
        connect(client, broker)


def test_peer_that_sends_too_much_keeps_it_itself(broker: BrokerSocket, make_settings: MakeSettings) -> None:
    """The queue's process reads 16 sends of a peer ahead; the system has room for less than one of 4 MB."""
    with closing(open_dealer()) as flood:
        flood.sndhwm = 1
        flood.connect(make_settings().queue_address)
        sent = 0
        with suppress(zmq.Again):
            while sent < 100:
                flood.sndtimeo = 300 if sent else 5000
                flood.send_multipart([b"", bytes(4_000_000)])
                sent += 1
    assert 16 <= sent <= 20


@pytest.mark.parametrize("address", ["auto", "tcp://127.0.0.1:{port}"])
def test_address_in_use_is_reported_and_stays_with_its_owner(make_settings: MakeSettings, address: str) -> None:
    settings = make_settings(QUEUE=address.format(port=find_free_port()))
    with closing(BrokerSocket(settings)) as broker, closing(ClientSocket(settings)) as client:
        with pytest.raises(ConfigError, match="another pipeline"):
            BrokerSocket(settings)
        connect(client, broker)


def test_queue_that_ends_leaves_no_socket_file(make_settings: MakeSettings) -> None:
    settings = make_settings()
    path = Path(settings.queue_address.removeprefix("ipc://"))
    with closing(BrokerSocket(settings)):
        assert path.exists()
    assert not path.exists()


def test_folder_in_the_place_of_the_socket_is_set_aside(make_settings: MakeSettings) -> None:
    settings = make_settings()
    path = Path(settings.queue_address.removeprefix("ipc://"))
    (path / "what somebody keeps").mkdir(parents=True)
    with closing(BrokerSocket(settings)):
        assert path.is_socket()
    (aside,) = path.parent.glob(f"{path.name}.broken-*")
    assert (aside / "what somebody keeps").is_dir()


def test_socket_file_of_a_killed_queue_is_reused(make_settings: MakeSettings) -> None:
    settings = make_settings()
    path = settings.queue_address.removeprefix("ipc://")
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(path)
    assert Path(path).exists()
    with closing(BrokerSocket(settings)) as broker, closing(ClientSocket(settings)) as client:
        connect(client, broker)


class Road:
    """A TCP address that leads to a port, as a service address does. Turned, it leads elsewhere, without a word."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._generation, self._open = 0, [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def turn(self, port: int) -> None:
        """Lead new connections to another port; what is on its way in the old ones arrives nowhere."""
        self._generation, self._port = self._generation + 1, port

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(*pair, self._generation), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, generation: int) -> None:
        with suppress(OSError):
            while (data := source.recv(65536)) and generation == self._generation:
                target.sendall(data)

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def test_queue_that_moves_to_another_host_behind_its_address_is_found_again(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its old host vanishes without a word: to the client the connection looks as if nothing had happened."""
    monkeypatch.setattr("shared.messaging.sockets.PROBE_MS", 100)
    monkeypatch.setattr("shared.messaging.sockets.GIVE_UP_MS", 200)
    ports = [find_free_port(), find_free_port()]
    first, second = [BrokerSocket(make_settings(QUEUE=f"tcp://127.0.0.1:{port}")) for port in ports]
    with closing(first), closing(second), closing(Road(ports[0])) as road, ExitStack() as stack:
        client = stack.enter_context(closing(ClientSocket(make_settings(QUEUE=road.address))))
        connect(client, first)
        road.turn(ports[1])
        connect(client, second)


def test_peer_that_vanishes_without_a_word_is_no_longer_sent_to(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.sockets.PROBE_MS", 100)
    monkeypatch.setattr("shared.messaging.sockets.GIVE_UP_MS", 200)
    port = find_free_port()
    with ExitStack() as stack:
        broker = stack.enter_context(closing(BrokerSocket(make_settings(QUEUE=f"tcp://127.0.0.1:{port}"))))
        road = stack.enter_context(closing(Road(port)))
        identity = connect(stack.enter_context(closing(ClientSocket(make_settings(QUEUE=road.address)))), broker)
        road.turn(find_free_port())
        # a pause between two, or the buffer would be full before the end
        wait_for(lambda: broker.receive(0.02) is None and not broker.send(identity, READY))


def test_process_of_another_version_is_refused_once_and_sees_this_version(
    broker: BrokerSocket, make_settings: MakeSettings
) -> None:
    with closing(open_dealer()) as other:
        other.connect(make_settings().queue_address)
        for number in range(100):
            other.send_multipart([msgpack.packb({"kind": "2.Frame", "seq": number, "of": "tomorrow"}), b"jpeg"])
        with pytest.raises(OtherProtocolError, match="protocol 2, here 1"):
            broker.receive(5)
        answers = [broker.receive(5) for _ in range(99)]
        assert {len(answer[1]) for answer in answers if answer} == {0}
        assert msgpack.unpackb(other.recv_multipart()[0])["kind"].startswith("1.")


def test_queue_of_another_version_is_one_sentence(
    make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    before = REGISTRY.get_sample_value("digitcam_malformed_total")
    settings = make_settings(QUEUE=f"tcp://127.0.0.1:{find_free_port()}")
    router: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    with closing(router) as other, closing(ClientSocket(settings)) as client:
        other.linger = 0
        other.bind(settings.queue_address)
        wait_for(lambda: client.send(READY))
        identity = other.recv_multipart()[0]
        for _ in range(20):
            other.send_multipart([identity, msgpack.packb({"kind": "2.Pong", "of": "tomorrow"}), b""])
        wait_for(lambda: client.receive(0.05) == [] and client.denial)
        assert client.receive(0.05) == []
        sentence = (
            f"QUEUE={settings.queue_address} can't be used: it is of another version of digitcam (protocol 2, here"
        )
        assert client.denial.startswith(sentence)
        assert not client.connected
    assert [record.getMessage().startswith(sentence) for record in caplog.records] == [True]
    assert REGISTRY.get_sample_value("digitcam_malformed_total") == before
