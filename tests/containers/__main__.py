"""python -m tests.containers [--gpu]: builds the images, runs them under podman, kills containers and prints the gaps.

Needs podman and podman-compose, and root where the base image is made by debootstrap. What no registry gives is made of
Debian's packages, and is named. Exits with 1 if a check fails.
"""

import argparse
import shutil
import subprocess
import sys
import time
import tomllib

from tests.containers import engine
from tests.containers.alone import check_alone
from tests.containers.cell import check_cell
from tests.containers.engine import ROOT, inspect, podman
from tests.containers.expect import expect

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
TOOLS = ("pip", "pip3", "gcc", "cc", "make", "git", "curl")


def main() -> int:
    """Run every check and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.containers", description="Build and run the containers.")
    parser.add_argument("--gpu", action="store_true", help="build the GPU image too: several GB")
    options = parser.parse_args()
    missing = [program for program in ("podman", "podman-compose") if not shutil.which(program)]
    if missing:
        print(f"{' and '.join(missing)} must be installed: apt install podman runc; pip install podman-compose")
        return 1
    engine.configure()
    base = engine.find_base()
    print(f"base image: {base}" + (f", since no registry gives {engine.BASE}" if base == engine.STAND_IN else ""))
    try:
        for target in ("runtime", "gpu") if options.gpu else ("runtime",):
            check_image(target, base)
        check_alone(image_name("runtime"))
        check_cell(base)
    except AssertionError as error:
        print(f"failed: {error}")
        return 1
    print("nothing failed")
    return 0


def image_name(target: str) -> str:
    return f"localhost/digitcam:{VERSION}" + ("-gpu" if target == "gpu" else "")


def check_image(target: str, base: str) -> None:
    """Build an image. It has labels and a user, and nothing that compiles or installs packages."""
    name, started_at = image_name(target), time.monotonic()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    engine.build(target, name, base, VERSION, commit.stdout.strip())
    image, base_mb = inspect("image", name), inspect("image", base)["Size"] / 1e6
    labels = {label.rpartition(".")[2]: text for label, text in image["Config"]["Labels"].items()}
    print(
        f"{name}: built in {time.monotonic() - started_at:.0f} s; {image['Size'] / 1e6:.0f} MB, "
        f"{base_mb:.0f} of them the base; version {labels['version']}, commit {labels['revision'][:7]}"
    )
    expect(
        "its labels name version and commit",
        (labels["version"], labels["revision"]) == (VERSION, commit.stdout.strip()),
    )
    expect("its user is not root", image["Config"]["User"] == "1000")
    look = f"command -v python {' '.join(TOOLS)}; echo looked"
    found = podman("run", *engine.ONCE, "--entrypoint=sh", name, "-c", look).split()
    expect(f"it has Python and none of {', '.join(TOOLS)}", found == ["/opt/digitcam/bin/python", "looked"])
    look = "import cv2, onnxruntime, zmq; from importlib.util import find_spec; print(find_spec('torch') is not None)"
    has_torch = podman("run", *engine.ONCE, "--entrypoint=python", name, "-c", look) == "True"
    expect("it has torch" if target == "gpu" else "it has no torch", has_torch == (target == "gpu"))


if __name__ == "__main__":
    sys.exit(main())
