"""GET .../explanation?x=&y=: runs the networks once more on one place of a camera's next frame, or of a frozen one."""

import asyncio
import threading
from dataclasses import replace
from functools import cached_property

import numpy as np
from aiohttp import web

from services.display.display_state import DisplayFrame
from services.display.web.explain.corrections import RecentCrops
from services.display.web.explain.frozen_frames import KEPT_S, FrozenFrames
from services.display.web.explain.images import to_jpeg, to_png
from services.display.web.explain.sentences import describe
from services.display.web.schema import (
    CameraName,
    EvidenceInfo,
    ExplanationInfo,
    LayerInfo,
    PlaceQuery,
    RecognizerInfo,
    RowId,
)
from services.display.web.snapshots import Snapshots
from shared.networks.layers import SUFFIX, LayerNetwork
from shared.settings import Settings
from shared.vision.corrections import ClassifiedCrop
from shared.vision.digit import NOT_A_DIGIT, Box
from shared.vision.explanation import Explanation, explain_place
from shared.vision.explanation_pictures import draw_heatmap, tile_channels, to_gray
from shared.vision.gray_frame import make_gray_frame
from shared.vision.jpeg import decode_checked
from shared.vision.reload import ReloadingRecognizer


class ExplanationApi:
    """Loads the networks with the first request. One request at a time: each takes a core."""

    def __init__(
        self, settings: Settings, snapshots: Snapshots, frozen_frames: FrozenFrames, crops: RecentCrops
    ) -> None:
        self._settings, self._snapshots, self._frozen_frames, self._crops = settings, snapshots, frozen_frames, crops
        self._lock = threading.Lock()
        self._layers: tuple[str, LayerNetwork] | None = None  # with the version of their weights

    @cached_property
    def _recognizer(self) -> ReloadingRecognizer:
        return ReloadingRecognizer(replace(self._settings, backend="onnx", device="cpu"))

    async def get_explanation(self, name: CameraName, query: PlaceQuery) -> ExplanationInfo:
        """Why a place of the camera's next picture was read as it was."""
        frame = await self._snapshots.next_frame(name)
        return await asyncio.to_thread(self._explain, frame, query.x, query.y)

    async def get_frozen_explanation(self, frame_id: RowId, query: PlaceQuery) -> ExplanationInfo:
        """Why a place of a frame that a viewer froze was read as it was."""
        frame = self._frozen_frames.get(frame_id)
        if frame is None:
            raise web.HTTPNotFound(text=f"this frame is no longer kept: frames are kept for {KEPT_S / 60:.0f} minutes")
        return await asyncio.to_thread(self._explain, frame, query.x, query.y)

    def _explain(self, frame: DisplayFrame, x: float, y: float) -> ExplanationInfo:
        with self._lock:
            try:
                picture = decode_checked(frame.jpeg, "GRAY")
            except ValueError:
                raise web.HTTPConflict(text="the camera's picture is broken") from None
            gray, scale = make_gray_frame(picture, self._settings.long_side_px)
            recognizer = self._recognizer.current()
            found = explain_place(recognizer, gray, x * scale, y * scale)
            version = recognizer.classifier.version
            return ExplanationInfo(
                sentences=describe(found),
                is_digit=found.is_digit,
                box=scale_box(found.box, 1 / scale) if found.box else None,
                evidence=EvidenceInfo(
                    detector=rounded(found.detector),
                    classifier=rounded(found.classifier),
                    fused=rounded(found.fused),
                ),
                crop=to_png(found.crop) if found.crop.size else None,
                crop_id=self._keep_crop(frame.camera, found),
                classifier_input=to_png(to_gray(found.image)) if found.image is not None else None,
                heatmap=to_jpeg(draw_heatmap(gray, found.heatmap)),
                layers=self._describe_layers(found, version),
                recognizer=RecognizerInfo(version=version, is_finetuned=self._recognizer.is_learned),
                width=picture.shape[1],
                height=picture.shape[0],
            )

    def _keep_crop(self, camera: str, found: Explanation) -> int | None:
        if found.image is None:
            return None
        read_as = int(np.argmax(found.fused)) if found.fused else NOT_A_DIGIT
        return self._crops.add(ClassifiedCrop(camera, to_gray(found.image), read_as))

    def _describe_layers(self, found: Explanation, version: str) -> list[LayerInfo]:
        if found.image is None:
            return []
        if self._layers is None or self._layers[0] != version:
            path = self._recognizer.path.with_suffix(SUFFIX)
            if not path.is_file():  # weights that were learned before their layers were exported
                return []
            self._layers = (version, LayerNetwork(path.read_bytes()))
        return [
            LayerInfo(kind=layer.kind, shape=list(layer.values.shape), picture=to_png(tile_channels(layer.values)))
            for layer in self._layers[1].run(found.image)
        ]


def scale_box(box: Box, factor: float) -> Box:
    x, y, width, height = (round(side * factor, 1) for side in box)
    return x, y, width, height


def rounded(shares: tuple[float, ...]) -> list[float]:
    return [round(share, 4) for share in shares]
