"""digitcam share: the page for other devices, over HTTPS, with a QR code: a phone becomes a camera in ten seconds.

It is one more display beside the pipeline that runs: nothing is restarted, and when it ends the door is closed.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import segno

from digitcam.certificate import ensure_certificate
from digitcam.supervisor import keep_alive, worker_of
from shared.service.signals import configure_logging, stop_on_signals
from shared.settings import ConfigError, Settings

ANY_OTHER_HOST = ("192.0.2.1", 9)  # of no network (RFC 5737): the way there is asked for, nothing is sent
SCAN = "Scan this with a phone on the same network, and say yes to its warning: the certificate was made here."


def share(settings: Settings, port: int, address: str | None) -> int:
    """Show the way in, and serve it until told to stop; the exit code. Raises ConfigError."""
    stop = stop_on_signals()
    configure_logging("share")
    host = address or find_address()
    token = secrets.token_urlsafe(12)
    certificate = ensure_certificate(settings.run_dir / "share.pem", host)
    os.environ.update(page_settings(host, port, token, certificate))
    print(invitation(f"https://{host}:{port}/camera?token={token}"), flush=True)
    return keep_alive(lambda: [worker_of(settings.run_dir, "display", "share")], stop)


def find_address() -> str:
    """This machine's address in its network. Raises ConfigError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ANY_OTHER_HOST)
        except OSError as error:
            raise ConfigError("share finds no network: connect this machine to one, or name its --address.") from error
        address: str = probe.getsockname()[0]
        return address


def page_settings(host: str, port: int, token: str, certificate: Path) -> Mapping[str, str]:
    """The settings of the display that is shared."""
    return {
        "DISPLAY_MODE": "web",
        "WEB_HOST": host,
        "WEB_PORT": str(port),
        "WEB_TOKEN": token,  # in the environment: a command line could be read by every user
        "WEB_CERTIFICATE": str(certificate),
        "EVENTS_DAYS": "0",  # the pipeline's own display keeps them
        "WEBHOOK": "",
    }


def invitation(url: str) -> str:
    """The address as a QR code in text, and in letters below it."""
    code = StringIO()
    segno.make(url, error="l", micro=False).terminal(code, compact=True, border=2)
    return f"{code.getvalue()}\n{SCAN}\n\n    {url}\n"
