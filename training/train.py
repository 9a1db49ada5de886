"""Trains a network: `python -m training.train --preset seed`, or finder, reader, fast; each has options of its own."""

import argparse
from collections.abc import Callable

from training import blog, classifier, detector, race

PRESETS: dict[str, Callable[[list[str]], None]] = {
    "seed": blog.main,
    "finder": detector.main,
    "reader": classifier.main,
    "fast": race.main,
}


def main(words: list[str] | None = None) -> None:
    """Hand the rest of the command line to the preset that it names; without a name to the seed's."""
    parser = argparse.ArgumentParser(prog="python -m training.train", add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", choices=PRESETS, default="seed")
    arguments, others = parser.parse_known_args(words)
    PRESETS[arguments.preset](others)


if __name__ == "__main__":
    main()
