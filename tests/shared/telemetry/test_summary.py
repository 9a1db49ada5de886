"""Figures out of two scrapes: cameras, stages and processes as they are now."""

import math

from shared.telemetry.scraping import MetricSample, ProcessStatus, Scrape, ScrapeTarget
from shared.telemetry.summary import PipelineSummary, compare

QUEUE = ScrapeTarget("queue.1", "queue", "127.0.0.1:1")
INFERENCE = [ScrapeTarget(f"inference.{number}", "inference", f"127.0.0.1:{number}") for number in (1, 2)]
HALL = {"camera": "hall"}


def said(target: ScrapeTarget, **values: float) -> ProcessStatus:
    samples = (MetricSample(name, {}, value) for name, value in values.items())
    return ProcessStatus(target, tuple(samples), ready=True, why="")


def queue_at(at: float, *more: MetricSample, gone: bool = False) -> Scrape:
    """A queue that has had 30 frames a second of a camera since 0, or a camera that has left in the meantime."""
    frames = MetricSample("digitcam_frames_total", HALL | {"stage": "queue"}, 30 * (2.0 if gone else at))
    state = (
        []
        if gone
        else [MetricSample("digitcam_camera_up", HALL, 1.0), MetricSample("digitcam_camera_frozen", HALL, 0.0)]
    )
    return Scrape(at, (ProcessStatus(QUEUE, (frames, *state, *more), ready=True, why=""),))


def stage(figures: PipelineSummary, name: str) -> int | None:
    return next(one.workers for one in figures.stages if one.name == name)


def test_live_camera_has_its_rate() -> None:
    (camera,) = compare(queue_at(2.0), queue_at(4.0)).cameras
    assert (camera.name, camera.state, camera.frames) == ("hall", "live", 30.0)
    assert math.isnan(camera.age_p99_s)


def test_camera_that_left_is_not_there_although_its_counters_are() -> None:
    assert compare(queue_at(2.0, gone=True), queue_at(4.0, gone=True)).cameras == ()


def test_workers_on_other_machines_are_counted_and_do_not_dilute_how_busy_those_here_are() -> None:
    both = MetricSample("digitcam_workers", {"stage": "inference"}, 2.0)
    work = [
        ProcessStatus(INFERENCE[0], (MetricSample("digitcam_work_seconds_sum", {"stage": "inference"}, x),), True, "")
        for x in (1, 2.8)
    ]
    before, after = queue_at(2.0, both), queue_at(4.0, both)
    figures = compare(Scrape(2.0, (*before.said, work[0])), Scrape(4.0, (*after.said, work[1])))
    inference = next(one for one in figures.stages if one.name == "inference")
    assert (inference.workers, round(inference.busy, 3)) == (2, 0.9)


def test_without_a_queue_workers_are_those_that_answer() -> None:
    silent = ProcessStatus(INFERENCE[1], (), ready=False, why="it does not answer")
    scrape = Scrape(1.0, (said(INFERENCE[0], digitcam_heartbeat_age_seconds=0.2), silent))
    figures = compare(scrape, scrape)
    assert stage(figures, "inference") == 1
    assert (figures.processes[0].answers, figures.processes[0].heartbeat_age_s) == (True, 0.2)
    assert not figures.processes[1].answers


def test_without_a_queue_nobody_knows_of_workers_elsewhere() -> None:
    """A machine that has only preprocess: inference may run on another one."""
    scrape = Scrape(
        1.0,
        (said(ScrapeTarget("preprocess.1", "preprocess", "http://127.0.0.1:1"), digitcam_heartbeat_age_seconds=0.2),),
    )
    assert stage(compare(scrape, scrape), "inference") is None
