"""Settings: .env and the environment become one frozen, checked object; a wrong one is a sentence, not a traceback."""

import difflib
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from honcho.environ import parse as parse_env_file  # .env means here what it means to honcho

MODELS = Path(__file__).parent.parent / "models"
IPC_ADDRESS_BYTES = 100  # a Unix socket's path ends at 104 (macOS) or 108 (Linux)


class ConfigError(Exception):
    """Something that only the user can put right: one sentence that says what and how."""


def _setting(default: str, parse: Callable[[str], Any], meaning: str, *, is_secret: bool = False) -> Any:
    """A field whose value comes from the environment variable of its name in capitals."""
    return field(metadata={"default": default, "parse": parse, "meaning": meaning, "is_secret": is_secret})


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise ValueError("at least one, with commas between")
    return words


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text.lower()

    return parse


def _between(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(low - 1)
        if not low <= value <= high:  # also false for nan
            raise ValueError(f"a {'whole ' * (kind is int)}number from {low:g} to {high:g}")
        return value

    return parse


def _auto_or(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_auto(text: str) -> Any:
        try:
            return 0 if text.lower() == "auto" else parse(text)
        except ValueError as error:
            raise ValueError(f"auto, or {error}") from error

    return parse_auto


def _flag(text: str) -> bool:
    return _one_of("true", "false")({"1": "true", "0": "false", "yes": "true", "no": "false"}.get(text, text)) == "true"


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if text and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("http://... or https://..., or nothing")
    return text


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, with its default and its meaning."""

    cameras: tuple[str, ...] = _setting(
        "auto", _words, "cameras: auto, demo, 0, /dev/video2, clip.mp4, folder, rtsp://"
    )
    every_frame: bool = _setting("false", _flag, "files and folders: read every picture once, none dropped")
    max_age_s: float = _setting("0.15", _between(float, 0.01, 60), "a live frame older than so many seconds is dropped")
    reread_s: float = _setting(
        "1", _between(float, 0, 60), "a page that stays the same is read again after so many seconds; 0: every frame is"
    )
    display_mode: str = _setting(
        "web", _one_of("web", "window", "none"), "where readings are shown: web, window or none"
    )
    web_host: str = _setting("127.0.0.1", str, "address of the page")
    web_port: int = _setting("8000", _between(int, 1, 65535), "port of the page")
    web_token: str = _setting(
        "", str, "password of the page; needed where WEB_HOST is not this machine alone", is_secret=True
    )
    web_certificate: str = _setting("", str, "PEM file with key and certificate: then the page is https")
    events_days: float = _setting("30", _between(float, 0, 3650), "numbers that came and went are kept so long; 0: not")
    webhook: str = _setting("", _web_address, "address that gets a POST for each number that comes or goes")
    backend: str = _setting("auto", _one_of("auto", "onnx", "torch"), "what runs the networks: auto, onnx or torch")
    device: str = _setting("auto", _one_of("auto", "cpu", "cuda"), "where the networks run: auto, cpu or cuda")
    models: Path = _setting(str(MODELS), Path, "folder of the networks")
    learned_dir: Path = _setting("learned", Path, "folder of your corrections and of what was learned from them")
    max_batch: int = _setting(  # 0 is auto
        "auto", _auto_or(_between(int, 1, 128)), "most pages read at once by an inference worker; auto: it finds out"
    )
    long_side_px: int = _setting(
        "480", _between(int, 64, 4096), "pages of cameras are scaled down to so many pixels on their long side"
    )
    queue: str = _setting("auto", str, "address of the queue: auto, ipc://... or tcp://host:port")
    queue_key: str = _setting("", str, "folder of CURVE keys; needed where QUEUE is not this machine alone")
    prometheus_port: int = _setting("9090", _between(int, 1, 65535), "port of Prometheus")
    run_dir: Path = _setting(".run", Path, "folder for sockets, scrape targets and Prometheus' data")

    @property
    def queue_address(self) -> str:
        """Where the queue binds; ipc where there is such a thing and its path fits, else TCP on this machine."""
        if self.queue != "auto":
            return self.queue
        address = f"ipc://{self.run_dir}/queue"
        return address if sys.platform != "win32" and len(address) < IPC_ADDRESS_BYTES else "tcp://127.0.0.1:5750"


QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
CUT_OFF = re.compile(r"\S#")  # a comment has a space before it

NAMES = {setting.name.upper(): setting for setting in fields(Settings)}


def load_settings(environment: Mapping[str, str] = os.environ, env_file: Path = Path(".env")) -> Settings:
    """The settings in force; the environment wins over .env. Raises ConfigError."""
    written = read_env_file(env_file)
    for name in written:
        _check_name(name, cutoff=0.6)
    for name in environment:  # here most names are none of ours: only near misses are errors
        if name not in NAMES and difflib.get_close_matches(name, NAMES, 1, cutoff=0.9):
            _check_name(name, cutoff=0.9)
    values = {setting.name: _parse(name, setting, written | dict(environment)) for name, setting in NAMES.items()}
    settings = Settings(**values)
    _check_reach(settings)
    return settings


def read_env_file(env_file: Path = Path(".env")) -> dict[str, str]:
    """What is written in .env; nothing where there is none. Raises ConfigError where a part would be left out."""
    if not env_file.is_file():
        return {}
    try:
        text = env_file.read_text(encoding="utf-8")
        written: dict[str, str] = parse_env_file(text)
    except ValueError as error:  # a quotation that does not end; bytes that are no UTF-8
        raise ConfigError(
            f"{env_file} can't be read ({error}): see to its quotation marks, and save it as UTF-8."
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("#") and CUT_OFF.search(QUOTED.sub("", line)):
            raise ConfigError(
                f"{env_file}, line {number}: what follows the # would be left out. Put the value in quotes."
            )
    return written


def _check_name(name: str, cutoff: float) -> None:
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, 1, cutoff)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMES)}."
        raise ConfigError(f"{name} is not a setting: {hint}")


def _parse(name: str, setting: Any, given: Mapping[str, str]) -> Any:
    text = given.get(name, setting.metadata["default"])
    try:
        return setting.metadata["parse"](text)
    except ValueError as error:
        raise ConfigError(f"{name}={text} is not right: it takes {error}.") from error


def _check_reach(settings: Settings) -> None:
    """Refuse to be reached from other machines without a key or a token."""
    if not is_loopback(settings.web_host) and not settings.web_token:
        raise ConfigError(
            f"WEB_HOST={settings.web_host} lets other machines in: set WEB_TOKEN to a secret, "
            "such as the output of `openssl rand -hex 16`, or WEB_HOST to 127.0.0.1."
        )
    scheme, _, rest = settings.queue_address.partition("://")
    if scheme not in ("ipc", "tcp") or not rest or (scheme == "tcp" and not rest.rpartition(":")[2].isdigit()):
        raise ConfigError(f"QUEUE={settings.queue} is not right: it takes auto, ipc://path or tcp://host:port.")
    if scheme == "tcp" and not is_loopback(rest.rpartition(":")[0]) and not settings.queue_key:
        raise ConfigError(
            f"QUEUE={settings.queue} lets other machines in: run `digitcam keys`, copy the folder to each machine "
            "and set QUEUE_KEY to it."
        )


def is_loopback(host: str) -> bool:
    """True where only this machine can connect to the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
