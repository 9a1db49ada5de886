"""Names the processor, for figures that state where they were measured."""

import platform
from pathlib import Path


def find_processor() -> str:
    """Return the name of the processor, or of its architecture if the system does not report one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
