"""Two scrapes become a summary of cameras, stages and processes."""

import math

from shared.telemetry.health import NotReady, ProbeResult
from shared.telemetry.scraping import MetricSample, ProcessStatus, Scrape, ScrapeTarget
from shared.telemetry.summary import PipelineSummary, summarize

QUEUE = ScrapeTarget("queue.1", "queue", "127.0.0.1:1")
INFERENCE = [ScrapeTarget(f"inference.{number}", "inference", f"127.0.0.1:{number}") for number in (1, 2)]
READY = ProbeResult(None, "")
HALL = {"camera": "hall"}


def status_of(target: ScrapeTarget, **values: float) -> ProcessStatus:
    samples = (MetricSample(name, {}, value) for name, value in values.items())
    return ProcessStatus(target, tuple(samples), READY)


def queue_at(at: float, *more: MetricSample, gone: bool = False) -> Scrape:
    """Return a scrape of a queue that received 30 frames a second of a camera since 0, if it has not left."""
    frames = MetricSample("digitcam_frames_total", HALL | {"stage": "queue"}, 30 * (2.0 if gone else at))
    state = (
        []
        if gone
        else [MetricSample("digitcam_camera_up", HALL, 1.0), MetricSample("digitcam_camera_frozen", HALL, 0.0)]
    )
    return Scrape(at, (ProcessStatus(QUEUE, (frames, *state, *more), READY),))


def workers_of(pipeline: PipelineSummary, name: str) -> int | None:
    return next(one.workers for one in pipeline.stages if one.name == name)


def test_live_camera_has_its_rate() -> None:
    (camera,) = summarize(queue_at(2.0), queue_at(4.0)).cameras
    assert (camera.name, camera.state, camera.frames_per_s) == ("hall", "live", 30.0)
    assert math.isnan(camera.age_p99_s)


def test_camera_that_left_is_not_listed_although_its_counters_remain() -> None:
    assert summarize(queue_at(2.0, gone=True), queue_at(4.0, gone=True)).cameras == ()


def test_workers_on_other_machines_are_counted_but_do_not_lower_the_busy_share_here() -> None:
    both = MetricSample("digitcam_workers", {"stage": "inference"}, 2.0)
    work = [
        ProcessStatus(INFERENCE[0], (MetricSample("digitcam_work_seconds_sum", {"stage": "inference"}, x),), READY)
        for x in (1, 2.8)
    ]
    before, after = queue_at(2.0, both), queue_at(4.0, both)
    pipeline = summarize(Scrape(2.0, (*before.processes, work[0])), Scrape(4.0, (*after.processes, work[1])))
    inference = next(one for one in pipeline.stages if one.name == "inference")
    assert (inference.workers, round(inference.busy, 3)) == (2, 0.9)


def test_without_a_queue_the_workers_that_answer_are_counted() -> None:
    silent = ProcessStatus(INFERENCE[1], (), ProbeResult(NotReady.UNREACHABLE, "it does not answer"))
    scrape = Scrape(1.0, (status_of(INFERENCE[0], digitcam_heartbeat_age_seconds=0.2), silent))
    pipeline = summarize(scrape, scrape)
    assert workers_of(pipeline, "inference") == 1
    assert (pipeline.processes[0].answers, pipeline.processes[0].heartbeat_age_s) == (True, 0.2)
    assert not pipeline.processes[1].answers


def test_without_a_queue_workers_elsewhere_are_unknown() -> None:
    """A machine that has only preprocess: inference may run on another one."""
    preprocess = ScrapeTarget("preprocess.1", "preprocess", "127.0.0.1:1")
    scrape = Scrape(1.0, (status_of(preprocess, digitcam_heartbeat_age_seconds=0.2),))
    assert workers_of(summarize(scrape, scrape), "inference") is None
