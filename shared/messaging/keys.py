"""CURVE keys: each machine has a pair, and the queue's machine has the keys of those that may connect to it.

A folder holds files in pyzmq's format: digitcam.key and digitcam.key_secret are this machine's pair, queue.key is the
queue's public key if the queue is on another machine, and every other NAME.key is the public key of a machine NAME that
may connect to the queue here.
"""

import logging
import os
import re
import stat
import struct
from pathlib import Path

import zmq
import zmq.auth
from zmq.utils import z85

from shared.settings import ConfigError

OWN, QUEUE = "digitcam", "queue"  # names of files, so no machine may have them
MACHINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
KEY_BYTES = 32
CERTIFICATE = """#   ZeroMQ CURVE {kind} certificate of digitcam

metadata
curve
    public-key = "{public}"
"""

log = logging.getLogger("digitcam")


def load_pair(folder: Path) -> tuple[bytes, bytes]:
    """Return this machine's public and secret key. Raises ConfigError without them."""
    path = folder / f"{OWN}.key_secret"
    secret: bytes | None
    try:
        public, secret = read_certificate(path)
        if not (secret and is_key(public) and is_key(secret)):
            raise ValueError("there is no secret key in it")
        is_open = bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"QUEUE_KEY={folder} holds no keys ({error}): make them with `digitcam keys make`."
        ) from error
    if is_open and os.name == "posix":
        log.warning("%s can be read by other users of this machine: run chmod 600 %s", path, path)
    return public, secret


def load_queue_key(folder: Path) -> bytes:
    """Return the public key of the queue: this machine's own unless the queue is on another. Raises ConfigError."""
    path = folder / f"{QUEUE}.key"
    if not path.exists():
        return load_pair(folder)[0]
    key = read_public_key(path)
    if key is None:
        raise ConfigError(f"{path} holds no key: run `digitcam keys make --queue KEY` again with the queue's key.")
    return key


def read_certificate(path: Path) -> tuple[bytes, bytes | None]:
    """Return the public and the secret key in a file. Raises OSError or ValueError."""
    try:
        return zmq.auth.load_certificate(path)
    except IndexError as error:  # a line without =
        raise ValueError(f"{path} is broken") from error


def read_public_key(path: Path) -> bytes | None:
    """Return the public key in a file; None if there is none."""
    try:
        public, _ = read_certificate(path)
    except (OSError, ValueError):
        return None
    return public if is_key(public) else None


def is_key(text: bytes) -> bool:
    """Return whether this is a key in Z85."""
    try:
        return len(z85.decode(text)) == KEY_BYTES
    except (ValueError, KeyError, struct.error):  # the last: of digits that stand for more than 32 bits
        return False


def to_hex(key: bytes) -> str:
    """Return a key for people: Z85 has characters that a shell would take for its own."""
    return bytes(z85.decode(key)).hex()


def parse_key(text: str) -> bytes:
    """Return the key that hexadecimal digits or Z85 stand for. Raises ConfigError."""
    try:
        key = z85.encode(bytes.fromhex(text)) if len(text) == 2 * KEY_BYTES else text.encode()
    except ValueError:
        key = b""
    if not is_key(key):
        raise ConfigError(f"{text} is no key: `digitcam keys make` prints one, of {2 * KEY_BYTES} hexadecimal digits.")
    return key


def make_pair(folder: Path, queue_key: bytes | None = None) -> bytes:
    """Write a new pair for this machine, readable for its owner only, and return the public key.

    Raises ConfigError if there is a pair already, since it may be in use, or if others can see into the folder.
    """
    try:
        if (folder / f"{OWN}.key_secret").exists():
            raise ConfigError(f"{folder} holds keys already: use those, or name another folder.")
        close_folder(folder)
        public, secret = zmq.curve_keypair()
        if queue_key:
            write_key(folder / f"{QUEUE}.key", queue_key)
        write_key(folder / f"{OWN}.key", public)
        write_key(folder / f"{OWN}.key_secret", public, secret)
    except OSError as error:
        raise ConfigError(f"{folder} can't be written ({error.strerror}): name another folder.") from error
    return public


def close_folder(folder: Path) -> None:
    """Make a folder that only its owner can read. Raises ConfigError for one that others use."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "posix" or not folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    if any(folder.iterdir()):
        raise ConfigError(
            f"other users of this machine can see into {folder}: name a new folder, or run chmod 700 {folder} first."
        )
    folder.chmod(0o700)


def write_key(path: Path, public: bytes, secret: bytes | None = None) -> None:
    """Write a certificate that only its owner can read, whatever the umask is, all at once."""
    text = CERTIFICATE.format(kind="secret" if secret else "public", public=public.decode())
    text += f'    secret-key = "{secret.decode()}"\n' if secret else ""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def list_machines(folder: Path) -> dict[str, bytes]:
    """Return the public keys of other machines that may connect, by name. Raises OSError without such a folder."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix == ".key" and path.name[0] != "."]
    keys = {path.stem: read_public_key(path) for path in paths}
    return {name: key for name, key in keys.items() if key and name not in (OWN, QUEUE)}


def allow_machine(folder: Path, name: str, key: bytes) -> None:
    """Let a machine connect to the queue. Raises ConfigError for a wrong name, or a second key or name of a machine.

    With two names it could still connect after one of them was revoked.
    """
    load_pair(folder)
    if not MACHINE_NAME.fullmatch(name) or name in (OWN, QUEUE):
        raise ConfigError(f"{name} is no name for a machine: it takes up to 32 letters, digits, dots and hyphens.")
    known = list_machines(folder)
    if known.get(name, key) != key:
        raise ConfigError(f"{name} has another key: run `digitcam keys revoke {name}` first.")
    if other := next((other for other, its_key in known.items() if its_key == key and other != name), ""):
        raise ConfigError(f"this key is allowed as {other}: run `digitcam keys revoke {other}` first.")
    try:
        write_key(folder / f"{name}.key", key)
    except OSError as error:
        raise ConfigError(f"{folder} can't be written ({error.strerror}).") from error


def revoke_machine(folder: Path, name: str) -> None:
    """Shut a machine out. Raises ConfigError if none has this name."""
    load_pair(folder)
    if name not in list_machines(folder):
        raise ConfigError(f"no machine {name} is allowed: `digitcam keys list` lists them.")
    try:
        (folder / f"{name}.key").unlink()
    except OSError as error:
        raise ConfigError(f"{folder} can't be written ({error.strerror}).") from error
