"""One process of a peer: python -m benchmarks.peers.run MODULE ROLE NUMBER PLACE, until it is ended."""

import sys
from importlib import import_module

from benchmarks.peers.place import Place


def main() -> None:
    """Run the role."""
    module, role, number, place = sys.argv[1:5]
    import_module(f"benchmarks.peers.{module}").ROLES[role].run(Place.from_json(place), int(number))


if __name__ == "__main__":
    main()
