"""Other software that brings many cameras to the same vision functions, set up as its own documentation says.

Each peer is a module with ROLES, one per kind of process. All get the same films on the same schedule, the same
functions on JPEGs, and as many workers as there are cores, which is more than their documentation asks for.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: its name, its module here, and the package that it needs ("" for none)."""

    name: str
    module: str
    package: str = ""


PEERS = (
    Peer("one process, one loop", "one_loop"),
    Peer("multiprocessing.Queue", "queues"),
    Peer("imagezmq REQ/REP", "imagezmq_reqrep", "imagezmq"),
    Peer("imagezmq PUB/SUB", "imagezmq_pubsub", "imagezmq"),
    Peer("imagezmq PUB/SUB, a thread a camera", "imagezmq_threads", "imagezmq"),
    Peer("mosec", "mosec_server", "mosec"),
    Peer("LitServe", "litserve_server", "litserve"),
    Peer("Roboflow InferencePipeline", "inference_pipeline", "inference"),
)
