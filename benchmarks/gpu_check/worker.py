"""The inference worker's own work on batches of messages, for gpu_check: messages in, readings out, no sockets."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from services.inference import answer_batch, choose_recognizer, draw_sample_frame
from shared.messaging.frame_store import INLINE
from shared.messaging.messages import GrayFrame, Message
from shared.settings import load_settings
from shared.vision.gray_frame import Gray
from shared.vision.reload import ReloadingRecognizer


class WorkerBench:
    """What the worker holds: the recognizer that its settings name, and how it answers."""

    def __init__(self, device: str, shape: tuple[int, ...]) -> None:
        """Load it as the worker does, with networks in torch."""
        settings = replace(load_settings(env_file=Path(os.devnull)), backend="torch", device=device)
        self._current, _ = choose_recognizer(ReloadingRecognizer(settings), draw_sample_frame(max(shape)))

    def answer(self, grays: Sequence[Gray]) -> Sequence[Message]:
        """Return the answers to gray frames of one camera."""
        frames = [
            GrayFrame(
                camera="bench",
                seq=seq,
                captured_at=0.0,
                width=gray.shape[1],
                height=gray.shape[0],
                rows=gray.shape[0],
                columns=gray.shape[1],
                pixels=gray.tobytes(),
            )
            for seq, gray in enumerate(grays)
        ]
        return answer_batch(self._current(), frames, INLINE)
