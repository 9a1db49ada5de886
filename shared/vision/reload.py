"""The recognizer with the active classifier weights: those that `digitcam learn` made here, else the shipped ones.

Learned weights lie in LEARNED_DIR/<version of the shipped weights>/, so that a release with better weights is not
hidden by what was learned from the previous ones. Only the classifier's weights are ever reloaded.
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
from shared.networks import layers
from shared.networks.runtimes import NOT_A_MODEL, Network, find_room, hash_weights, load_network, read_weights
from shared.settings import Settings
from shared.telemetry import metrics
from shared.vision.digit import NOT_A_DIGIT
from shared.vision.recognizer import FrameRecognizer, load_detector

CHECK_EVERY_S = 1.0
MIN_CORRECT = 8  # of ten plain digits: the shipped classifier reads all of them, chance reads one

Fingerprint = tuple[Path, int, int, int]  # a file's path, time of change, size and inode

log = logging.getLogger("digitcam")


def find_shipped_weights(settings: Settings) -> Path:
    """Return the path of the shipped classifier's .onnx file; the .pt file for torch lies next to it."""
    return settings.models / "classifier.onnx"


def find_learned_weights(settings: Settings) -> Path:
    """Return the path of weights learned from the shipped ones. Raises OSError or ValueError without the latter."""
    return settings.learned_dir / version_of(fingerprint(find_shipped_weights(settings))) / "classifier.onnx"


def find_active_weights(settings: Settings) -> Path:
    """Return the path of the classifier's .onnx file to use. Raises ValueError, in one sentence, if there is none."""
    shipped = find_shipped_weights(settings)
    if not shipped.is_file():
        read_weights(shipped)  # raises, with the reason
    learned = find_learned_weights(settings)
    return learned if os.access(learned, os.R_OK) else shipped


def delete_learned_weights(settings: Settings) -> bool:
    """Delete the learned weights, so that the shipped ones are active; return whether there were any."""
    learned = find_learned_weights(settings)
    was_there = learned.is_file()
    for suffix in (".onnx", layers.SUFFIX, ".pt"):  # the .onnx first: it makes the learned weights active
        learned.with_suffix(suffix).unlink(missing_ok=True)
    return was_there


def fingerprint(path: Path) -> Fingerprint:
    """Return a value that changes when a file is replaced. Raises OSError if there is no such file."""
    found = path.stat()
    return path, found.st_mtime_ns, found.st_size, found.st_ino


@lru_cache(maxsize=2)
def version_of(file: Fingerprint) -> str:
    """Return the version of the weights in a file; cached until the file is replaced."""
    return hash_weights(read_weights(file[0]))


def load_classifier(path: Path, backend: str, device: str) -> Network:
    """Load a classifier and check that it reads plain digits. Raises ValueError, in one sentence, if it does not."""
    network = load_network(path, backend, device)
    digits = np.asarray(load_digits()[:, :1] / 255, np.float32)
    try:
        logits = network(digits)
    except (*NOT_A_MODEL, RuntimeError) as error:
        raise ValueError(f"{path} takes other images than the classifier does") from error
    if logits.shape != (len(digits), NOT_A_DIGIT + 1):
        raise ValueError(f"{path} does not give the classifier's eleven classes")
    correct = int((logits.argmax(axis=1) == np.arange(10)).sum())
    if correct < MIN_CORRECT:
        raise ValueError(f"{path} reads only {correct} of ten plain digits")
    return network


class ReloadingRecognizer:
    """Owns a recognizer, and replaces its classifier when the file of the active weights changes.

    Unusable new weights are rejected, and the current ones stay.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Load both networks, with the shipped classifier if the learned one is unusable.

        Raises ValueError, in one sentence, if a shipped network is unusable.
        """
        self._settings, self._clock = settings, clock
        self._runtime = find_room(settings.backend, settings.device)
        detector = load_detector(settings.models / "detector.onnx", *self._runtime)
        self.path = find_active_weights(settings)
        self._fingerprint, self._checked_at = fingerprint(self.path), clock()
        try:
            classifier = self._load(self.path)
        except ValueError as error:
            if not self.is_learned:
                raise
            report_rejected(error)
            self.path = find_shipped_weights(settings)
            classifier = self._load(self.path)
        self._recognizer = FrameRecognizer(detector, classifier)
        self._report_loaded()

    @property
    def is_learned(self) -> bool:
        """Whether the weights in use were learned on this machine."""
        return self.path != find_shipped_weights(self._settings)

    def current(self) -> FrameRecognizer:
        """Return the recognizer to use now. Checks for new weights at most once a second; loading them takes 5 ms."""
        now = self._clock()
        if now - self._checked_at >= CHECK_EVERY_S:
            self._checked_at = now
            self._reload_if_changed()
        return self._recognizer

    def _reload_if_changed(self) -> None:
        try:
            path = find_active_weights(self._settings)
            found = fingerprint(path)
        except (OSError, ValueError):  # a release is being installed over the old one
            return
        if found == self._fingerprint:
            return
        self._fingerprint = found
        try:
            classifier = self._load(path)
        except ValueError as error:
            report_rejected(error)
            return
        self.path, self._recognizer = path, replace(self._recognizer, classifier=classifier)
        self._report_loaded()

    def _load(self, path: Path) -> Network:
        return load_classifier(path, *self._runtime)

    @property
    def weights(self) -> str:
        """The versions of both networks: those of the .onnx files, also if torch runs the .pt files next to them."""
        return self._weights

    def _report_loaded(self) -> None:
        paths = (self._settings.models / "detector.onnx", self.path)
        self._weights = "+".join(hash_weights(read_weights(path)) for path in paths)
        classifier = self._recognizer.classifier
        metrics.MODEL.info({"name": classifier.name, "version": classifier.version, "device": classifier.device})
        learned = ", learned on this machine" if self.is_learned else ""
        log.info("loaded %s %s on %s%s", classifier.name, classifier.version, classifier.device, learned)


def report_rejected(error: ValueError) -> None:
    """Count and log weights that were not loaded."""
    metrics.WEIGHTS_REFUSED.inc()
    log.warning("rejected new weights, keeping the current ones: %s", error)
