"""What the pipeline needs of a machine, looked at before it starts: programs, versions, ports, cameras, models."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from digitcam.diagnosis import Finding
from shared.cameras.added_cameras import append_added_cameras
from shared.cameras.camera_list import Camera, SourceKind, hide_secrets, parse_cameras
from shared.settings import ConfigError, Settings
from shared.vision.reload import ReloadingRecognizer

ANSWERS_WITHIN_S = 1.0  # a camera's host


def examine(settings: Settings) -> list[Finding]:
    """All that would keep the pipeline from starting, or from seeing."""
    return [
        *of_packages(metadata.requires("digitcam") or ()),
        *of_programs(settings),
        *of_ports(settings),
        *of_run_dir(settings.run_dir),
        *of_cameras(settings),
        *of_models(settings),
    ]


def of_packages(requirements: Sequence[str], version_of: Callable[[str], str] = metadata.version) -> Iterator[Finding]:
    """Packages that are missing or too old, by what the project says that it needs."""
    for requirement in requirements:
        if not (found := re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement)):
            continue  # an extra's
        name, least = found.groups()
        try:
            version = version_of(name)
        except metadata.PackageNotFoundError:
            yield Finding(f"the package {name} is not installed", "pip install -e .")
            continue
        if numbers(version) < numbers(least):
            yield Finding(f"{name} is {version}, and {least} is needed", f"pip install -U {name}")


def numbers(version: str) -> tuple[int, ...]:
    """A version's leading numbers, to be compared: 27.3.1rc1 is (27, 3, 1)."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[a-z+-]", version)[0]))


def of_programs(settings: Settings) -> Iterator[Finding]:
    """Programs and screens that are missing."""
    if not shutil.which("honcho"):
        yield Finding("honcho is not on the PATH", "activate the environment: . .venv/bin/activate, or use make run")
    if not shutil.which("prometheus"):
        yield Finding("prometheus is not installed, so no history is kept", "apt install prometheus", is_needed=False)
    has_screen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if settings.display_mode == "window" and not has_screen:
        yield Finding("DISPLAY_MODE=window, and there is no screen", "set DISPLAY_MODE=web")


def of_ports(settings: Settings) -> Iterator[Finding]:
    """Ports that another program has."""
    wanted = {"PROMETHEUS_PORT": ("127.0.0.1", settings.prometheus_port)}
    if settings.display_mode == "web":
        wanted["WEB_PORT"] = (settings.web_host, settings.web_port)
    for name, address in wanted.items():
        if not is_free(address):
            yield Finding(f"{name}={address[1]} is taken", f"stop what listens there, or set {name} to another port")


def is_free(address: tuple[str, int]) -> bool:
    """Whether an address can be bound now; only that is told from one that cannot at all."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that has just ended is none
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def of_run_dir(run_dir: Path) -> Iterator[Finding]:
    """A folder for sockets and targets that can't be written."""
    nearest = next(path for path in (run_dir, *run_dir.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        yield Finding(f"RUN_DIR={run_dir} can't be written", "set RUN_DIR to a folder that is yours")


def of_cameras(settings: Settings) -> Iterator[Finding]:
    """Cameras that are not there, or that this user may not open."""
    try:
        cameras = append_added_cameras(parse_cameras(settings.cameras, Path("/dev/video0").exists), settings.run_dir)
    except ConfigError as error:
        yield to_finding(error)
        return
    for camera in cameras:
        if camera.kind is SourceKind.WEBCAM:
            yield from of_webcam(camera.source)
        elif camera.kind is SourceKind.STREAM and not answers(camera):
            yield Finding(
                f"{hide_secrets(camera.source)} does not answer", "see that it has power and is in this network"
            )


def of_webcam(source: str) -> Iterator[Finding]:
    """A webcam that is not there or not for this user; other systems than Linux tell only when it is opened."""
    device = Path(f"/dev/video{int(source)}" if source.isdigit() else source)
    if sys.platform != "linux":
        return
    if not device.exists():
        yield Finding(
            f"{device} is not there", "plug the webcam in, or set CAMERAS to another; ls /dev/video* lists them"
        )
    elif not os.access(device, os.R_OK | os.W_OK):
        yield Finding(f"{device} may not be opened", "sudo usermod -aG video $USER, then log in again")


def answers(camera: Camera) -> bool:
    """Whether a network camera's host takes connections."""
    parts = urlsplit(camera.source)
    ports = {"rtsp": 554, "rtsps": 322, "https": 443}
    try:
        port = parts.port or ports.get(parts.scheme, 80)
        with socket.create_connection((parts.hostname, port), ANSWERS_WITHIN_S):
            return True
    except (OSError, ValueError):  # ValueError: a port that is no number
        return False


def of_models(settings: Settings) -> Iterator[Finding]:
    """Networks that can't be loaded."""
    try:
        ReloadingRecognizer(settings)
    except ValueError as error:
        yield Finding(f"MODELS={settings.models} BACKEND={settings.backend} can't be used", str(error))
    except ConfigError as error:
        yield to_finding(error)


def to_finding(error: ConfigError) -> Finding:
    """A wrong setting's sentence: what is wrong, a colon, what would be right."""
    wrong, _, remedy = str(error).partition(": ")
    return Finding(wrong, remedy)
