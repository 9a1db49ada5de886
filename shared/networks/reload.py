"""Which weights the classifier has: the shipped ones, or those that `digitcam learn` made of them on this machine.

The learned ones lie in LEARNED_DIR under the version of the shipped ones that they began with: better ones that come
with a new release are not hidden by what was learned from the old.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from shared.demo.paper import load_digits
from shared.networks.runtimes import NOT_A_MODEL, Network, load_network, read_weights, version_of
from shared.settings import Settings
from shared.telemetry import metrics
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.recognizer import Recognizer, load_detector

LOOK_EVERY_S = 1.0
LEAST_KNOWN = 8  # of ten plain digits: the shipped classifier knows all of them, chance knows one

Stamp = tuple[Path, int, int, int]  # a file's path, time of change, size and inode

log = logging.getLogger("digitcam")


def shipped_weights(settings: Settings) -> Path:
    """Return the classifier's .onnx file that came with the program; the .pt for torch is beside it."""
    return settings.models / "classifier.onnx"


def learned_weights(settings: Settings) -> Path:
    """Return the path of the weights learned from the shipped ones. Raises OSError, ValueError without these."""
    version = version_at(stamp_of(shipped_weights(settings)))
    return settings.learned_dir / version / "classifier.onnx"


def weights_in_force(settings: Settings) -> Path:
    """Return the classifier's .onnx file to be used. Raises ValueError, in one sentence, where there is none."""
    shipped = shipped_weights(settings)
    if not shipped.is_file():
        read_weights(shipped)  # says why it can't be read
    learned = learned_weights(settings)
    return learned if os.access(learned, os.R_OK) else shipped


def forget_learned(settings: Settings) -> bool:
    """Give the shipped weights back; False where none were learned. The corrections stay."""
    learned = learned_weights(settings)
    was_there = learned.is_file()
    for suffix in (".onnx", ".pt"):  # in this order: the .onnx says that there is something learned
        learned.with_suffix(suffix).unlink(missing_ok=True)
    return was_there


def stamp_of(path: Path) -> Stamp:
    """Return what changes when a file is replaced. Raises OSError where there is none."""
    found = path.stat()
    return path, found.st_mtime_ns, found.st_size, found.st_ino


@lru_cache(maxsize=2)
def version_at(stamp: Stamp) -> str:
    """Return the version of the weights in a file, which is read again only when it was replaced."""
    return version_of(read_weights(stamp[0]))


def load_checked(path: Path, backend: str, device: str) -> Network:
    """Load a classifier, and see that it knows plain digits. Raises ValueError, in one sentence, for any other file."""
    network = load_network(path, backend, device)
    digits = np.asarray(load_digits()[:, :1] / 255, np.float32)
    try:
        logits = network(digits)
    except (*NOT_A_MODEL, RuntimeError) as error:
        raise ValueError(f"{path} takes other images than the classifier does") from error
    if logits.shape != (len(digits), NOT_A_DIGIT + 1):
        raise ValueError(f"{path} has not the classifier's eleven answers")
    known = int((logits.argmax(axis=1) == np.arange(10)).sum())
    if known < LEAST_KNOWN:
        raise ValueError(f"{path} knows {known} of ten plain digits")
    return network


class ReloadingRecognizer:
    """A classifier with the weights in force: new ones are taken up between two batches, broken ones are refused."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Load the networks, the shipped ones where the learned are broken.

        Raises ValueError, in one sentence, where those can't be used.
        """
        self._settings, self._clock = settings, clock
        detector = load_detector(settings.models / "detector.onnx", settings.backend, settings.device)
        self.path = weights_in_force(settings)
        self._stamp, self._looked_at = stamp_of(self.path), clock()
        try:
            network = self._load(self.path)
        except ValueError as error:
            if not self.is_learned:
                raise
            refuse(error)
            self.path = shipped_weights(settings)
            network = self._load(self.path)
        self._classifier = Recognizer(detector, network)
        self._announce()

    @property
    def is_learned(self) -> bool:
        """Whether the weights in use were learned on this machine."""
        return self.path != shipped_weights(self._settings)

    def get(self) -> Recognizer:
        """Return the recognizer to use now. Looks for new weights once a second at most; loading them takes 5 ms."""
        now = self._clock()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return self._classifier

    def _look(self) -> None:
        try:
            path = weights_in_force(self._settings)
            stamp = stamp_of(path)
        except (OSError, ValueError):  # while a release is being laid over the old one
            return
        if stamp != self._stamp:
            self._stamp = stamp
            self._take(path)

    def _take(self, path: Path) -> None:
        try:
            network = self._load(path)
        except ValueError as error:
            refuse(error)
            return
        self.path, self._classifier = path, replace(self._classifier, network=network)
        self._announce()

    def _load(self, path: Path) -> Network:
        return load_checked(path, self._settings.backend, self._settings.device)

    def _announce(self) -> None:
        network = self._classifier.network
        metrics.MODEL.info({"name": network.name, "version": network.version, "device": network.device})
        learned = ", learned on this machine" if self.is_learned else ""
        log.info("%s %s on %s%s", network.name, network.version, network.device, learned)


def refuse(error: ValueError) -> None:
    """Say and count that weights were not taken."""
    metrics.WEIGHTS_REFUSED.inc()
    log.warning("refused weights, those before stay: %s", error)
