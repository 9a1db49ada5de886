"""Where the queue listens: host names become numbers, which libzmq needs to bind, and a failure becomes a sentence."""

import errno
import os
import socket

from shared.settings import ConfigError, Settings, split_tcp

REMEDIES = {
    errno.EADDRINUSE: "is another pipeline running? Stop it, or give this one another RUN_DIR or QUEUE",
    errno.EADDRNOTAVAIL: "it is no address of this machine: set QUEUE_BIND=tcp://*:{port} where the queue runs, which "
    "listens on all its addresses, and QUEUE to where others find it",
    errno.EACCES: "use a port above 1023, or a folder that you may write to",
    errno.ENOENT: "name a path whose folder exists",
}


def resolve_bind_address(settings: Settings) -> str:
    """Return the queue's address for libzmq to bind. Raises ConfigError if no host has its name."""
    address = settings.queue_bind_address
    host, port = split_tcp(address)
    if not host or host == "*" or host[0] == "[" or host in {name for _, name in socket.if_nameindex()}:
        return address
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter: no host may have such a name
        raise describe_bind_error(settings, "there is no host of this name") from error
    numbers = {family: place[0] for family, _, _, _, place in reversed(found)}
    number = numbers.get(socket.AF_INET)
    return f"tcp://{number}:{port}" if number else f"tcp://[{numbers[socket.AF_INET6]}]:{port}"


def describe_bind_error(settings: Settings, reason: str = "", number: int = 0) -> ConfigError:
    """Return why the queue can't listen, and what to do. The number is an errno."""
    name = "QUEUE" if settings.queue_bind == "auto" else "QUEUE_BIND"
    address = settings.queue_bind_address
    remedy = REMEDIES.get(number, "name an address of this machine, or tcp://*:5750 for all").format(
        port=split_tcp(address)[1]
    )
    return ConfigError(f"{name}={address} cannot be opened ({reason or os.strerror(number).lower()}): {remedy}.")
