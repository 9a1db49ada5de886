"""Every exported metric in one table; each process serves its own part of it at /metrics.

Durations are histograms in seconds. Labels come from closed sets: camera, stage, reason. The process is not a label
here, because the scrape target already has the labels stage and worker (shared/service/lifecycle.py).
"""

from typing import Any, Self

import prometheus_client
from prometheus_client import Info, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase

from shared.pipeline import DROP_REASONS, Stage

# the creation time of each counter would be one sample in seven, and nothing uses it
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class QuickLabels(MetricWrapperBase):
    """Keeps each series by its labels as they were given: 0.2 us, where prometheus_client takes 1.4 us for a look-up.

    Every frame needs a dozen.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: dict[tuple[object, ...], Self] = {}

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        series = self._kept.get(labelvalues)
        if series is None:
            series = super().labels(*labelvalues, **labelkwargs)
            if labelvalues:
                self._kept[labelvalues] = series
        return series

    def remove(self, *labelvalues: object) -> None:
        super().remove(*labelvalues)
        self._kept = {}

    def remove_by_labels(self, labels: dict[str, str]) -> None:
        super().remove_by_labels(labels)
        self._kept = {}


class Counter(QuickLabels, prometheus_client.Counter):
    """A Counter with quick labels."""


class Gauge(QuickLabels, prometheus_client.Gauge):
    """A Gauge with quick labels."""


class Histogram(QuickLabels, prometheus_client.Histogram):
    """A Histogram with quick labels."""


FRAMES = Counter("digitcam_frames", "Frames that a stage has worked on.", ["camera", "stage"])
AGE = Histogram("digitcam_age_seconds", "Age of a frame when a stage begins.", ["camera", "stage"], buckets=SECONDS)
WORK = Histogram("digitcam_work_seconds", "Time that a stage works on one batch.", ["stage"], buckets=SECONDS)
WAIT = Histogram("digitcam_wait_seconds", "Time that a frame waits for a worker.", ["stage"], buckets=SECONDS)
RESENT = Counter("digitcam_resent", "Frames of files that came twice and were dropped.", ["camera", "stage"])
DROPS = Counter("digitcam_drops", "Frames dropped, and why.", ["camera", "stage", "reason"])
DENIED = Counter(
    "digitcam_denied_total", "processes that the queue refused: of another protocol, or with other weights", ["reason"]
)
for _reason in ("protocol", "weights"):
    DENIED.labels(_reason)
MALFORMED = Counter("digitcam_malformed", "Messages that were malformed or too large.")

BATCH_SIZE = Histogram("digitcam_batch_size", "Frames in a batch for a worker.", ["stage"], buckets=SIZES)
BATCHES = Counter("digitcam_batches", "Batches for workers, and why they are not larger.", ["stage", "reason"])
MAX_BATCH = Gauge("digitcam_max_batch", "Largest batch that an inference worker takes.")
WAITING = Gauge("digitcam_waiting", "Frames that wait for a worker.", ["stage"])
CREDIT = Gauge("digitcam_credit", "Frames that workers ask for.", ["stage"])
WORKERS = Gauge("digitcam_workers", "Workers that are alive.", ["stage"])

HEARTBEAT_AGE = Gauge("digitcam_heartbeat_age_seconds", "Time since the last turn of a process's loop.")
RESTARTS = Counter("digitcam_restarts", "How often this worker was started again: it crashed or hung.", ["reason"])
IS_READY = Gauge("digitcam_ready", "1 while a process can do its work.")

CELL_UP = Gauge("digitcam_cell_up", "1 while the queue of a cell answers this display.", ["cell"])
CAMERA_UP = Gauge("digitcam_camera_up", "1 while a camera gives new frames.", ["camera"])
CAMERA_MAX_AGE = Gauge(
    "digitcam_camera_max_age_seconds", "MAX_AGE_S, or the camera's own limit; +Inf if every frame is kept.", ["camera"]
)
CAMERA_FROZEN = Gauge("digitcam_camera_frozen", "1 while a camera repeats the same frame.", ["camera"])
RECONNECTS = Counter("digitcam_camera_reconnects", "How often a camera was reopened.", ["camera"])

READINGS = Counter("digitcam_readings", "Frames that ended with a reading.", ["camera"])
UNCHANGED = Counter("digitcam_unchanged", "Readings that were reused because the frame looked the same.", ["camera"])
FOLLOWED = Counter(
    "digitcam_followed", "Frames that were not read: the digits of a reading were found again in them.", ["camera"]
)
DIGITS = Counter("digitcam_digits", "Digits in readings.", ["camera"])
REJECTS = Counter("digitcam_rejects", "Detections that were classified as not a digit.", ["camera"])
VIEWERS = Gauge("digitcam_viewers", "Browsers that show the live view.")
REFUSED = Counter("digitcam_refusals", "Requests and browsers that the web interface refused, and why.", ["reason"])
WEB_FAILURES = Counter(
    "digitcam_web_failures", "Requests and tasks of the web interface that ended in a bug.", ["task"]
)
EVENTS_LOST = Counter("digitcam_events_lost", "Events that a slow listener or the webhook missed.", ["listener"])
WEBHOOK_EVENTS = Gauge("digitcam_webhook_events", "Events that wait for the receiver, or that it refused.", ["state"])
WEBHOOK_FAILURES = Gauge("digitcam_webhook_failures", "Tries since the webhook's receiver last took an event.")
WEBHOOK_STATUS = Gauge("digitcam_webhook_status", "HTTP status of the receiver's last answer, 0 if it gave none.")
MODEL = Info("digitcam_model", "The classifier in use: name, version and device.")
WEIGHTS_REFUSED = Counter("digitcam_weights_refused", "New weights that were broken or of another network.")

BY_CAMERA = (
    FRAMES,
    AGE,
    RESENT,
    DROPS,
    CAMERA_UP,
    CAMERA_MAX_AGE,
    CAMERA_FROZEN,
    RECONNECTS,
    READINGS,
    UNCHANGED,
    FOLLOWED,
    DIGITS,
    REJECTS,
)


def forget_camera(camera: str) -> None:
    """Remove every series of a camera that is gone."""
    for metric in BY_CAMERA:
        metric.remove_by_labels({"camera": camera})


def init_drop_counters(camera: str, *stages: Stage) -> None:
    """Export a camera's drop counters at 0, since rate() misses the first count of a counter that appears with 1."""
    for stage in stages:
        for reason in DROP_REASONS[stage]:
            DROPS.labels(camera, stage, reason)
