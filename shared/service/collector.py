"""The garbage collector of a process that runs for long."""

import gc

OLD, OLDEST = 10, 0  # thresholds of gc.set_threshold()


def freeze_start() -> None:
    """Let the collector look no more at what the start of a process has made and keeps: modules, networks, routes.

    Else a full collection stops a display for 40 ms, and so it comes after some 450 cameras and their viewers have come
    and gone. With the little that is left it takes 1 ms, and may come after 50.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # finds nothing; the next one waits for a quarter of what this one leaves
    gc.set_threshold(gc.get_threshold()[0], OLD, OLDEST)
