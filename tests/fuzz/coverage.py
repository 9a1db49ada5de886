"""Coverage-guided inputs by atheris, for what parses bytes: python -m tests.fuzz.coverage [SECONDS]. Linux only.

libFuzzer ends the process itself: with an input and a traceback if one of the parsers raises what it should not.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["shared", "services"]):
    from services.display.web import browser_protocol
    from services.display.web.sessions import AccessRole, SessionSigner
    from shared.messaging.codec import MalformedError, decode, encode
    from shared.settings import ConfigError, read_env_file
    from shared.vision.jpeg import check_jpeg

SECONDS = 60
MAX_BYTES = 4096
FOLDER = tempfile.TemporaryDirectory()
ENV_FILE = Path(FOLDER.name) / ".env"
SESSIONS = SessionSigner({AccessRole.WATCH: "a token of this process"}, Path(FOLDER.name) / "key")


def parse_message(data: bytes) -> None:
    """A message that is taken is sent on as it came."""
    header, _, payload = data.partition(b"\0\0")
    try:
        messages = decode([header, payload])
    except MalformedError:
        return
    if decode(encode(messages)) != messages:
        raise AssertionError(f"{messages} changes on its way")


def parse_browser_message(data: bytes) -> None:
    try:
        browser_protocol.decode(data.decode(errors="surrogateescape"))
    except ValueError:
        return


def parse_jpeg(data: bytes) -> None:
    try:
        check_jpeg(b"\xff\xd8" + data)
    except ValueError:
        return


def parse_env_file(data: bytes) -> None:
    ENV_FILE.write_bytes(data)
    try:
        read_env_file(ENV_FILE)
    except ConfigError:
        return


def parse_cookie(data: bytes) -> None:
    if SESSIONS.read(data.decode(errors="replace")):
        raise AssertionError("a session out of nothing")


PARSERS = (parse_message, parse_browser_message, parse_jpeg, parse_env_file, parse_cookie)


def feed(data: bytes) -> None:
    """Give an input to the parser that its first byte names."""
    if data:
        PARSERS[data[0] % len(PARSERS)](data[1:])


if __name__ == "__main__":
    seconds = sys.argv[1] if len(sys.argv) > 1 else str(SECONDS)
    options = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-verbosity=0", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options], feed)
    atheris.Fuzz()
