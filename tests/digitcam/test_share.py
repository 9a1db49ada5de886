"""digitcam share: a door for other devices that closes with it."""

import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from digitcam.commands.share import find_address, invitation
from shared.settings import ConfigError, load_settings
from tests.pipeline.pipeline import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A page that is shared on this machine: its address, and the process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RUN_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "digitcam", "share", "--address", "127.0.0.1", "--port", str(free_port())]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as it:
        assert it.stdout
        said = iter(it.stdout)
        url = next(found[0] for line in said if (found := re.search(r"https://\S+", line)))
        assert any("ready" in line for line in said)
        yield url, it
        it.kill()


def fetch(url: str, tls: ssl.SSLContext) -> int:
    try:
        with urllib.request.urlopen(url, context=tls, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_page_is_shared_by_its_own_certificate_with_whoever_has_the_token(
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


def test_code_holds_the_address_in_blocks_and_in_letters() -> None:
    shown = invitation("https://192.0.2.7:8443/camera?token=abc")
    assert "\N{UPPER HALF BLOCK}" in shown or "\N{LOWER HALF BLOCK}" in shown
    assert "https://192.0.2.7:8443/camera?token=abc" in shown


def test_machine_without_a_network_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitcam.commands.share.ANY_OTHER_HOST", ("255.255.255.255", 9))  # which no socket may reach
    with pytest.raises(ConfigError, match="share finds no network"):
        find_address()


def test_certificate_that_is_none_ends_with_one_sentence(tmp_path: Path) -> None:
    from services.display.web.server import load_certificate  # noqa: PLC0415

    (tmp_path / "no.pem").write_text("nothing")
    for name in ("no.pem", "absent.pem"):
        with pytest.raises(ConfigError, match=rf"WEB_CERTIFICATE=.*{name} can't be used"):
            load_certificate(str(tmp_path / name))
    assert load_certificate(load_settings({}, tmp_path / ".env").web_certificate) is None
