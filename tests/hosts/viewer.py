"""Prints how each frame ended, a line of JSON each, and records the frames of files: a display for a test."""

import json
import sys
import time

from shared.messaging.messages import Recorded, View
from shared.messaging.sockets import ClientSocket
from shared.messaging.subscription import ViewSubscription
from shared.settings import load_settings


def main() -> None:
    """Print until the process is ended."""
    queue = ClientSocket(load_settings())
    subscription = ViewSubscription(queue, "viewer", credit=8)
    while True:
        for view in subscription.receive(0.1):
            if isinstance(view, View):
                print(json.dumps(describe(view, queue.now() - view.captured_at)))
                if view.position:
                    queue.send(Recorded(view.camera, view.position.stamp, (view.position.index,)))
        sys.stdout.flush()


def describe(view: View, age_s: float) -> dict[str, object]:
    """Return what the test compares; digits to a hundredth of a pixel."""
    digits = [[digit.digit, *(round(side, 2) for side in digit.box)] for digit in view.digits]
    return {
        "at": time.time(),
        "camera": view.camera,
        "index": view.position.index if view.position else None,
        "age_s": age_s,
        "outcome": view.outcome,
        "digits": sorted(digits),
    }


if __name__ == "__main__":
    main()
