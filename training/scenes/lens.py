"""Camera effects: blur, motion, sharpening, noise and JPEG."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.papers import Grey
from training.scenes.sampling import draw_log_uniform

Picture = NDArray[np.uint8]

MOVED_PX = 25  # digits smaller than this don't survive motion blur


def simulate_camera(rng: np.random.Generator, scene: Grey, finest_px: float) -> Picture:
    """Return the scene (0 to 255) as a camera gives it, grey uint8; finest_px is its smallest digit's height."""
    kind = rng.random()
    if kind < 0.5:
        # with a blur of more than a twelfth of its height a digit is illegible, for people too
        most = np.clip(finest_px / 12, 0.5, 1.7)
        scene = blur_scene(scene, draw_log_uniform(rng, 0.35, most))
    elif kind < 0.62 and finest_px > MOVED_PX:
        scene = np.asarray(
            cv2.filter2D(scene, -1, make_motion_kernel(rng), borderType=cv2.BORDER_REPLICATE), np.float32
        )
    if rng.random() < 0.1:
        amount = np.float32(rng.uniform(0.5, 1.5))
        scene = scene + amount * (scene - blur_scene(scene, 1.5))  # exaggerates edges, as webcams do
    noise = rng.standard_normal(scene.shape, np.float32) * rng.uniform(0, 7) ** 1.1
    picture = np.clip(scene + noise, 0, 255).astype(np.uint8)
    return compress_jpeg(picture, int(rng.integers(25, 95))) if rng.random() < 0.5 else picture


def blur_scene(scene: Grey, spread_px: float) -> Grey:
    """Return the scene out of focus."""
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), spread_px), np.float32)


def make_motion_kernel(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a kernel that smears along a line of 3 to 7 pixels."""
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.uint8)
    angle, middle = rng.uniform(0, np.pi), (length - 1) / 2
    reach = np.array([np.cos(angle), np.sin(angle)]) * middle
    ends = [np.rint(middle + sign * reach).astype(int).tolist() for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def compress_jpeg(picture: Picture, quality: int) -> Picture:
    """Return the picture after JPEG of a quality from 1 to 100."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
