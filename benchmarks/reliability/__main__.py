"""python -m benchmarks.reliability [NAME=FILE ...]: takes results that were saved, and writes docs/reliability.md."""

import argparse
import json
from pathlib import Path

from benchmarks.reliability.document import save_results

DOCS = Path(__file__).parents[2] / "docs"
NAMES = ("chaos", "ledger", "soak", "fuzz", "mutants")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.reliability", description=__doc__)
    parser.add_argument("results", nargs="*", metavar="NAME=FILE", help=f"{', '.join(NAMES)}: what --json printed")
    parser.add_argument("--folder", type=Path, default=DOCS, help="where the document is (default: docs)")
    parsed = parser.parse_args()
    given = dict(word.partition("=")[::2] for word in parsed.results)
    if unknown := given.keys() - set(NAMES):
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(NAMES)}")
    save_results(parsed.folder, {name: json.loads(Path(file).read_text()) for name, file in given.items()})


if __name__ == "__main__":
    main()
