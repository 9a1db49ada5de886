"""Podman, as `make containers` uses it: with a base image of its own where no registry can be reached."""

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "containers"
BASE = "docker.io/library/debian:bookworm-slim"
STAND_IN = "localhost/digitcam-base:bookworm"
PYTHON = "3.11"  # of Debian bookworm
LABELS = "org.opencontainers.image"
PULL_S = 60
MOST = 4096  # files, processes: podman would raise the limits
HAS_SYSTEMD = Path("/run/systemd/system").exists()
# what makes Debian's own images slim
SLIM = ["usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt"]
CLEAN = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\n'
LOCKED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp", "--shm-size=256m")
ONCE = ("--rm", "--no-healthcheck", "--network=none", *LOCKED)
STAND_INS = {  # image: the package of Debian that stands in for it, and how it is called
    "prometheus": ("prometheus", "prometheus"),
    "alertmanager": ("prometheus-alertmanager", "prometheus-alertmanager"),
}


def configure() -> None:
    """Let podman work without systemd and without the right to raise limits, as on a machine inside a machine."""
    if HAS_SYSTEMD:
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    kinds = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    limits = {name: min(MOST, resource.getrlimit(kind)[1] % 2**63) for name, kind in kinds.items()}  # -1 is infinite
    ulimits = ", ".join(f'"{name}={limit}:{limit}"' for name, limit in limits.items())
    config = BUILD / "containers.conf"
    config.write_text(
        f'[containers]\ndefault_ulimits = [{ulimits}]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    os.environ["CONTAINERS_CONF"] = str(config)


def podman(*words: str, check: bool = True) -> str:
    """Run podman and return what it printed. Raises CalledProcessError, after printing why."""
    done = subprocess.run(["podman", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if check and done.returncode:
        print(done.stdout[-2000:], done.stderr[-4000:])
        done.check_returncode()
    return done.stdout.strip()


def inspect(kind: str, name: str) -> dict[str, Any]:
    """Return the description of an image or container."""
    (description,) = json.loads(podman(kind, "inspect", name))
    return dict(description)


def can_pull(image: str) -> bool:
    """Return whether the image is here or comes from its registry."""
    try:
        return not subprocess.run(
            ["podman", "pull", "--quiet", "--policy=missing", image], capture_output=True, timeout=PULL_S, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return False


def find_base() -> str:
    """Return the base image: Debian's, or one that debootstrap makes of Debian's packages."""
    if can_pull(BASE):
        return BASE
    if not subprocess.run(["podman", "image", "exists", STAND_IN], check=False).returncode:
        return STAND_IN
    folder = BUILD / "base"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", "bookworm", str(folder), *find_mirror()],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for name in SLIM:
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "etc/apt/apt.conf.d/docker-clean").write_text(CLEAN)
    (folder / "var/lib/apt/lists/partial").mkdir(parents=True)
    (folder / "var/cache/apt/archives/partial").mkdir(parents=True)
    archive = BUILD / "base.tar"
    subprocess.run(["tar", "-C", str(folder), "-cf", str(archive), "."], check=True)
    podman("import", "--quiet", str(archive), STAND_IN)
    shutil.rmtree(folder)
    archive.unlink()
    return STAND_IN


def find_mirror() -> list[str]:
    """Return the mirror that this machine installs Debian from; none if it is not named."""
    file = Path("/etc/apt/sources.list.d/debian.sources")
    lines = file.read_text().splitlines() if file.exists() else []
    return [line.split()[1] for line in lines if line.startswith("URIs:")][:1]


def build(target: str, tag: str, base: str, version: str, revision: str) -> None:
    """Build an image of docker/Dockerfile. With the stand-in, pip finds the files that this machine's pip fetched."""
    words = ["build", "--format", "docker", "--file", "docker/Dockerfile", "--target", target, "--tag", tag]
    words += [f"--label={LABELS}.version={version}", f"--label={LABELS}.revision={revision}"]
    if base == STAND_IN:
        pins = "run" if target == "runtime" else target
        wheels = fetch_wheels(pins)
        config = BUILD / "pip.conf"
        config.write_text("[global]\nno-index = true\nfind-links = /mnt\n")
        words += ["--network", "host", f"--volume={wheels}:/mnt:ro", f"--volume={config}:/etc/pip.conf:ro"]
    podman(*words, f"--build-arg=BASE={base}", ".")


def fetch_wheels(pins: str) -> Path:
    """Fetch the pinned files with this machine's pip, and return their folder."""
    folder = BUILD / "wheels"
    for name in (pins, "run", "headless"):
        pip = ["pip", "download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:"]
        pip += [f"--python-version={PYTHON}", f"--dest={folder}", f"--requirement=constraints/{name}.txt"]
        subprocess.run(pip, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return folder


def build_stand_in(image: str, base: str) -> str:
    """Build an image of Debian's package under the name of one that no registry gives; return the package."""
    name = image.rpartition("/")[2].partition(":")[0]
    package, program = STAND_INS[name]
    lines = [
        f"FROM {base}",
        f"RUN apt-get update && apt-get install --yes --no-install-recommends {package}",
        f"RUN ln -sf /usr/bin/{program} /usr/local/bin/{name} && install -d -o nobody /{name}",
        f'USER nobody\nENTRYPOINT ["{name}"]',
    ]
    file = BUILD / f"{name}.Dockerfile"
    file.write_text("\n".join(lines) + "\n")
    podman("build", "--network", "host", "--file", str(file), "--tag", image, str(BUILD))
    return package
