"""Writes the checksums of all weights into their cards: python -m training.checksums [FOLDER]. `make checksums`."""

import sys
from pathlib import Path

from shared.networks.cards import write_checksums


def main(folder: Path) -> None:
    for card in sorted(folder.glob("*.md")):
        write_checksums(card)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
