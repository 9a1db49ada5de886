"""The machine, system and versions that figures were measured with."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.trust import count_usable_cores
from shared.telemetry.processor import find_processor

PACKAGES = ("digitcam", "pyzmq", "onnxruntime", "opencv-python", "numpy", "simplejpeg", "msgpack")
COMPARED = ("torch", "openvino", "imagezmq", "mosec", "litserve", "inference")


def describe_environment() -> dict[str, str]:
    memory_gib = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{find_processor()}, {count_usable_cores()} cores, {memory_gib:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": list_versions(PACKAGES),
        "compared": list_versions(COMPARED),
        "commit": find_commit(),
    }


def list_versions(packages: tuple[str, ...]) -> str:
    """Return the versions of the packages that are installed."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found) or "none"


def find_commit() -> str:
    """Return the commit that was measured, with "and changes" if the files differ from it."""
    command = ["git", "describe", "--always", "--dirty= and changes", "--exclude=*"]
    try:
        return subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
