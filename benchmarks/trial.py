"""The options that `digitcam chaos` and `digitcam soak` share."""

import argparse
import sys
import time
from pathlib import Path


def make_parser(command: str, description: str, seconds: float) -> argparse.ArgumentParser:
    """Return the parser of a command that hurts a pipeline of its own for a time, by default for these seconds."""
    parser = argparse.ArgumentParser(f"digitcam {command}", description=description)
    parser.add_argument("--seconds", type=float, default=seconds, help="how long (default: %(default)g)")
    now = int(time.time())
    parser.add_argument("--seed", type=int, default=now, help="choice of the faults (default: another each time)")
    parser.add_argument("--patience", type=float, default=1.0, help="multiplies the bounds, for a busy machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write it into reliability.md and .json there")
    return parser


def report_progress(line: str) -> None:
    """Print a line apart from the result."""
    print(line, file=sys.stderr, flush=True)
