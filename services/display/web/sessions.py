"""Sessions of browsers: a signed cookie that holds a role, and not the token that it was opened with."""

import hashlib
import logging
import os
import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer

from shared.state_files import clear_place, read_state

AGE_S = 30 * 24 * 3600
KEY_FILE = "web_session_key"
KEY_BYTES = 32


class AccessRole(StrEnum):
    """What the bearer of a token may do."""

    WATCH = "watch"
    CHANGE = "change"  # also add cameras, be one, record, correct


class SessionSigner:
    """Signs and reads cookies. Another token ends the sessions of the one before, as deleting the key file ends all."""

    def __init__(self, tokens: Mapping[AccessRole, str], key_file: Path) -> None:
        key = load_key(key_file)
        self._serializers = {
            role: URLSafeTimedSerializer(key, salt=f"{role} {hashlib.sha256(token.encode()).hexdigest()}")
            for role, token in tokens.items()
        }

    def sign(self, role: AccessRole) -> str:
        """Return the cookie of a session that begins now."""
        return str(self._serializers[role].dumps(secrets.token_hex(8)))

    def read(self, cookie: str) -> AccessRole | None:
        """Return the role of a session; None if there is no such session, or it has ended."""
        for role, serializer in self._serializers.items():
            try:
                serializer.loads(cookie, max_age=AGE_S)
            except BadSignature:
                continue
            return role
        return None


def load_key(path: Path) -> bytes:
    """Return the key that signs sessions: from its file, so that a restart signs nobody out, or a new one."""
    try:
        key = read_state(path, KEY_BYTES)
        if len(key) == KEY_BYTES:
            return key
    except (OSError, ValueError):  # there is none yet, or it cannot be read: either way a new one is needed
        pass
    key = secrets.token_bytes(KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_place(path)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
        draft.replace(path)
    except OSError as error:
        logging.warning("%s cannot be written (%s): after a restart browsers must sign in again", path, error.strerror)
    return key
