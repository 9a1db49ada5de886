"""The queue listens on hosts by name too, and a sentence says why it can't: with real sockets."""

import errno
import socket
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from shared.messaging.bind_address import resolve_bind_address
from shared.messaging.sockets import BrokerSocket, ClientSocket
from shared.settings import ConfigError
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port
from tests.shared.messaging.test_sockets import connect

ELSEWHERE = "192.0.2.7"  # of no machine (RFC 5737)


def name_hosts(monkeypatch: pytest.MonkeyPatch, **hosts: list[str]) -> None:
    """Let names stand for these addresses, as a name server does."""

    def find(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if host not in hosts:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        families = [socket.AF_INET6 if ":" in number else socket.AF_INET for number in hosts[host]]
        return [(family, 1, 6, "", (number, port)) for family, number in zip(families, hosts[host], strict=True)]

    monkeypatch.setattr("socket.getaddrinfo", find)


@pytest.mark.parametrize(
    ("address", "bound"),
    [
        ("tcp://queue:5750", "tcp://10.0.0.5:5750"),
        ("tcp://both:5750", "tcp://10.0.0.6:5750"),  # libzmq would need to know beforehand that it is IPv6
        ("tcp://six:5750", "tcp://[fd00::5]:5750"),
        ("tcp://10.0.0.7:5750", "tcp://10.0.0.7:5750"),
        ("tcp://*:5750", "tcp://*:5750"),
        ("tcp://[::]:5750", "tcp://[::]:5750"),
        ("ipc://there", "ipc://there"),
    ],
)
def test_host_is_bound_by_its_number(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, address: str, bound: str
) -> None:
    hosts = {"queue": ["10.0.0.5", "10.0.0.9"], "both": ["fd00::6", "10.0.0.6"], "six": ["fd00::5"]}
    name_hosts(monkeypatch, **hosts, **{"10.0.0.7": ["10.0.0.7"]})
    assert resolve_bind_address(make_settings(QUEUE=address, QUEUE_KEY="keys")) == bound


def can_bind(host: str) -> bool:
    """Return whether this machine has an address: not every container has IPv6."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return probe.connect_ex((host, 9)) != errno.EADDRNOTAVAIL


@pytest.mark.parametrize(
    ("listens_on", "found_at"),
    [("localhost", "127.0.0.1"), ("*", "localhost"), ("0.0.0.0", "0.0.0.0"), ("[::1]", "[::1]"), ("[::]", "127.0.0.1")],
)
def test_queue_is_found_where_it_listens(make_settings: MakeSettings, listens_on: str, found_at: str) -> None:
    if "[" in listens_on and not can_bind("::1"):
        pytest.skip("this machine has no IPv6")
    port = find_free_port()
    # replaced, since other machines need keys
    settings = replace(make_settings(), queue_bind=f"tcp://{listens_on}:{port}", queue=f"tcp://{found_at}:{port}")
    with closing(BrokerSocket(settings)) as broker, closing(ClientSocket(settings)) as client:
        connect(client, broker)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"QUEUE": f"tcp://{ELSEWHERE}:5750"}, r"^QUEUE=tcp://192.0.2.7:5750 cannot .*: set QUEUE_BIND=tcp://\*:5750"),
        ({"QUEUE_BIND": f"tcp://{ELSEWHERE}:5750"}, r"^QUEUE_BIND=tcp://192.0.2.7:5750 cannot .*no address of this"),
        (
            {"QUEUE": "tcp://nowhere:5750"},
            r"^QUEUE=tcp://nowhere:5750 cannot .* \(there is no host of this name",
        ),
        ({"QUEUE": "tcp://a..b:5750"}, "there is no host of this name"),
        ({"QUEUE": "ipc://not/there/queue"}, r"^QUEUE=ipc://not/there/queue .*: name a path whose folder exists\.$"),
    ],
)
def test_place_where_the_queue_cannot_listen_is_one_sentence(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], sentence: str
) -> None:
    name_hosts(monkeypatch, **{ELSEWHERE: [ELSEWHERE]})
    with pytest.raises(ConfigError, match=sentence) as raised:
        BrokerSocket(replace(make_settings(), **{name.lower(): value for name, value in values.items()}))
    assert "\n" not in str(raised.value)


def test_address_that_can_be_none_is_one_sentence(make_settings: MakeSettings) -> None:
    with pytest.raises(ConfigError, match=r"QUEUE=ipc://x+ is no address \(file name too long\)"):
        ClientSocket(make_settings(QUEUE="ipc://" + 300 * "x"))
