"""Every number that is exported, in one table; each process serves its own part of it at /metrics.

Durations are histograms in seconds. Labels come from closed sets: camera, stage, reason. Which process a number comes
from is said by the scrape target's own labels, stage and worker (see lifecycle.py), not by a label here.
"""

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

from shared.pipeline import DROP_REASONS, Stage

# the time at which each counter was made would be one sample in seven, and nobody asks for it
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)

FRAMES = Counter("digitcam_frames", "Frames that a stage has worked on.", ["camera", "stage"])
AGE = Histogram("digitcam_age_seconds", "Time since capture as a stage begins.", ["camera", "stage"], buckets=SECONDS)
WORK = Histogram("digitcam_work_seconds", "Time a stage works on one batch.", ["stage"], buckets=SECONDS)
WAIT = Histogram("digitcam_wait_seconds", "Time an item waits for a worker of a stage.", ["stage"], buckets=SECONDS)
DROPS = Counter("digitcam_drops", "Frames dropped, and why.", ["camera", "stage", "reason"])
MALFORMED = Counter("digitcam_malformed", "Messages that were none of ours, or too large.")

BATCH_SIZE = Histogram("digitcam_batch_size", "Items in a batch given to a worker.", ["stage"], buckets=SIZES)
BATCHES = Counter("digitcam_batches", "Batches given to workers, and why each was closed.", ["stage", "reason"])
MAX_BATCH = Gauge("digitcam_max_batch", "Most pages that an inference worker takes at once.")
WAITING = Gauge("digitcam_waiting", "Items that wait for a worker.", ["stage"])
CREDIT = Gauge("digitcam_credit", "Items that idle workers ask for.", ["stage"])
WORKERS = Gauge("digitcam_workers", "Workers that are alive.", ["stage"])

HEARTBEAT_AGE = Gauge("digitcam_heartbeat_age_seconds", "Time since the loop of a process has turned.")
IS_READY = Gauge("digitcam_ready", "1 while nothing keeps a process from its work.")

CAMERA_UP = Gauge("digitcam_camera_up", "1 while a camera gives new pictures.", ["camera"])
CAMERA_MAX_AGE = Gauge(
    "digitcam_camera_max_age_seconds", "MAX_AGE_S, or the camera's own; +Inf where every frame is kept.", ["camera"]
)
CAMERA_FROZEN = Gauge("digitcam_camera_frozen", "1 while a camera repeats the same picture.", ["camera"])
RECONNECTS = Counter("digitcam_camera_reconnects", "Times a camera was opened again.", ["camera"])

READINGS = Counter("digitcam_readings", "Frames that ended with a reading.", ["camera"])
UNCHANGED = Counter("digitcam_unchanged", "Of these, with that of the frame before: the same page.", ["camera"])
DIGITS = Counter("digitcam_digits", "Digits that were read.", ["camera"])
REJECTS = Counter("digitcam_rejects", "Found, but read as not a digit.", ["camera"])
VIEWERS = Gauge("digitcam_viewers", "Browsers that look at the page.")
REFUSED = Counter("digitcam_refusals", "Requests and browsers that the page refused, and why.", ["reason"])
EVENTS_LOST = Counter("digitcam_events_lost", "Events that a listener, or the webhook, did not take.", ["listener"])
MODEL = Info("digitcam_model", "The reader's network in use: name, version and device.")
WEIGHTS_REFUSED = Counter("digitcam_weights_refused", "New weights of the reader that were broken or none of its kind.")


def init_drop_counters(camera: str, *stages: Stage) -> None:
    """Export a camera's drops from 0 on: a rate() over a counter that appears with 1 misses that 1."""
    for stage in stages:
        for reason in DROP_REASONS[stage]:
            DROPS.labels(camera, stage, reason)
