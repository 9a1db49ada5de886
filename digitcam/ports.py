"""Checks ports before the start: of an option, and whether an address can be served."""

import argparse
import os
import socket

MAX_PORT = 65_535


def parse_port(text: str) -> int:
    """Return the port of an option. Raises ArgumentTypeError."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not right: it takes a whole number from 1 to {MAX_PORT}")
    return int(text)


def find_bind_error(host: str, port: int) -> OSError | None:
    """Return why this machine can't listen on an address now; None if it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a connection that just ended blocks it
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None
