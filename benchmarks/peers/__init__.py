"""Other ways to bring many cameras to the same vision functions, each set up as its own documentation has it.

Each is a module with ROLES: what its processes run. All get the same films at the same times, the same functions on
JPEGs, and as many workers as there are cores, which is more than their documentation asks for.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way: its name, its module here, and the package that must be installed for it ("" for none)."""

    name: str
    module: str
    needs: str = ""


PEERS = (
    Peer("one process, one loop", "one_loop"),
    Peer("multiprocessing.Queue", "queues"),
    Peer("imagezmq REQ/REP", "imagezmq_reqrep", "imagezmq"),
    Peer("imagezmq PUB/SUB", "imagezmq_pubsub", "imagezmq"),
    Peer("imagezmq PUB/SUB, a thread a camera", "imagezmq_threads", "imagezmq"),
    Peer("vidgear NetGear", "netgear", "vidgear"),
    Peer("mosec", "mosec_server", "mosec"),
)
