"""digitcam keys: the CURVE keys that let other machines join the pipeline, one pair for each machine."""

import argparse
import os
import platform
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from shared.messaging.keys import (
    allow_machine,
    list_machines,
    load_pair,
    make_pair,
    parse_key,
    revoke_machine,
    to_hex,
)
from shared.settings import ConfigError, read_env_file

ACTIONS = ("make", "list", "allow", "revoke")
EPILOG = """\
on the queue's machine:           digitcam keys make
on each other machine:            digitcam keys make --queue KEY     (KEY is printed by the command above)
then on the queue's machine:      digitcam keys allow NAME KEY       (KEY is printed by the command above)

Secret keys stay on the machine that made them. A running queue notices within a second what you allow or revoke.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command; a folder alone, or nothing, makes keys."""
    if not arguments or (arguments[0] not in ACTIONS and not arguments[0].startswith("-")):
        arguments = ["make", *arguments]
    parsed = make_parser().parse_args(arguments)
    folder = parsed.folder or find_folder()
    if parsed.action == "make":
        print_made(folder, parsed.queue)
    elif parsed.action == "list":
        print_machines(folder)
    elif parsed.action == "allow":
        allow_machine(folder, parsed.name, parse_key(parsed.key))
        print(f"{parsed.name} may connect to the queue.")
    else:
        revoke_machine(folder, parsed.name)
        print(f"{parsed.name} may not connect to the queue any more.")
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the four actions."""
    parser = argparse.ArgumentParser(
        "digitcam keys",
        description="Let other machines join the pipeline, each with its own pair of keys.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="{" + ",".join(ACTIONS) + "}")
    make = actions.add_parser("make", help="make this machine's keys")
    make.add_argument("--queue", metavar="KEY", help="the key of the queue's machine, if that is another one")
    found = actions.add_parser("list", help="list the machines that may connect to the queue here")
    allow = actions.add_parser("allow", help="let a machine connect to the queue here")
    allow.add_argument("name", metavar="NAME", help="a name for the machine")
    allow.add_argument("key", metavar="KEY", help="what digitcam keys make has printed there")
    revoke = actions.add_parser("revoke", help="shut a machine out")
    revoke.add_argument("name", metavar="NAME", help="the name that it was allowed under")
    make.add_argument("folder", nargs="?", type=Path, help="folder of the keys (default: QUEUE_KEY, else keys)")
    for action in (found, allow, revoke):
        action.add_argument("--folder", type=Path, help="folder of the keys (default: QUEUE_KEY, else keys)")
    return parser


def find_folder() -> Path:
    """Return the folder in QUEUE_KEY. Other settings may be wrong as long as there are no keys."""
    return Path(os.environ.get("QUEUE_KEY") or read_env_file().get("QUEUE_KEY") or "keys")


def print_made(folder: Path, queue: str | None) -> None:
    """Make this machine's pair, and print what is to be done with it."""
    key = to_hex(make_pair(folder, parse_key(queue) if queue else None))
    print(f"Made the keys of this machine in {folder}. Set QUEUE_KEY={folder} here. The secret key stays here.")
    if queue:
        name = platform.node().partition(".")[0] or "NAME"
        print(f"Then run on the queue's machine:\n\n    digitcam keys allow {name} {key}\n")
    else:
        print(f"If the queue runs here, run on each other machine:\n\n    digitcam keys make --queue {key}\n")


def print_machines(folder: Path) -> None:
    """Print a line for each machine: name, key, and since when it is allowed. Raises ConfigError without keys."""
    own = load_pair(folder)[0]
    print(f"{'this machine':32}  {to_hex(own)}")
    try:
        for name, key in list_machines(folder).items():
            allowed_at = datetime.fromtimestamp((folder / f"{name}.key").stat().st_mtime)
            print(f"{name:32}  {to_hex(key)}  since {allowed_at:%Y-%m-%d %H:%M}")
    except OSError as error:
        raise ConfigError(f"{folder} can't be read ({error.strerror}).") from error
