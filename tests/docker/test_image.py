"""The Dockerfile copies everything that the processes need."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPY = re.compile(r"^COPY (?!--from)(.+) (\S+)$", re.MULTILINE)
OURS = ("digitcam", "services", "shared", "training", "benchmarks")
IMPORT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(*(module.__file__ for name, module in sys.modules.items() if name.split(".")[0] in %r), sep="\\n")
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with only the files that the Dockerfile copies."""
    folder = tmp_path_factory.mktemp("image")
    for names, target in COPY.findall((ROOT / "docker" / "Dockerfile").read_text()):
        for source in (ROOT / name for name in names.split()):
            if source.is_dir():
                shutil.copytree(source, folder / target)
            else:
                shutil.copy(source, folder / target)
    return folder


def run(image: Path, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(image), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, check=True).stdout


def test_every_process_finds_all_its_modules_in_the_image(image: Path) -> None:
    modules = [f"services.{name}" for name in re.findall(r"digitcam run (\w+)", (image / "Procfile").read_text())]
    modules = [
        name if Path(f"{image / name.replace('.', '/')}.py").exists() else f"{name}.__main__" for name in modules
    ]
    assert len(modules) > 5
    files = run(image, "-c", IMPORT % (OURS,), "digitcam.commands.run", *modules).split()
    assert len(files) > 50
    assert [file for file in files if not Path(file).is_relative_to(image)] == []


def test_networks_and_rules_are_in_the_image(image: Path) -> None:
    output = run(image, "-m", "digitcam", "read", "shared/demo/digits.png", "--json")
    assert json.loads(output)["digits"]
    assert [*(image / "services" / "prometheus").glob("*.yml")]


def test_dockerignore_lets_every_copied_path_through() -> None:
    included = (ROOT / ".dockerignore").read_text().splitlines()
    copied = COPY.findall((ROOT / "docker" / "Dockerfile").read_text())
    assert len(copied) >= 5
    for names, _ in copied:
        assert {f"!{name}" for name in names.split()} <= set(included)
