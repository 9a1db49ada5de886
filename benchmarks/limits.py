"""How much larger machines could do, by arithmetic from the measured demands of a frame and of a camera."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.trust import Row
from services.queue.registry import MAX_CAMERAS

CORES = (8, 32, 64)
FULL, FEW = 16, 4  # cameras of the runs from which demands are taken
FPS = 30.0


def estimate_limits(results: Mapping[str, Any]) -> list[Row]:
    """Return a row per machine: the cameras that its cores, one queue and its memory allow; [] without measurements."""
    full, four, queue = results["full"], results["four"], results["queue"]
    if not (full and four and queue):
        return []
    cpu_ms = median(run["cpu_ms_per_frame_total"] for run in full)
    queue_fps = median(run["frames_per_s_a_core"] for run in queue)
    base_mb, camera_mb = split_memory(
        median(run["pss_total_mb"] for run in four), median(run["pss_total_mb"] for run in full)
    )
    return [estimate_machine(cores, cpu_ms, queue_fps, base_mb, camera_mb) for cores in CORES]


def split_memory(few_mb: float, full_mb: float) -> tuple[float, float]:
    """Return the memory of a pipeline without cameras, and of each camera with what it adds elsewhere."""
    camera_mb = (full_mb - few_mb) / (FULL - FEW)
    return few_mb - FEW * camera_mb, camera_mb


def estimate_machine(cores: int, cpu_ms: float, queue_fps: float, base_mb: float, camera_mb: float) -> Row:
    """Return the limits of a machine, in cameras, and the lowest of them with its reason."""
    limits = {
        "cores": round(1000 * cores / cpu_ms / FPS),
        "one queue": round(queue_fps / FPS),
        "most cameras of a queue": MAX_CAMERAS,
    }
    lowest = min(limits, key=lambda name: limits[name])
    cameras = limits[lowest]
    return {
        "cores": cores,
        "CPU allows, cameras": limits["cores"],
        "one queue allows, cameras": limits["one queue"],
        "cameras at 30 frames/s": cameras,
        "limited by": lowest,
        "memory (PSS), GB": round((base_mb + cameras * camera_mb) / 1000, 1),
        "queues for all cores": -(-limits["cores"] // min(limits["one queue"], MAX_CAMERAS)),
    }
