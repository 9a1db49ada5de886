"""GET /api/cameras/NAME/why?x=&y=: the networks are asked once more about one place of the camera's newest picture."""

import asyncio
import threading
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import simplejpeg
from aiohttp import web
from numpy.typing import NDArray

from services.display.display_state import DisplayFrame
from services.display.web.explain.corrections import RecentReadings
from services.display.web.explain.images import to_jpeg, to_png
from services.display.web.requests import check, refuse
from services.display.web.snapshots import Snapshots
from shared.networks.layers import SUFFIX, Layer, LayerNetwork
from shared.settings import Settings
from shared.vision.corrections import ClassifiedCrop
from shared.vision.explanation import Explanation, explain_place
from shared.vision.explanation_pictures import draw_heatmap, tile_channels, to_gray
from shared.vision.gray_frame import make_gray_frame
from shared.vision.recognizer import FrameRecognizer
from shared.vision.reload import ReloadingRecognizer

MOST_PX = 100_000


class ExplanationApi:
    """The networks of this process, loaded when the first question comes. One question at a time: it takes a core."""

    def __init__(self, settings: Settings, snapshots: Snapshots, memory: RecentReadings) -> None:
        self._settings, self._snapshots, self._memory = settings, snapshots, memory
        self._turn = threading.Lock()
        self._layers: tuple[str, LayerNetwork] | None = None  # with the version of its weights

    @cached_property
    def _kept(self) -> ReloadingRecognizer:
        return ReloadingRecognizer(replace(self._settings, backend="onnx", device="cpu"))

    def _run_layers(self, version: str, image: NDArray[np.float32]) -> list[Layer]:
        path = self._kept.path.with_suffix(SUFFIX)
        if self._layers is None or self._layers[0] != version:
            if not path.is_file():  # weights that were learned before their layers were exported
                return []
            self._layers = (version, LayerNetwork(path.read_bytes()))
        return self._layers[1].run(image)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer with what was seen, what was said of it and why."""
        place = check(request.query, {"x": to_pixel, "y": to_pixel})
        if len(place) != 2:
            refuse("x and y are both needed: pixels of the picture")
        shown = await self._snapshots.find(request.match_info["name"])
        return web.json_response(await asyncio.to_thread(self._answer, shown, place["x"], place["y"]))

    def _answer(self, shown: DisplayFrame, x: float, y: float) -> dict[str, Any]:
        with self._turn:
            try:
                grey = simplejpeg.decode_jpeg(shown.jpeg, colorspace="GRAY")
            except ValueError:
                raise web.HTTPConflict(text="the camera's picture is broken") from None
            page, scale = make_gray_frame(grey, self._settings.long_side_px)
            reader = self._kept.current()
            explanation = explain_place(reader, page, x * scale, y * scale)
            values = self._describe(explanation, page, scale) | self._look_inside(explanation, reader)
            seen = self._remember(shown.camera, explanation)
            return values | {"seen": seen, "width": grey.shape[1], "height": grey.shape[0]}

    def _remember(self, camera: str, why: Explanation) -> int | None:
        if why.image is None:
            return None
        return self._memory.remember(ClassifiedCrop(camera, to_gray(why.image), int(np.argmax(why.fused))))

    def _look_inside(self, why: Explanation, reader: FrameRecognizer) -> dict[str, Any]:
        version = reader.classifier.version
        layers = self._run_layers(version, why.image) if why.image is not None else []
        return {
            "reader": {"version": version, "is_learned": self._kept.is_learned},
            "layers": [
                {"kind": layer.kind, "shape": layer.values.shape, "picture": to_png(tile_channels(layer.values))}
                for layer in layers
            ],
        }

    def _describe(self, why: Explanation, page: NDArray[np.uint8], scale: float) -> dict[str, Any]:
        return {
            "words": why.sentences,
            "is_said": why.is_digit,
            "box": [round(side / scale, 1) for side in why.box] if why.box else None,
            "evidence": {
                name: [round(share, 4) for share in shares]
                for name, shares in (("found", why.detector), ("read", why.classifier), ("together", why.fused))
            },
            "crop": to_png(why.crop) if why.crop.size else None,
            "image": to_png(to_gray(why.image)) if why.image is not None else None,
            "heat": to_jpeg(draw_heatmap(page, why.heatmap)),
        }


def to_pixel(name: str, text: str) -> float:
    """Return a place on one axis, in pixels."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    return value if 0 <= value <= MOST_PX else refuse(f"{name} is a number of pixels, from 0 to {MOST_PX}")
