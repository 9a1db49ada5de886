"""Which peers the queue listens to, if it has keys: those of allowed machines, each under its own names only."""

import logging
import math
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.messaging.codec import MalformedError
from shared.messaging.keys import list_machines, load_pair
from shared.messaging.messages import CameraReport, Frame, Message, Ready

RELOAD_S = 1.0  # how late a key that was allowed or revoked is noticed
NAME_KEPT_S = 600.0  # how long a name belongs to the key of a machine that is away
AWAY_S = 10.0  # a process that was silent for so long has ended: it says its name twice a second
MAX_NAMES = 512  # of one machine: cameras, workers and viewers
THIS_MACHINE = "this machine"

log = logging.getLogger("digitcam")


@dataclass(slots=True)
class NameOwner:
    """The key that a name belongs to, and the peer that used the name last."""

    key: str
    identity: bytes
    heard_at: float


class PeerAccess:
    """Lets messages through by their sender's key. Pure but for the folder of keys; now is in seconds."""

    def __init__(self, folder: Path) -> None:
        """Read the keys. Raises ConfigError if this machine has none."""
        self._folder = folder
        self._own_key = load_pair(folder)[0].decode()
        self._machines = {self._own_key: THIS_MACHINE}  # names of machines by their keys; replaced as a whole
        self._read_at, self._changed_at, self._lock = -math.inf, 0, threading.Lock()
        self._owners: dict[str, NameOwner] = {}
        self._keys: dict[bytes, str] = {}  # of the peers that own names
        self.reload(0.0)

    def callback(self, _: str, key: bytes) -> bool:
        """Return whether a key may connect; pyzmq's authenticator calls this in its own thread.

        A key that was allowed a moment ago counts: libzmq does not try again.
        """
        if not self.is_allowed(key.decode()) and self._changed_at != mtime_of(self._folder):
            self._read()
        return self.is_allowed(key.decode())

    def is_allowed(self, key: str) -> bool:
        """Return whether a key may take part now."""
        return key in self._machines

    def reload(self, now: float) -> None:
        """Read the keys again if it is time. If they cannot be read, those of the last time count."""
        if now - self._read_at >= RELOAD_S:
            self._read_at = now
            self._read()

    def _read(self) -> None:
        with self._lock:
            self._read_folder()

    def _read_folder(self) -> None:
        self._changed_at = mtime_of(self._folder)
        try:
            found = {key.decode(): name for name, key in list_machines(self._folder).items()}
        except OSError as error:
            log.warning("QUEUE_KEY=%s can't be read (%s): nobody is allowed or revoked", self._folder, error.strerror)
            return
        before, self._machines = self._machines, found | {self._own_key: THIS_MACHINE}
        log_change("may connect to the queue now", self._machines.items() - before.items())
        log_change("may not connect to the queue any more", before.items() - self._machines.items())

    def check(self, key: str, identity: bytes, messages: Iterable[Message], now: float) -> None:
        """Raise MalformedError if the sender of messages is not allowed, or uses a name of another machine."""
        self.reload(now)
        if not self.is_allowed(key):
            raise MalformedError("it comes from a machine whose key was revoked")
        for name in {name_of(message) for message in messages} - {""}:
            self._check_name(name, key, identity, now)

    def is_shut_out(self, identity: bytes) -> bool:
        """Return whether a peer must get nothing, since its key was revoked."""
        key = self._keys.get(identity)
        return key is not None and not self.is_allowed(key)

    def _machine(self, key: str) -> str:
        return self._machines.get(key, "a machine that was revoked")

    def _check_name(self, name: str, key: str, identity: bytes, now: float) -> None:
        owner = self._owners.get(name)
        if owner and owner.key != key and self.is_allowed(owner.key) and now - owner.heard_at < NAME_KEPT_S:
            raise MalformedError(f"{self._machine(key)} claims to be {name} of {self._machine(owner.key)}")
        if owner is None:
            self._make_room(key, now)
        elif owner.identity != identity:
            self._keys.pop(owner.identity, None)
        self._owners[name] = NameOwner(key, identity, now)
        self._keys[identity] = key

    def _make_room(self, key: str, now: float) -> None:
        """Forget names of those that are away, if this machine has many. Raises MalformedError.

        First the names that are kept no longer, then the one of this machine that was silent longest: each start of
        its workers has another name.
        """
        if Counter(owner.key for owner in self._owners.values())[key] < MAX_NAMES:
            return
        self._owners = {name: owner for name, owner in self._owners.items() if now - owner.heard_at < NAME_KEPT_S}
        own = [name for name, owner in self._owners.items() if owner.key == key]
        if len(own) >= MAX_NAMES:
            oldest = min(own, key=lambda name: self._owners[name].heard_at)
            if now - self._owners[oldest].heard_at < AWAY_S:
                raise MalformedError(f"{self._machine(key)} uses more than {MAX_NAMES} names")
            del self._owners[oldest]
        self._keys = {owner.identity: owner.key for owner in self._owners.values()}


def mtime_of(folder: Path) -> int:
    """Return when a folder was changed last; 0 if it cannot be read."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def name_of(message: Message) -> str:
    """Return the name that a message claims for its sender; empty if it claims none."""
    match message:
        case Ready(name=name):
            return f"worker {name}"
        case Frame(camera=camera) | CameraReport(camera=camera):
            return f"camera {camera}"
    return ""


def log_change(what: str, machines: Iterable[tuple[str, str]]) -> None:
    """Log which machines were allowed or revoked."""
    for name in sorted(name for _, name in machines if name != THIS_MACHINE):
        log.info("%s %s", name, what)
