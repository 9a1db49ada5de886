"""Checksums of weights in their cards: NAME.md next to NAME.onnx and NAME.pt. Exports write them; loading compares."""

import hashlib
import logging
import re
from pathlib import Path

SUFFIXES = (".layers.onnx", ".onnx", ".pt")
HEAD = "## Checksums\n\n| file | SHA-256 |\n|---|---|\n"
ROW = re.compile(r"^\| `([\w.]+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)
SECTION = re.compile(rf"\n*{re.escape(HEAD)}(?:\|.*\n)*\n*")

log = logging.getLogger("digitcam")


def find_card(path: Path) -> Path:
    """Return the path of the card of a file of weights; classifier.layers.onnx is described with the classifier."""
    return path.with_name(path.name.partition(".")[0] + ".md")


def check_weights(path: Path, weights: bytes) -> None:
    """Log a warning if the card next to a file names another checksum, or none. Weights without a card are your own."""
    card = find_card(path)
    try:
        named = dict(ROW.findall(card.read_text(encoding="utf-8"))).get(path.name)
    except (OSError, ValueError):
        return
    if named != hashlib.sha256(weights).hexdigest():
        log.warning(
            "%s is not the file that %s names: install digitcam again; if you made it, run make checksums",
            path,
            card.name,
        )


def write_checksums(card: Path) -> None:
    """Write the checksums of all weights into their card, if there is one."""
    if not card.is_file():
        return
    files = [path for suffix in SUFFIXES if (path := card.with_suffix(suffix)).is_file()]
    rows = "".join(f"| `{path.name}` | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |\n" for path in files)
    text = SECTION.sub("\n\n", card.read_text(encoding="utf-8")).rstrip()
    card.write_text(f"{text}\n\n{HEAD}{rows}", encoding="utf-8")
