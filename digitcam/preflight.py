"""Checks before the start what the pipeline needs: packages, programs, ports, folders, cameras and networks."""

import errno
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path

from digitcam.diagnosis import Finding
from digitcam.ports import find_bind_error
from services.capture.probe import find_camera_problems
from services.display.web.server import load_certificate
from shared.cameras.added_cameras import append_added_cameras, read_added_cameras
from shared.cameras.camera_list import SourceKind, parse_cameras
from shared.messaging.keys import load_pair, load_queue_key
from shared.settings import ConfigError, Settings
from shared.vision.reload import ReloadingRecognizer

CAMERAS_PER_CORE = 6  # 5.1 ms of CPU a frame at 16 cameras (docs/benchmarks.md)


def check_requirements(settings: Settings) -> list[Finding]:
    """Return what would keep the pipeline from starting or from reading."""
    return [
        *check_packages(metadata.requires("digitcam") or ()),
        *check_programs(settings),
        *check_ports(settings),
        *check_secrets(settings),
        *check_run_dir(settings.run_dir),
        *check_cameras(settings),
        *check_models(settings),
    ]


def check_packages(
    requirements: Sequence[str], version_of: Callable[[str], str] = metadata.version
) -> Iterator[Finding]:
    """Find required packages that are missing or too old."""
    for requirement in requirements:
        if not (match := re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement)):
            continue  # part of an extra
        name, minimum = match.groups()
        try:
            version = version_of(name)
        except metadata.PackageNotFoundError:
            yield Finding(f"the package {name} is not installed", f"pip install '{requirement}'")
            continue
        if parse_version(version) < parse_version(minimum):
            yield Finding(f"{name} is {version}, but {minimum} is needed", f"pip install -U {name}")


def parse_version(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, to compare: 27.3.1rc1 is (27, 3, 1)."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[a-z+-]", version)[0]))


def check_programs(settings: Settings) -> Iterator[Finding]:
    """Find missing programs, and a missing screen."""
    if not shutil.which("honcho"):
        yield Finding("honcho is not on the PATH", "activate the environment, or use make run or digitcam up")
    if not shutil.which("prometheus"):
        yield Finding("prometheus is not installed, so no history is kept", "apt install prometheus", is_needed=False)
    has_screen = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if settings.display_mode == "window" and not has_screen:
        yield Finding("DISPLAY_MODE=window needs a screen, and there is none", "set DISPLAY_MODE=web")


def check_ports(settings: Settings) -> Iterator[Finding]:
    """Find addresses that can't be served, such as ports that another program uses."""
    wanted = {"PROMETHEUS_PORT": ("127.0.0.1", settings.prometheus_port)}
    if settings.display_mode == "web":
        wanted["WEB_PORT"] = (settings.web_host, settings.web_port)
    if settings.status_port:
        wanted["STATUS_PORT"] = (settings.status_host, settings.status_port)
    for setting, (host, port) in wanted.items():
        if error := find_bind_error(host, port):
            is_needed = setting != "PROMETHEUS_PORT"
            if error.errno == errno.EADDRINUSE:
                remedy = f"stop the program that uses it, or set another {setting}"
                yield Finding(f"{setting}={port} is in use", remedy, is_needed)
            elif error.errno == errno.EACCES:
                yield Finding(f"{setting}={port} is not allowed for this user", "set one above 1023", is_needed)
            else:
                reason = error.strerror or str(error)
                remedy = "set it to an address of this machine, or to 0.0.0.0 for all of them"
                yield Finding(
                    f"{setting.replace('PORT', 'HOST')}={host} can't be served ({reason.lower()})", remedy, is_needed
                )


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Find that the certificate of the web interface, or this machine's keys, can't be loaded."""
    try:
        if settings.display_mode == "web":
            load_certificate(settings.web_certificate)
        if settings.queue_key:
            load_pair(Path(settings.queue_key))
            load_queue_key(Path(settings.queue_key))
    except ConfigError as error:
        yield Finding(str(error))


def check_run_dir(run_dir: Path) -> Iterator[Finding]:
    """Find that the folder for sockets and targets can't be written."""
    nearest = next(path for path in (run_dir, *run_dir.absolute().parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        yield Finding(f"RUN_DIR={run_dir} can't be written", "set RUN_DIR to a folder that you own")


def check_cameras(settings: Settings) -> Iterator[Finding]:
    """Find cameras that give no frames, by trying what capture tries."""
    try:
        from_setting = parse_cameras(settings.cameras, Path("/dev/video0").exists)
        cameras = append_added_cameras(from_setting, read_added_cameras(settings.run_dir))
    except ConfigError as error:
        yield Finding(str(error))
        return
    fallible = [camera for camera in cameras if camera.kind is not SourceKind.DEMO]
    for name, problem in find_camera_problems(fallible).items():
        yield Finding(f"{name} gives no frames: {problem}")
    cores = os.cpu_count() or 1
    if len(cameras) > CAMERAS_PER_CORE * cores:
        yield Finding(
            f"{len(cameras)} cameras of 30 frames/s are too many for {cores} cores, so frames will be dropped",
            f"use about {CAMERAS_PER_CORE} a core, or #fps=10 after each",
            is_needed=False,
        )


def check_models(settings: Settings) -> Iterator[Finding]:
    """Find that the networks can't be loaded."""
    try:
        ReloadingRecognizer(settings)
    except ValueError as error:
        yield Finding(f"MODELS={settings.models} BACKEND={settings.backend} can't be used", str(error))
    except ConfigError as error:
        yield Finding(str(error))
