"""The command line of digitcam: a table of commands, each of which is a file in digitcam/commands or benchmarks."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NamedTuple

import digitcam
from digitcam.run_lock import FULL
from shared.settings import ConfigError


class Command(NamedTuple):
    """A command: its line in the help, and its module, which is imported only when the command runs."""

    summary: str
    module: str
    extra: str = ""  # of pyproject.toml: the packages that only this command needs
    is_for_linux: bool = False

    def run(self, arguments: Sequence[str]) -> int:
        """Run the command and return its exit code. Raises ConfigError if it cannot run here."""
        if self.is_for_linux and sys.platform != "linux":
            raise ConfigError("this command needs Linux.")
        try:
            module = import_module(self.module)
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            remedy = f"pip install '.[{self.extra}]' in a clone of digitcam"  # PyPI's name may be another's
            raise ConfigError(f"this command needs {error.name}: {remedy}.") from error
        code: int = module.main(arguments)
        return code


COMMANDS = {
    "up": Command("start the whole pipeline; Ctrl-C ends it", "digitcam.commands.up"),
    "read": Command("read digits in photos, folders and videos", "digitcam.commands.read"),
    "top": Command("show a live table of cameras, stages and processes", "digitcam.commands.top"),
    "doctor": Command("find what is wrong and how to fix it", "digitcam.commands.doctor"),
    "record": Command("record an MP4 of a camera and its readings", "digitcam.commands.record"),
    "share": Command("open the web interface to a phone, by QR code", "digitcam.commands.share"),
    "files": Command("list which pictures of files were not read", "digitcam.commands.files"),
    "trace": Command("record where each frame's time goes", "digitcam.commands.trace"),
    "learn": Command("fine-tune the classifier on your corrections", "digitcam.commands.learn"),
    "bench": Command("measure speed and age of readings", "benchmarks.command", "bench"),
    "chaos": Command(
        "hurt a pipeline of its own and see if it recovers", "benchmarks.chaos.command", "bench", is_for_linux=True
    ),
    "soak": Command(
        "run a pipeline of its own for hours and see if it grows", "benchmarks.soak.command", "bench", is_for_linux=True
    ),
    "config": Command("print the settings in force and their origin", "digitcam.commands.config"),
    "keys": Command("let other machines join, each with its own keys", "digitcam.commands.keys"),
    "run": Command("run one stage, as the Procfile does", "digitcam.commands.run"),
}


class PrintVersion(argparse.Action):
    """Prints the installed version and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print("digitcam", digitcam.__version__)
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return its exit code."""
    parser = argparse.ArgumentParser(
        "digitcam",
        usage="digitcam [-h] [--version] COMMAND ...",
        description="Read handwritten digits that are held up to a camera.",
        epilog="commands:\n"
        + "".join(f"  {name:8}{command.summary}\n" for name, command in COMMANDS.items())
        + "\ndigitcam COMMAND --help describes a command.\n"
        "Settings come from .env in the current folder and from the environment; digitcam config lists them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=PrintVersion, nargs=0, help="print the version and exit")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    words = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if words[0] == "help":
        words = [*words[1:2], "--help"]
    command = parser.parse_args(words[:1]).command  # argparse's REMAINDER would swallow a -- that is the command's
    if not sys.stdout:  # it is closed
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - it takes the number 1, which no other file should have
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a character that the terminal lacks
    try:
        code = COMMANDS[command].run(words[1:])
        sys.stdout.flush()
        return code
    except ConfigError as error:
        print(f"digitcam: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as a shell counts it
    except BrokenPipeError:  # `digitcam read ... | head`
        discard_output()
        return 0
    except OSError as error:
        if error.errno not in FULL:
            raise
        discard_output()
        print(f"digitcam: the output can't be written: {error.strerror}.", file=sys.stderr)
        return 1


def discard_output() -> None:
    """Send to nowhere what is still to be printed: Python would print a traceback when it can't at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
