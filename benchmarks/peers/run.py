"""One process of a peer: python -m benchmarks.peers.run MODULE ROLE NUMBER SETUP, until it is stopped."""

import sys
from importlib import import_module

from benchmarks.peers.setup import PeerSetup


def main() -> None:
    module, role, number, setup = sys.argv[1:5]
    import_module(f"benchmarks.peers.{module}").ROLES[role].run(PeerSetup.from_json(setup), int(number))


if __name__ == "__main__":
    main()
