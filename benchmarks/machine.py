"""Where figures were measured, and with what."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.trust import usable_cores
from shared.telemetry.processor import find_processor

PACKAGES = ("digitcam", "pyzmq", "onnxruntime", "opencv-python", "numpy", "simplejpeg", "msgpack")
COMPARED = ("torch", "openvino", "imagezmq", "vidgear", "mosec")


def describe() -> dict[str, str]:
    """Machine, system, date, versions and commit, each in a few words."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{find_processor()}, {usable_cores()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": list_versions(PACKAGES),
        "compared": list_versions(COMPARED),
        "commit": find_commit(),
    }


def list_versions(packages: tuple[str, ...]) -> str:
    """The versions of packages, those left out that are not installed."""
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found) or "none"


def find_commit() -> str:
    """The commit that was measured, with "and changes" where the files are not that commit's."""
    try:
        words = ["git", "describe", "--always", "--dirty= and changes", "--exclude=*"]
        return subprocess.run(
            words, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
