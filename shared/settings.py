"""Settings from .env and the environment as one frozen, checked object. A wrong one is a sentence, not a traceback.

Written by hand: pydantic-settings costs every process 20 MB and 0.13 s (docs/decisions/0021).
"""

import difflib
import ipaddress
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from honcho.environ import parse as parse_env_file  # so that .env has the same meaning as for honcho

MODELS = Path(__file__).parent.parent / "models"
MIN_TOKEN_CHARACTERS = 16  # nobody guesses 16 random ones
DEFAULT_TCP_ADDRESS = "tcp://127.0.0.1:5750"
# a name, an IPv4 address, an IPv6 address in brackets, or * for all addresses
TCP_ADDRESS = re.compile(r"tcp://(\*|\w[\w.-]*|\[[\w:.%]+\]):(\d{1,5})", re.ASCII)
EVERYWHERE = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - hosts to listen on; where to connect
IPC_ADDRESS_BYTES = 100  # a Unix socket's path is limited to 104 bytes (macOS) or 108 (Linux)


QUOTED_COMMA = r'"([^",]*,[^"]*)"'
# commas separate, but not in #crop=x,y,width,height, in the login of an address, and in quotes
LIST_ITEM = re.compile(rf"(?:#crop=\s*\d+(?:,\s*\d+){{3}}|://[^/\s]*@|{QUOTED_COMMA}|[^,])+")


NAME_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,30}[A-Za-z0-9])?"  # safe in addresses, logs, labels
CELL = re.compile(f"({NAME_PATTERN})=(.+)")


class ConfigError(Exception):
    """A mistake that only the user can correct; the text is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A pipeline with one queue, one of several that a display shows."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """A setting as text: its default, its parser (which raises ValueError with what it takes), and its description."""

    default: str
    parse: Callable[[str], Any]
    description: str
    is_secret: bool = False


def _setting(default: str, parse: Callable[[str], Any], description: str, *, is_secret: bool = False) -> Any:
    """Return a field whose value comes from the environment variable of its name in capitals."""
    return field(metadata={"spec": SettingSpec(default, parse, description, is_secret)})


def _parse_list(text: str) -> tuple[str, ...]:
    items = (re.sub(QUOTED_COMMA, r"\1", found[0]).strip() for found in LIST_ITEM.finditer(text))
    words = tuple(item for item in items if item)
    if not words:
        raise ValueError("at least one, with commas between")
    return words


def _parse_cells(text: str) -> tuple[Cell, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    found = [CELL.fullmatch(word) for word in words]
    cells = tuple(Cell(match[1], _parse_queue_address(match[2])) for match in found if match)
    if len(cells) < len(words):
        raise ValueError("NAME=ADDRESS,NAME=ADDRESS; a name has letters, digits, dots and hyphens, at most 32")
    for kind, values in (("name", [cell.name for cell in cells]), ("address", [cell.address for cell in cells])):
        if len(set(values)) < len(values):
            raise ValueError(f"each {kind} once, and {max(values, key=values.count)} is there twice")
    return cells


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text.lower()

    return parse


def _number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> int | float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # also false for nan
            raise ValueError(f"a {'whole ' * (kind is int)}number from {low:g} to {high:g}")
        return value

    return parse


def _parse_max_batch(text: str) -> int:
    try:
        return 0 if text.lower() == "auto" else int(_number(int, 1, 128)(text))
    except ValueError as error:
        raise ValueError(f"auto, or {error}") from error


def _parse_flag(text: str) -> bool:
    words = {"1": "true", "0": "false", "yes": "true", "no": "false", "on": "true", "off": "false"}
    return _one_of("true", "false")(words.get(text.lower(), text)) == "true"


def _parse_url(text: str) -> str:
    parts = urlsplit(text)
    if text and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("http://... or https://..., or nothing")
    return text


def _parse_queue_address(text: str) -> str:
    if text == "auto" or (text.startswith("ipc://") and text != "ipc://"):
        return text
    match = TCP_ADDRESS.fullmatch(text)
    if not match or not 1 <= int(match[2]) <= 65535:
        raise ValueError("auto, ipc://path or tcp://host:port")
    return text


def _parse_path(text: str) -> Path:
    """Return a path; a shell fills in a ~ only if the setting comes from there."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError("a path; there is no such user") from error


def _parse_token(text: str) -> str:
    if text and len(text) < MIN_TOKEN_CHARACTERS:
        raise ValueError(
            f"at least {MIN_TOKEN_CHARACTERS} characters, such as the output of `openssl rand -hex 16`, or nothing"
        )
    return text


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, parsed and checked."""

    cameras: tuple[str, ...] = _setting(
        "auto", _parse_list, "cameras, separated by commas: auto, demo, 0, /dev/video2, clip.mp4, a folder, rtsp://..."
    )
    every_frame: bool = _setting(
        "false",
        _parse_flag,
        "read every frame of files and folders exactly once; otherwise they play in a loop, as if live",
    )
    max_age_s: float = _setting("0.15", _number(float, 0.01, 60), "age in seconds at which a live frame is dropped")
    reread_s: float = _setting(
        "1", _number(float, 0, 60), "seconds until an unchanged frame is read again; 0 reads it like any other"
    )
    follow: bool = _setting(
        "true",
        _parse_flag,
        "read settled digits of live cameras ten times a second, five times under load, and follow them in between; "
        "false follows none",
    )
    display_mode: str = _setting(
        "web", _one_of("web", "window", "none"), "where readings are shown: web, window or none"
    )
    web_host: str = _setting("127.0.0.1", str, "address that the web interface listens on")
    web_port: int = _setting("8000", _number(int, 1, 65535), "port of the web interface")
    web_token: str = _setting(
        "",
        _parse_token,
        "password of the web interface; it or WEB_WATCH_TOKEN is required if WEB_HOST lets other machines in",
        is_secret=True,
    )
    web_watch_token: str = _setting(
        "", _parse_token, "password of those who may watch, but not change anything or add a camera", is_secret=True
    )
    web_certificate: str = _setting("", str, "PEM file with key and certificate; the web interface then uses HTTPS")
    events_days: float = _setting("30", _number(float, 0, 3650), "how many days number events are kept; 0 keeps none")
    webhook: str = _setting("", _parse_url, "URL that gets a POST request for each number that appears or leaves")
    backend: str = _setting("auto", _one_of("auto", "onnx", "torch"), "runtime of the networks: auto, onnx or torch")
    device: str = _setting("auto", _one_of("auto", "cpu", "cuda"), "device that runs the networks: auto, cpu or cuda")
    models: Path = _setting(str(MODELS), _parse_path, "folder with the networks")
    learned_dir: Path = _setting(
        "learned", _parse_path, "folder for your corrections and the weights learned from them"
    )
    mix_weights: bool = _setting(
        "false", _parse_flag, "let inference workers with different networks read; otherwise the first ones decide"
    )
    max_batch: int = _setting(  # 0 is auto
        "auto", _parse_max_batch, "largest batch of an inference worker; auto: what it reads in a tenth of MAX_AGE_S"
    )
    long_side_px: int = _setting(
        "480", _number(int, 64, 4096), "longer side, in pixels, that camera frames are scaled down to before reading"
    )
    queue: str = _setting("auto", _parse_queue_address, "address of the queue: auto, ipc://path or tcp://host:port")
    queue_bind: str = _setting(
        "auto",
        _parse_queue_address,
        "address that the queue listens on, if it is not QUEUE, such as tcp://*:5750 for all addresses of its machine",
    )
    cells: tuple[Cell, ...] = _setting(
        "",
        _parse_cells,
        "queues that a display shows together, as NAME=ADDRESS with commas between; empty: the one of QUEUE",
    )
    frames: str = _setting(
        "auto",
        _one_of("auto", "shared", "inline"),
        "where the bytes of frames are: shared (shared memory), inline (messages) or auto (shared where possible)",
    )
    queue_key: str = _setting(
        "", str, "folder with CURVE keys; required if QUEUE, QUEUE_BIND or CELLS names another machine or lets one in"
    )
    status_port: int = _setting(
        "0",
        _number(int, 0, 65535),
        "port that serves the probes and metrics of all processes of this machine; 0 opens none",
    )
    status_host: str = _setting("127.0.0.1", str, "address that STATUS_PORT listens on")
    status_token: str = _setting(
        "",
        _parse_token,
        "password of the metrics at STATUS_PORT; required if STATUS_HOST lets other machines in",
        is_secret=True,
    )
    prometheus_port: int = _setting("9090", _number(int, 1, 65535), "port of Prometheus")
    run_dir: Path = _setting(".run", _parse_path, "folder for sockets, events, recordings and Prometheus' data")

    @property
    def queue_address(self) -> str:
        """The address that processes connect to: that of QUEUE, or else where the queue of this machine listens."""
        address = self.queue_bind_address if self.queue == "auto" else self.queue
        host, port = split_tcp(address)
        return f"tcp://{EVERYWHERE[host]}:{port}" if host in EVERYWHERE else address

    @property
    def queue_bind_address(self) -> str:
        """The address that the queue listens on: ipc where it is supported and its path fits, else TCP."""
        for address in (self.queue_bind, self.queue):
            if address != "auto":
                return address
        address = f"ipc://{self.run_dir}/queue"
        return address if sys.platform != "win32" and len(address) < IPC_ADDRESS_BYTES else DEFAULT_TCP_ADDRESS


SPECS: dict[str, SettingSpec] = {setting.name.upper(): setting.metadata["spec"] for setting in fields(Settings)}
QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")
ENV_LINE = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z_0-9]*)[ \t]*=[ \t]*(.*)")
LOGIN = re.compile(r"(?<=://).*@")  # user and password in an address
VARIABLE = re.compile(r"\$[A-Za-z_{(]|`")
COMMENT = re.compile(r"(?:^|\s)#.*")
CUT_OFF = re.compile(r"\S#")  # a comment has a space before its #


def load_settings(environment: Mapping[str, str] = os.environ, env_file: Path = Path(".env")) -> Settings:
    """Return the settings; the environment overrides .env. Raises ConfigError."""
    from_file = read_env_file(env_file)
    for name in from_file:
        _check_name(name, cutoff=0.6)
    for name in environment:  # most variables belong to other programs: only near misses are errors
        if name not in SPECS and difflib.get_close_matches(name, SPECS, 1, cutoff=0.9):
            _check_name(name, cutoff=0.9)
    given = from_file | dict(environment)
    values = {}
    for name, spec in SPECS.items():
        text = given.get(name, spec.default)
        try:
            if "\0" in text:
                raise ValueError("text without zero bytes")
            values[name.lower()] = spec.parse(text)
        except ValueError as error:
            shown = name if spec.is_secret else f"{name}={LOGIN.sub('…@', text)}"
            raise ConfigError(f"{shown} is not right: it takes {error}.") from error
    settings = Settings(**values)
    _check_exposure(settings)
    return settings


def read_env_file(env_file: Path = Path(".env")) -> dict[str, str]:
    """Return the variables in .env; none without that file. Raises ConfigError if a line would not be taken whole."""
    if not env_file.is_file():
        return {}
    try:
        text = env_file.read_text(encoding="utf-8-sig")  # Notepad begins a file with a byte order mark
    except (OSError, ValueError) as error:
        raise ConfigError(f"{env_file} can't be read ({error}): save it as UTF-8, readable for you.") from error
    variables = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                name, value = _parse_env_line(line.strip(" \t"))
            except ValueError as error:
                raise ConfigError(f"{env_file}, line {number}: {error}.") from error
            variables[name] = value
    return variables


def _parse_env_line(line: str) -> tuple[str, str]:
    """Return name and value of a line. Raises ValueError unless honcho and a shell read the same value."""
    match = ENV_LINE.fullmatch(line)
    if not match:
        raise ValueError("it is not NAME=value, so it would be ignored")
    name, text = match.groups()
    unquoted = QUOTED.sub("x", text)
    if CUT_OFF.search(unquoted):
        raise ValueError("the text after # would be lost. Put the value in quotes")
    try:
        value, *more = shlex.split(text, comments=True) or [""]
    except ValueError as error:
        raise ValueError(f"check its quotation marks ({error})") from error
    if more:
        raise ValueError("the spaces in its value would be lost. Put the value in quotes")
    if VARIABLE.search(COMMENT.sub("", re.sub("'[^']*'", "", text))):
        raise ValueError("a shell would fill in its $, honcho does not. Write it out, or put it in single quotes")
    if "\\" in unquoted or parse_env_file(f"{name}={text}").get(name, "") != value:
        raise ValueError("its backslashes would be changed. Write / instead, or %5C in a password")
    if not text and SPECS.get(name) and SPECS[name].default:
        raise ValueError(f"{name} has no value. Write one, or # in front of the line")
    return name, value


def _check_name(name: str, cutoff: float) -> None:
    if name not in SPECS:
        near = difflib.get_close_matches(name.upper(), SPECS, 1, cutoff)
        others = "`digitcam config --markdown` lists them. Set those of other programs in the environment"
        raise ConfigError(f"{name} is not a setting: " + (f"did you mean {near[0]}?" if near else f"{others}."))


def _check_exposure(settings: Settings) -> None:
    """Refuse an address that other machines can reach without a token or a key."""
    if settings.web_token and settings.web_token == settings.web_watch_token:
        raise ConfigError(
            "WEB_TOKEN and WEB_WATCH_TOKEN are the same: set different ones, since one may change things."
        )
    if not is_loopback(settings.web_host) and not (settings.web_token or settings.web_watch_token):
        raise ConfigError(
            f"WEB_HOST={settings.web_host} lets other machines in: set WEB_TOKEN to a secret, "
            "such as the output of `openssl rand -hex 16`, or WEB_HOST to 127.0.0.1."
        )
    if not is_loopback(settings.status_host) and not settings.status_token:
        raise ConfigError(
            f"STATUS_HOST={settings.status_host} lets other machines in: set STATUS_TOKEN to a secret, "
            "such as the output of `openssl rand -hex 16`, or STATUS_HOST to 127.0.0.1."
        )
    if not settings.status_port and (settings.status_token or settings.status_host != SPECS["STATUS_HOST"].default):
        raise ConfigError("STATUS_PORT is 0, so nothing listens at STATUS_HOST: set it to a port, such as 9101.")
    cells = [(f"CELLS={cell.name}", cell.address) for cell in settings.cells]
    for name, address in (("QUEUE", settings.queue), ("QUEUE_BIND", settings.queue_bind), *cells):
        host, _ = split_tcp(address)
        if host and not is_loopback(host) and not settings.queue_key:
            raise ConfigError(
                f"{name}={address} lets other machines in: run `digitcam keys make` on each machine "
                "and set QUEUE_KEY to the folder that it makes."
            )


def split_tcp(address: str) -> tuple[str, str]:
    """Return the host and the port of a TCP address; two empty strings for any other."""
    match = TCP_ADDRESS.fullmatch(address)
    return (match[1], match[2]) if match else ("", "")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
