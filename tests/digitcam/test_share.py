"""digitcam share opens the web interface to other devices until it ends."""

import io
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from digitcam.commands.share import find_address, format_invitation, main, share
from digitcam.ports import find_bind_error
from shared.settings import ConfigError, load_settings
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A web interface shared on this machine: its address, and the process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RUN_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "digitcam", "share", "--address", "127.0.0.1", "--port", str(find_free_port())]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as it:
        assert it.stdout
        lines = iter(it.stdout)
        url = next(found[0] for line in lines if (found := re.search(r"https://\S+", line)))
        assert any("ready" in line for line in lines)
        yield url, it
        it.kill()


def fetch(url: str, tls: ssl.SSLContext) -> int:
    try:
        with urllib.request.urlopen(url, context=tls, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_web_interface_is_served_with_its_own_certificate_to_holders_of_the_token(
    shared: tuple[str, "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    url, process = shared
    trusting = ssl.create_default_context(cafile=tmp_path / "share.pem")
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=trusting), urllib.request.HTTPCookieProcessor()
    )
    with opener.open(url, timeout=5) as page:
        assert b"<video" in page.read()
        assert "token" not in page.url
    assert fetch(url.partition("?")[0], trusting) == 401
    assert (tmp_path / "share.pem").stat().st_mode & 0o077 == 0
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0


def test_address_is_printed_as_a_code_and_as_text() -> None:
    shown = format_invitation("https://192.0.2.7:8443/camera?token=abc")
    assert "\N{UPPER HALF BLOCK}" in shown or "\N{LOWER HALF BLOCK}" in shown
    assert "https://192.0.2.7:8443/camera?token=abc" in shown


def test_terminal_without_block_characters_gets_the_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    shown = format_invitation("https://192.0.2.7:8443/camera?token=abc")
    assert shown.startswith("This terminal can't show a QR code: open the address with a phone")
    assert "https://192.0.2.7:8443/camera?token=abc" in shown


def test_missing_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitcam.commands.share.TEST_NET", ("255.255.255.255", 9))  # broadcast
    with pytest.raises(ConfigError, match="share finds no network"):
        find_address()


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 8443), ("no such host", 8443)])
def test_address_that_can_not_be_served_is_one_sentence_before_the_code(
    make_settings: MakeSettings, capsys: pytest.CaptureFixture[str], host: str, port: int
) -> None:
    with pytest.raises(ConfigError, match=rf"share can't listen on {host}:{port} \(.+\): pass another --port"):
        share(make_settings(), port, host)
    assert capsys.readouterr().out == ""


def test_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in str(find_bind_error("127.0.0.1", taken.getsockname()[1]))


def test_wrong_certificate_is_one_sentence(tmp_path: Path) -> None:
    from services.display.web.server import load_certificate  # noqa: PLC0415

    (tmp_path / "no.pem").write_text("nothing")
    for name in ("no.pem", "absent.pem"):
        with pytest.raises(ConfigError, match=rf"WEB_CERTIFICATE=.*{name} cannot be used"):
            load_certificate(str(tmp_path / name))
    assert load_certificate(load_settings({}, tmp_path / ".env").web_certificate) is None


@pytest.mark.parametrize("text", ["99999", "0", "-5", "abc", "8443.0", "\u0663"])
def test_wrong_port_is_one_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([f"--port={text}"])
    assert end.value.code == 2
    assert f"argument --port: {text} is not right: it takes a whole number from 1 to 65535" in capsys.readouterr().err
