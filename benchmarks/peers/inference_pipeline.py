"""Roboflow's InferencePipeline: a thread per camera decodes, one thread reads a batch of their newest frames.

One pipeline per worker. Its cameras decode to gray as ours do, which is less work than its own decoders have. A frame's
age begins when the pipeline has stamped it, up to a few milliseconds after it was due.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import cv2
from inference import InferencePipeline
from inference.core.interfaces.stream.inference_pipeline import SinkMode
from streamvision.camera.entities import SourceProperties, VideoFrame, VideoFrameProducer

from benchmarks.peers.setup import OnePer, PeerSetup, ReadingSender, Role
from services.capture.files import inspect_video
from services.preprocess import decode_gray
from shared.demo.camera import HEIGHT, WIDTH
from shared.settings import load_settings
from shared.vision.digit import Digit
from shared.vision.gray_frame import Gray, make_gray_frame
from shared.vision.recognizer import load_recognizer


class FilmCamera(VideoFrameProducer):
    """A recorded camera as a source of the pipeline."""

    def __init__(self, setup: PeerSetup, camera: int) -> None:
        self._frames, self._jpeg = setup.play_camera(camera), b""
        self._rate_hz = inspect_video(Path(setup.films[camera])).rate_hz

    def isOpened(self) -> bool:  # noqa: N802 - its name
        return True

    def grab(self) -> bool:
        """Wait for the frame that is due."""
        self._jpeg = next(self._frames).jpeg
        return True

    def retrieve(self) -> tuple[bool, Gray]:
        """Return the frame in gray."""
        return True, decode_gray(self._jpeg, (HEIGHT, WIDTH), WIDTH)

    def release(self) -> None:
        self._frames.close()

    def discover_source_properties(self) -> SourceProperties:
        return SourceProperties(
            width=WIDTH, height=HEIGHT, total_frames=-1, is_file=False, fps=self._rate_hz, is_reconnectable=False
        )


def run(setup: PeerSetup, number: int) -> None:
    """Read the newest frames of a worker's cameras."""
    settings, viewer, cameras = load_settings(), ReadingSender(setup), setup.cameras_of(number)
    recognizer = load_recognizer(settings.models, settings.backend, settings.device)
    cv2.setNumThreads(1)
    clock = time.monotonic() - datetime.now().timestamp()  # it stamps frames in local time

    def read(frames: Sequence[VideoFrame]) -> list[tuple[Digit, ...]]:
        return recognizer.read([make_gray_frame(frame.image, settings.long_side_px)[0] for frame in frames])

    def send(readings: Sequence[tuple[Digit, ...] | None], frames: Sequence[VideoFrame | None]) -> None:
        for digits, frame in zip(readings, frames, strict=True):
            if digits is not None and frame:
                due_at = frame.frame_timestamp.timestamp() + clock
                viewer.send(cameras[frame.source_id or 0], due_at, digits)

    pipeline = InferencePipeline.init_with_custom_logic(
        video_reference=[partial(FilmCamera, setup, camera) for camera in cameras],
        on_video_frame=read,
        on_prediction=send,
        sink_mode=SinkMode.BATCH,
        video_processing_mode="freshest",
    )
    pipeline.start(use_main_thread=False)
    pipeline.join()


ROLES = {"run": Role(run, OnePer.WORKER)}
