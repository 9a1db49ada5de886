"""The wheel carries everything that an installed digitcam needs outside of a clone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest

from tests.pipeline.pipeline import find_free_port

ROOT = Path(__file__).parents[2]
PACKAGES = ("digitcam", "services", "shared", "models", "training", "benchmarks")
# what only developers need
NOT_PACKED = (
    "__pycache__",
    "node_modules",
    "*.md",
    "*.d.ts",
    "*.mjs",
    "package*.json",
    "tsconfig.json",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that was built from a copy, so that the build leaves nothing in the repository."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns(*NOT_PACKED))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    code = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(target)], cwd=source, check=True, capture_output=True)
    (path,) = target.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel, as pip install --no-deps --target makes it."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def environment(installed: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}


def run(installed: Path, folder: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(installed), check=True, capture_output=True, text=True
    ).stdout


def test_wheel_has_every_file_of_its_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    files = [path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()]
    wanted = {file for file in files if not any(fnmatch(part, glob) for part in file.parts for glob in NOT_PACKED)}
    assert {file.as_posix() for file in wanted} - packed == set()


def test_command_line_and_python_interface_work_outside_of_a_clone(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "shared" / "demo" / "digits.png", tmp_path)
    assert run(installed, tmp_path, "-m", "digitcam", "--version") == f"digitcam {metadata.version('digitcam')}\n"
    assert json.loads(run(installed, tmp_path, "-m", "digitcam", "read", "digits.png", "--json"))["digits"]
    code = "import digitcam; print(digitcam.__file__, len(digitcam.read('digits.png').digits))"
    file, count = run(installed, tmp_path, "-c", code).split()
    assert Path(file).is_relative_to(installed)
    assert int(count) > 100


@pytest.mark.slow
def test_pipeline_of_the_wheel_reads_the_demo_and_serves_its_web_interface(installed: Path, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{find_free_port()}"
    ports = {"WEB_PORT": address.rpartition(":")[2], "PROMETHEUS_PORT": str(find_free_port())}
    command = [sys.executable, "-m", "digitcam", "up", "demo"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(installed) | ports, stdout=subprocess.PIPE, text=True
    ) as up:
        assert up.stdout
        assert any(f"ready at {address}" in line for line in up.stdout)
        for path in ("/", "/api/cameras"):
            with urllib.request.urlopen(address + path, timeout=5) as response:
                assert response.status == 200
        up.send_signal(signal.SIGINT)
        rest = up.stdout.read()
        assert up.wait(10) == 0
    assert rest.count("stopped (rc=0)") == 6
