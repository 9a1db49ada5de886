"""The queue hears allowed machines only, and each under its own names: with real sockets, and as a table."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
import zmq
import zmq.auth

from shared.messaging.codec import MalformedError, encode
from shared.messaging.keys import allow_machine, load_pair, make_pair, revoke_machine
from shared.messaging.messages import CameraReport, Credit, Frame, Message, Ready
from shared.messaging.peer_access import MAX_NAMES, NAME_KEPT_S, RELOAD_S, PeerAccess
from shared.messaging.sockets import BrokerSocket, ClientSocket
from shared.pipeline import CameraState, Stage
from shared.settings import Settings
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port
from tests.shared.messaging.test_sockets import open_dealer, wait_for

REVOKED_WITHIN_S = 5.0
QUIET_S = 0.5  # in which a peer that tries all the time would have got through


def ready(name: str) -> Ready:
    return Ready(role=Stage.INFERENCE, name=name, credit=4, with_jpeg=False)


def open_broker(settings: Settings) -> BrokerSocket:
    """Open the queue's socket; libzmq frees the authenticator's address of the test before in its own time."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return BrokerSocket(settings)
        except zmq.ZMQError:
            assert time.monotonic() < deadline


class Hub:
    """A queue with keys, and what it heard: the names of workers."""

    def __init__(self, make_settings: MakeSettings, folder: Path) -> None:
        self.address = f"tcp://127.0.0.1:{find_free_port()}"
        self._make, self._folder, self._stack = make_settings, folder, ExitStack()
        self.key = make_pair(folder / "hub")
        self.keys = folder / "hub"
        self.socket = self._stack.enter_context(closing(open_broker(self.settings("hub"))))
        self.heard: list[str] = []
        self.identities: dict[str, bytes] = {}
        self.refused: list[str] = []

    def settings(self, keys: str) -> Settings:
        return self._make(QUEUE=self.address, QUEUE_KEY=self._folder / keys)

    def client(self, keys: str) -> ClientSocket:
        return self._stack.enter_context(closing(ClientSocket(self.settings(keys))))

    def machine(self, name: str) -> ClientSocket:
        make_pair(self._folder / name, self.key)
        allow_machine(self.keys, name, load_pair(self._folder / name)[0])
        return self.client(name)

    def listen(self) -> None:
        try:
            received = self.socket.receive(0.02)
        except MalformedError as error:
            self.refused.append(str(error))
            return
        for message in received[1] if received else ():
            assert isinstance(message, Ready)
            self.heard.append(message.name)
            assert received
            self.identities[message.name] = received[0]

    def hears(self, client: ClientSocket, name: str) -> Callable[[], bool]:
        def try_send() -> bool:
            client.send(ready(name))
            self.listen()
            return name in self.heard

        return try_send

    def hears_nothing(self, client: ClientSocket, name: str) -> bool:
        """Let a client try for QUIET_S, and return whether nothing of it came through."""
        self.heard.clear()
        ends_at = time.monotonic() + QUIET_S
        while time.monotonic() < ends_at:
            client.send(ready(name))
            self.listen()
        return name not in self.heard

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def hub(make_settings: MakeSettings, tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(make_settings, tmp_path)
    yield hub
    hub.close()


def test_machine_is_let_in_shut_out_and_let_in_again_without_a_restart(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.sockets.REOPEN_AFTER_S", 0.3)
    own, hall, desk = hub.client("hub"), hub.machine("hall"), hub.machine("desk")
    for client, name in ((own, "own"), (hall, "hall"), (desk, "desk")):
        wait_for(hub.hears(client, name))
    monkeypatch.setattr("shared.messaging.sockets.REOPEN_AFTER_S", 1000.0)
    wait_for(hub.hears(hall, "hall.1"))  # over the connection that stays, so that its key is revoked while it is open
    revoke_machine(hub.keys, "hall")
    revoked_at = time.monotonic()
    while not hub.hears_nothing(hall, "hall.1"):
        assert time.monotonic() - revoked_at < REVOKED_WITHIN_S
    assert time.monotonic() - revoked_at < REVOKED_WITHIN_S
    assert not hub.socket.send(hub.identities["hall.1"], Credit("of the queue", 1))
    assert any("revoked" in sentence for sentence in hub.refused)
    monkeypatch.setattr("shared.messaging.sockets.REOPEN_AFTER_S", 0.3)
    wait_for(hub.hears(desk, "desk"))
    allow_machine(hub.keys, "hall", load_pair(hub.keys.parent / "hall")[0])
    hub.heard.clear()
    wait_for(hub.hears(hall, "hall"), 10)
    assert hub.socket.send(hub.identities["hall"], Credit("of the queue", 1))


def test_machine_that_was_refused_gets_in_once_it_is_allowed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.messaging.sockets.REOPEN_AFTER_S", 0.3)
    hall = hub.machine("hall")
    revoke_machine(hub.keys, "hall")
    time.sleep(RELOAD_S)  # the queue may have read its folder before
    assert hub.hears_nothing(hall, "hall")
    allow_machine(hub.keys, "hall", load_pair(hub.keys.parent / "hall")[0])
    wait_for(hub.hears(hall, "hall"), 10)


def test_key_that_was_allowed_a_moment_ago_is_let_in_at_the_first_try(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.peer_access.RELOAD_S", 1000.0)
    monkeypatch.setattr("shared.messaging.sockets.REOPEN_AFTER_S", 1000.0)
    wait_for(hub.hears(hub.client("hub"), "own"))
    public, secret = zmq.auth.create_certificates(hub.keys, "guest")  # as others make them, in the queue's folder
    with closing(open_dealer()) as guest:
        guest.curve_publickey, guest.curve_secretkey = zmq.auth.load_certificate(secret)
        guest.curve_serverkey = hub.key
        guest.connect(hub.address)
        guest.send_multipart(encode([ready("guest")]))

        def is_heard() -> bool:
            hub.listen()
            return "guest" in hub.heard

        wait_for(is_heard)
    assert public.endswith("guest.key")


def test_strangers_get_nothing_through(hub: Hub, tmp_path: Path, make_settings: MakeSettings) -> None:
    """No keys, another queue's keys, own keys with the right queue key, PLAIN, and a right public key alone."""
    hall = hub.machine("hall")
    make_pair(tmp_path / "stranger", hub.key)
    make_pair(tmp_path / "elsewhere")
    plain = ClientSocket(make_settings(QUEUE=hub.address))
    with ExitStack() as stack:
        strangers = [hub.client("stranger"), hub.client("elsewhere"), stack.enter_context(closing(plain))]
        password, thief = (stack.enter_context(closing(open_dealer())) for _ in range(2))
        password.plain_username, password.plain_password = b"hall", b"hall"
        thief.curve_publickey, thief.curve_serverkey = load_pair(tmp_path / "hall")[0], hub.key
        thief.curve_secretkey = load_pair(tmp_path / "stranger")[1]
        for bare in (password, thief):
            bare.connect(hub.address)
        ends_at = time.monotonic() + 2 * QUIET_S
        while time.monotonic() < ends_at or "hall" not in hub.heard:
            for stranger in strangers:
                stranger.send(ready("of a stranger"))
            for bare in (password, thief):
                with suppress(zmq.Again):
                    bare.send_multipart([b"x", b""], zmq.DONTWAIT)
            hall.send(ready("hall"))
            hub.listen()
        assert set(hub.heard) == {"hall"}
        assert hub.refused == []


def test_nobody_takes_the_name_of_another_machine(hub: Hub) -> None:
    hall, desk = hub.machine("hall"), hub.machine("desk")
    wait_for(hub.hears(hall, "inference.1"))
    victim = hub.identities["inference.1"]
    claim = hub.hears(desk, "inference.1")
    hub.heard.clear()
    refusal = "desk claims to be worker inference.1 of hall"
    wait_for(lambda: claim() or any(refusal in sentence for sentence in hub.refused))
    assert hub.heard == []
    assert hub.identities["inference.1"] == victim
    wait_for(hub.hears(desk, "inference.2"))
    wait_for(hub.hears(hall, "inference.1"))


@pytest.fixture
def access(tmp_path: Path) -> PeerAccess:
    make_pair(tmp_path / "keys")
    for name in ("a", "b"):
        make_pair(tmp_path / name)
        allow_machine(tmp_path / "keys", name, load_pair(tmp_path / name)[0])
    return PeerAccess(tmp_path / "keys")


def key_of(tmp_path: Path, name: str) -> str:
    return load_pair(tmp_path / name)[0].decode()


LIVE = CameraReport(camera="hall", state=CameraState.LIVE, detail="", began_at=1.0)
FRAME = Frame(camera="hall", seq=1, captured_at=1.0, every_frame=False, jpeg=b"")


@pytest.mark.parametrize("message", [LIVE, FRAME])
def test_camera_belongs_to_the_machine_that_used_its_name_first(
    access: PeerAccess, tmp_path: Path, message: Message
) -> None:
    a, b = key_of(tmp_path, "a"), key_of(tmp_path, "b")
    access.check(a, b"a", [LIVE], 0.0)
    access.check(a, b"a restarted", [message], 1.0)
    with pytest.raises(MalformedError, match="b claims to be camera hall of a"):
        access.check(b, b"b", [ready("inference.1"), message], 2.0)
    access.check(b, b"b", [ready("hall")], 2.0)  # a worker may have the name of a camera
    access.check(b, b"b", [message], 2.0 + NAME_KEPT_S)  # a has been away


def test_name_of_a_revoked_machine_is_free(access: PeerAccess, tmp_path: Path) -> None:
    a, b = key_of(tmp_path, "a"), key_of(tmp_path, "b")
    access.check(a, b"a", [LIVE], 0.0)
    revoke_machine(tmp_path / "keys", "a")
    access.check(b, b"b", [LIVE], RELOAD_S)
    with pytest.raises(MalformedError, match="revoked"):
        access.check(a, b"a", [LIVE], RELOAD_S)


def test_names_of_one_machine_are_limited(access: PeerAccess, tmp_path: Path) -> None:
    a, b = key_of(tmp_path, "a"), key_of(tmp_path, "b")
    access.check(a, b"a", [ready(f"{n}") for n in range(MAX_NAMES)], 0.0)
    with pytest.raises(MalformedError, match="a uses more than 512 names"):
        access.check(a, b"a", [ready("one more")], 1.0)
    access.check(a, b"a", [ready("0")], 1.0)
    access.check(b, b"b", [ready("of b")], 1.0)
    access.check(a, b"a", [ready("one more")], NAME_KEPT_S)
    assert len(access._owners) <= 4


def test_worker_that_is_started_again_and_again_never_shuts_its_machine_out(access: PeerAccess, tmp_path: Path) -> None:
    """Each start has a name of its own, and names are kept for ten minutes."""
    a = key_of(tmp_path, "a")
    for start in range(2 * MAX_NAMES):
        access.check(a, f"{start}".encode(), [ready(f"inference.1@hall.{start}")], 0.1 * start)
    assert len(access._owners) <= MAX_NAMES


def test_folder_that_cannot_be_read_changes_nothing(
    access: PeerAccess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "keys").rename(tmp_path / "away")
    access.check(key_of(tmp_path, "a"), b"a", [LIVE], RELOAD_S)
    assert "can't be read" in caplog.text
