"""digitcam up: starts the whole pipeline under honcho. Needs no clone: the package has its own copy of the Procfile."""

import argparse
import os
import re
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from honcho.environ import expand_processes, parse_procfile
from honcho.manager import Manager
from honcho.printer import Printer

from digitcam.commands.run import check_scaling
from shared.cameras.camera_list import parse_cameras
from shared.pipeline import Stage
from shared.settings import ConfigError, load_settings

PROCFILE = Path(__file__).parents[1] / "Procfile"
CTRL_C = 130  # honcho's exit code


def main(arguments: Sequence[str]) -> int:
    """Run every line of the Procfile until Ctrl-C or until one ends; return honcho's exit code."""
    parser = argparse.ArgumentParser(
        "digitcam up",
        description="Start the whole pipeline; Ctrl-C ends it. Settings come from .env in the current folder and from "
        "the environment.",
        epilog="Install digitcam into an environment of its own (pipx install, uv tool install): it installs packages "
        "named services and shared.",
    )
    parser.add_argument(
        "cameras",
        nargs="*",
        metavar="CAMERA",
        help="cameras, as in the setting CAMERAS: demo, 0, clip.mp4, a folder, rtsp://... (default: CAMERAS)",
    )
    parser.add_argument(
        "-c",
        "--concurrency",
        default="",
        metavar="STAGE=N,...",
        help="workers of a stage, such as inference=2,preprocess=2",
    )
    parsed = parser.parse_args(arguments)
    environment = dict(os.environ)
    if parsed.cameras:
        environment["CAMERAS"] = ",".join(map(quote_file, parsed.cameras))
    check_settings(environment)
    environment["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    manager = PatientManager(Printer(sys.stdout))
    lines = parse_procfile(PROCFILE.read_text()).processes
    for line in expand_processes(lines, concurrency=parse_concurrency(parsed.concurrency)):
        # without exec, a shell stays in between and honcho reports how the shell ended
        command = f"exec {line.cmd}" if os.name == "posix" else line.cmd
        manager.add_process(line.name, command, env=environment | line.env)
    manager.loop()
    return 0 if manager.returncode == CTRL_C else int(manager.returncode)


class PatientManager(Manager):  # type: ignore[misc]  # honcho has no types
    """Keeps a signal that comes while the lines are being started. honcho 2.0 fails on it, and then takes no other."""

    is_due = False

    def terminate(self) -> None:
        """End all lines, as soon as all of them have been started."""
        self.is_due = True
        if super()._all_started():
            super().terminate()

    def _all_started(self) -> bool:
        """Return whether all lines have been started; the loop asks this again and again."""
        has_started = bool(super()._all_started())
        if has_started and self.is_due:
            super().terminate()
        return has_started


def check_settings(environment: Mapping[str, str]) -> None:
    """Report a wrong setting once, before anything starts. Raises ConfigError."""
    parse_cameras(load_settings(environment).cameras)


def quote_file(word: str) -> str:
    """Return a word of CAMERAS; a file with a comma in its name in quotes."""
    return f'"{word}"' if "," in word and os.path.exists(word) else word  # noqa: PTH110 - Path.exists() may raise


def parse_concurrency(text: str) -> dict[str, int]:
    """Parse inference=2,preprocess=2. Raises ConfigError, which names the word that is wrong."""
    workers = {}
    for word in filter(None, text.split(",")):
        name, _, number = word.partition("=")
        if name not in list(Stage):
            raise ConfigError(f"-c {word} is not right: there is no stage {name}, but there are {', '.join(Stage)}.")
        if not re.fullmatch("[0-9]{1,3}", number):
            raise ConfigError(f"-c {word} is not right: it takes a number of workers, such as {name}=2.")
        workers[name] = int(number)
        check_scaling(Stage(name), workers[name])
    return workers
