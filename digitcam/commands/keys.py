"""digitcam keys: makes the CURVE keys that let other machines join the pipeline."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from shared.messaging.sockets import make_curve_keys


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        "digitcam keys", description="Make the keys that let other machines join the pipeline."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("keys"), help="folder to write (default: keys)")
    folder = parser.parse_args(arguments).folder
    make_curve_keys(folder)
    print(f"Copy {folder} to every machine of the pipeline, set QUEUE_KEY={folder} there, and keep it secret.")
    return 0
