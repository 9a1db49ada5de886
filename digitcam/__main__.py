"""digitcam: what a person types."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from digitcam.commands.run import run_stage
from shared.pipeline import Stage
from shared.settings import ConfigError, load_settings

MOST_PIXELS = "60000000"  # of a picture file; more is refused before it is decoded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    choice = parse(arguments)
    try:
        code: int = choice.run(choice)
    except ConfigError as error:
        print(f"digitcam: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `digitcam read ... | head`
        sys.stderr.close()
        return 0
    return code


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, with the function that runs the command as `run`."""
    parser = argparse.ArgumentParser(prog="digitcam", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="run one line of the Procfile, and keep it alive")
    command.add_argument("stage", choices=[stage.value for stage in Stage])
    command.set_defaults(run=lambda choice: run_stage(choice.stage))

    command = commands.add_parser("read", help="read digits in photos, folders and videos")
    command.add_argument("paths", nargs="+", metavar="PATH")
    command.add_argument("--json", action="store_true", help="print one JSON object a picture")
    command.set_defaults(run=run_read)

    command = commands.add_parser("top", help="watch cameras, stages and processes in a live table")
    command.add_argument("--once", action="store_true", help="print the table once")
    command.set_defaults(run=run_top)

    command = commands.add_parser(
        "doctor", help="say what is wrong and what to change, before the start or while it runs"
    )
    command.set_defaults(run=run_doctor)

    command = commands.add_parser("trace", help="record where each frame's time goes, for Perfetto")
    command.add_argument("--seconds", type=float, default=5.0, help="how long (5)")
    command.add_argument("--out", type=Path, default=Path("trace.json"), help="the file (trace.json)")
    command.set_defaults(run=run_trace)

    command = commands.add_parser("learn", help="teach the reader the corrections that were made on the page")
    command.add_argument("--undo", action="store_true", help="give the shipped weights back; the corrections stay")
    command.add_argument("--data", default="data", help="folder of what may not be forgotten, fetched once (data)")
    command.add_argument("--steps", default="300", help="more learn better and take longer (300)")
    command.set_defaults(run=run_learn)

    command = commands.add_parser("config", help="print what is set, and where each value comes from")
    command.add_argument("--markdown", action="store_true", help="print the table of docs/settings.md instead")
    command.set_defaults(run=run_config)

    command = commands.add_parser("keys", help="make the keys that let other machines into the pipeline")
    command.add_argument("folder", nargs="?", type=Path, default=Path("keys"))
    command.set_defaults(run=run_keys)

    command = commands.add_parser(
        "bench",
        help="measure how fast and how fresh it is",
        add_help=False,
        prefix_chars="+",  # --help is its own
    )
    command.add_argument("arguments", nargs=argparse.REMAINDER)
    command.set_defaults(run=run_bench)
    command = commands.add_parser("record", help="record an MP4 of a camera with what was read on it")
    command.add_argument("camera", help="its name, as the page shows it")
    command.add_argument("--seconds", type=float, default=10.0)
    command.add_argument("--to", type=Path, default=Path("recording.mp4"), metavar="FILE")
    command.set_defaults(run=run_record)

    command = commands.add_parser("share", help="let a phone in: the page over HTTPS, with a QR code")
    command.add_argument("--port", type=int, default=8443)
    command.add_argument("--address", help="of this machine, where it has several")
    command.set_defaults(run=run_share)
    return parser.parse_args(arguments)


# Each command imports what it needs when it runs: `digitcam run` stands behind every line of the Procfile.


def run_read(choice: argparse.Namespace) -> int:
    """Read pictures."""
    os.environ.update(OPENCV_IO_MAX_IMAGE_PIXELS=MOST_PIXELS, OPENCV_FFMPEG_LOGLEVEL="-8")  # it looks when imported
    from digitcam.commands.read import read_paths

    return read_paths(choice.paths, load_settings(), choice.json)


def run_top(choice: argparse.Namespace) -> int:
    """Watch."""
    from digitcam.commands.top import watch

    return watch(load_settings(), choice.once)


def run_doctor(_: argparse.Namespace) -> int:
    """Examine."""
    from digitcam.commands.doctor import examine_all

    return examine_all(load_settings())


def run_trace(choice: argparse.Namespace) -> int:
    """Trace."""
    from digitcam.commands.trace import trace

    return trace(load_settings(), choice.seconds, choice.out)


def run_learn(choice: argparse.Namespace) -> int:
    """Learn, or undo it."""
    from digitcam.commands.learn import learn, undo

    return undo(load_settings()) if choice.undo else learn(["--data", choice.data, "--steps", choice.steps])


def run_config(choice: argparse.Namespace) -> int:
    """Show the settings."""
    from digitcam.commands.config import show, to_markdown

    if choice.markdown:
        print(to_markdown(), end="")
        return 0
    return show(os.environ, Path(".env"))


def run_keys(choice: argparse.Namespace) -> int:
    """Make CURVE keys."""
    from shared.messaging.sockets import make_curve_keys

    make_curve_keys(choice.folder)
    print(f"QUEUE_KEY={choice.folder} on every machine of the pipeline; keep the folder secret")
    return 0


def run_bench(choice: argparse.Namespace) -> int:
    """Measure."""
    try:
        from benchmarks.command import main as bench
    except ModuleNotFoundError as error:
        raise ConfigError(f"bench needs {error.name}: pip install 'digitcam[bench]'.") from error
    return bench(choice.arguments)


def run_record(choice: argparse.Namespace) -> int:
    """Record a camera."""
    from digitcam.commands.record import record

    return record(load_settings(), choice.camera, choice.seconds, choice.to)


def run_share(choice: argparse.Namespace) -> int:
    """Share the page."""
    from digitcam.commands.share import share

    return share(load_settings(), choice.port, choice.address)


if __name__ == "__main__":
    sys.exit(main())
