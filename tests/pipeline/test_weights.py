"""The classifier's weights are replaced while a real pipeline reads."""

from functools import partial
from pathlib import Path

import pytest

from shared.networks.runtimes import hash_weights
from shared.settings import load_settings
from shared.vision.reload import find_learned_weights
from tests.pipeline.pipeline import HonchoPipeline, run_pipeline, wait_for
from tests.shared.vision.weights import other_weights, put


def reads_with(pipeline: HonchoPipeline, weights: bytes) -> bool:
    """Return whether inference reports these weights."""
    return pipeline.read_metric("inference.1", "digitcam_model_info", version=hash_weights(weights)) == 1


@pytest.mark.slow
def test_weights_are_replaced_in_the_middle_of_a_video_and_every_frame_is_read(tmp_path: Path, clip: Path) -> None:
    """The video is paused, while another camera is read, until the weights are in use."""
    learned = find_learned_weights(load_settings({"LEARNED_DIR": str(tmp_path / "learned")}, tmp_path / "no.env"))
    good, broken = other_weights("learned"), other_weights("cut off")[:-1000]
    with run_pipeline(tmp_path, f"{clip},demo", EVERY_FRAME="true") as pipeline:
        wait_for(lambda: pipeline.count_readings("clip") > 5 and pipeline.count_readings("demo") > 5)
        film = pipeline.find_processes()["capture.clip"]
        film.suspend()
        put(learned, good)
        wait_for(partial(reads_with, pipeline, good))
        put(learned, broken)
        wait_for(lambda: pipeline.read_metric("inference.1", "digitcam_weights_refused_total") == 1)
        assert 5 < pipeline.count_readings("clip") < 200
        film.resume()
        wait_for(lambda: pipeline.count_readings("clip") == 200)
        assert pipeline.read_metric("queue.1", "digitcam_frames_total", camera="clip", stage="queue") == 200
        assert pipeline.read_metric("queue.1", "digitcam_drops_total", camera="clip") == 0
        assert reads_with(pipeline, good)
    log = pipeline.log.read_text()
    assert log.count("rejected new weights, keeping the current ones") == 1
    assert "Traceback" not in log
