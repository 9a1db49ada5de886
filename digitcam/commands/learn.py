"""digitcam learn: fine-tunes the classifier on your corrections, or undoes that."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from shared.settings import ConfigError, Settings, load_settings
from shared.vision.reload import delete_learned_weights

REQUIRED = ("torch", "onnx", "onnxscript", "matplotlib")  # of the extra [train]


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        "digitcam learn", description="Fine-tune the classifier on the corrections made in the web interface."
    )
    parser.add_argument("--undo", action="store_true", help="return to the shipped weights; the corrections stay")
    parser.add_argument("--data", default="data", help="folder for MNIST, downloaded once (default: data)")
    parser.add_argument("--steps", default="300", help="more steps learn better and take longer (default: 300)")
    parsed = parser.parse_args(arguments)
    if parsed.undo:
        return undo(load_settings())
    return train("--data", parsed.data, "--steps", parsed.steps)


def train(*arguments: str) -> int:
    """Run training in its own process and return its exit code. Raises ConfigError if a package is missing."""
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        remedy = f"pip install {' '.join(missing)}, or pip install -e '.[train]' in a clone"
        raise ConfigError(f"learn needs {', '.join(missing)}: {remedy}.")
    try:
        return subprocess.run([sys.executable, "-m", "training.finetune", *arguments], check=False).returncode
    except KeyboardInterrupt:  # the child received Ctrl-C too
        return 130


def undo(settings: Settings) -> int:
    """Delete the learned weights. Raises ConfigError if that fails."""
    try:
        had_learned = delete_learned_weights(settings)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the learned weights can't be deleted: {error}") from error
    print(
        "The classifier has its shipped weights again. Your corrections stay."
        if had_learned
        else "Nothing was learned yet."
    )
    return 0
