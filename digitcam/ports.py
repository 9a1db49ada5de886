"""Finds before the start whether an address can be served."""

import os
import socket


def find_bind_error(host: str, port: int) -> str:
    """Return why this machine can't listen on an address now; "" if it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a connection that just ended blocks it
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:  # OverflowError: a port over 65535
            return getattr(error, "strerror", None) or str(error)
    return ""
