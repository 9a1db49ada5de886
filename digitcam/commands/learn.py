"""digitcam learn: hands over to training, which teaches the reader your corrections; or undoes what was learned."""

import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from shared.settings import ConfigError, Settings
from shared.vision.reload import delete_learned_weights

NEEDED = ("torch", "onnx", "onnxscript", "PIL", "matplotlib", "tqdm")  # of the extra [train]


def learn(words: Sequence[str]) -> int:
    """Teach in a process of its own, since no service imports training; its exit code. Raises ConfigError."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(f"learn needs {', '.join(missing)}: pip install 'digitcam[train]'.")
    try:
        return subprocess.run([sys.executable, "-m", "training.finetune", *words], check=False).returncode
    except KeyboardInterrupt:  # it got the Ctrl-C too
        return 130


def undo(settings: Settings) -> int:
    """Give the shipped weights back; the exit code. Raises ConfigError."""
    try:
        had_learned = delete_learned_weights(settings)
    except (OSError, ValueError) as error:
        raise ConfigError(f"what was learned can't be undone: {error}") from error
    print("The reader is the shipped one again; your corrections stay." if had_learned else "Nothing was learned yet.")
    return 0
