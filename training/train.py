"""Trains a network: `python -m training.train --preset blog` (or detector, classifier, fast); each has its options."""

import argparse
from collections.abc import Callable

from training import blog, classifier, detector, fast

PRESETS: dict[str, Callable[[list[str]], None]] = {
    "blog": blog.main,
    "detector": detector.main,
    "classifier": classifier.main,
    "fast": fast.main,
}


def main(words: list[str] | None = None) -> None:
    """Hand the remaining options to the preset; without one to the blog post's."""
    parser = argparse.ArgumentParser(prog="python -m training.train", add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", choices=PRESETS, default="blog")
    options, others = parser.parse_known_args(words)
    PRESETS[options.preset](others)


if __name__ == "__main__":
    main()
