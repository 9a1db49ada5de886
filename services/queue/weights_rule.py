"""Which inference workers may read: those with the same networks, unless MIX_WEIGHTS lets all."""


class WeightsRule:
    """Knows the networks that are in use.

    The first worker decides. Later ones with other networks are denied until none of the first is left; but if a worker
    that reads loads other networks, as after `digitcam learn`, those are in use from then on.
    """

    def __init__(self, *, may_mix: bool = False) -> None:
        self.weights = ""  # in use; empty before the first worker
        self._may_mix = may_mix
        self._workers: set[str] = set()  # that read

    def admit(self, worker: str, weights: str) -> bool:
        """Return whether a worker with these networks may read now."""
        if self._may_mix:
            return True
        if weights != self.weights:
            if self._workers and worker not in self._workers:
                return False
            self.weights, self._workers = weights, set()
        self._workers.add(worker)
        return True

    def remove(self, worker: str) -> None:
        """Note that a worker is gone."""
        self._workers.discard(worker)
