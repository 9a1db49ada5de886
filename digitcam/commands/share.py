"""digitcam share: opens the web interface to a phone, over HTTPS, with a QR code.

It adds a second display to the running pipeline; when it ends, the phone loses access.
"""

import argparse
import os
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import segno

from digitcam.certificate import ensure_certificate
from digitcam.ports import find_bind_error, parse_port
from digitcam.run_lock import hold_lock
from digitcam.supervisor import keep_alive, make_spec
from shared.pipeline import Stage
from shared.service.signals import configure_logging, stop_on_signals
from shared.settings import ConfigError, Settings, load_settings

TEST_NET = ("192.0.2.1", 9)  # reserved by RFC 5737; connecting a UDP socket finds the route and sends nothing
INSTRUCTIONS = "Scan this with a phone on the same network. It will warn about the certificate, which was made here."
WITHOUT_CODE = INSTRUCTIONS.replace("Scan this", "This terminal can't show a QR code: open the address")


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        "digitcam share", description="Open the web interface to a phone, which can then be a camera; Ctrl-C ends it."
    )
    parser.add_argument("--port", type=parse_port, default=8443, help="port to serve on (default: 8443)")
    parser.add_argument("--address", help="address of this machine, if it has several")
    parsed = parser.parse_args(arguments)
    return share(load_settings(), parsed.port, parsed.address)


def share(settings: Settings, port: int, address: str | None) -> int:
    """Print the QR code and serve until told to stop; the exit code. Raises ConfigError."""
    stop = stop_on_signals()
    configure_logging("share")
    host = address or find_address()
    if error := find_bind_error(host, port):  # before a QR code promises it
        raise ConfigError(
            f"share can't listen on {host}:{port} ({error.strerror or error}): pass another --port or --address."
        )
    token = secrets.token_urlsafe(12)
    with hold_lock(settings.run_dir, f"{Stage.DISPLAY}.share"):
        certificate = ensure_certificate(settings.run_dir / "share.pem", host)
        os.environ.update(web_settings(host, port, token, certificate))
        shown_host = f"[{host}]" if ":" in host else host
        print(format_invitation(f"https://{shown_host}:{port}/camera?token={token}"), flush=True)
        return keep_alive(lambda: [make_spec(settings.run_dir, Stage.DISPLAY, "share")], stop)


def find_address() -> str:
    """Return this machine's address in its network. Raises ConfigError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(TEST_NET)
        except OSError as error:
            raise ConfigError("share finds no network: connect this machine to one, or pass --address.") from error
        address: str = probe.getsockname()[0]
        return address


def web_settings(host: str, port: int, token: str, certificate: Path) -> Mapping[str, str]:
    """Return the settings of the added display, as environment variables: every user can read a command line."""
    return {
        "DISPLAY_MODE": "web",
        "WEB_HOST": host,
        "WEB_PORT": str(port),
        "WEB_TOKEN": token,
        "WEB_WATCH_TOKEN": "",
        "WEB_CERTIFICATE": str(certificate),
        "EVENTS_DAYS": "0",  # the pipeline's own display stores events
        "WEBHOOK": "",
    }


def format_invitation(url: str) -> str:
    """Return the address as a QR code of block characters, if the terminal has them, and as text."""
    code = StringIO()
    segno.make(url, error="l", micro=False).terminal(code, compact=True, border=2)
    try:
        code.getvalue().encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return f"{WITHOUT_CODE}\n\n    {url}\n"
    return f"{code.getvalue()}\n{INSTRUCTIONS}\n\n    {url}\n"
