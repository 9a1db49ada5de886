"""The Grafana dashboard: the file is what the code builds, and is right by Grafana's own types."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import shared.telemetry.metrics  # noqa: F401 - registers every number

FOLDER = Path(__file__).parents[2] / "docker" / "grafana"
FILE = FOLDER / "digitcam.json"
PACKAGES = ("@grafana/schema@11.6.0", "typescript@5")
TSC = ("node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "board.ts")


def test_file_is_what_the_code_builds() -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk is not installed")
    spec = importlib.util.spec_from_file_location("dashboard", FOLDER / "dashboard.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert FILE.read_text() == module.build(), "run python docker/grafana/dashboard.py"


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Grafana's types and a TypeScript compiler."""
    folder = tmp_path_factory.mktemp("types")
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("npm can't install @grafana/schema and typescript: is there a network?")
    return folder


def complaints(folder: Path, board: str) -> str:
    (folder / "board.ts").write_text(
        f"import type {{ Dashboard }} from '@grafana/schema';\nexport const board: Dashboard = {board};\n"
    )
    return subprocess.run(TSC, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_dashboard_is_right_by_grafanas_types(checker: Path) -> None:
    assert complaints(checker, FILE.read_text()) == ""


@pytest.mark.parametrize("wrong", [{"title": 5}, {"refrsh": "5s"}, {"panels": [{"type": "stat", "gridPos": 1}]}])
def test_wrong_dashboard_is_refused_by_grafanas_types(checker: Path, wrong: dict[str, object]) -> None:
    assert "error TS" in complaints(checker, json.dumps(json.loads(FILE.read_text()) | wrong))


def test_every_number_that_is_exported_is_on_the_dashboard_or_in_its_rules() -> None:
    rules = (FOLDER.parent / "prometheus" / "recording.yml").read_text()
    exported = {family.name for family in REGISTRY.collect() if family.name.startswith("digitcam_")}
    assert len(exported) > 20
    assert {name for name in exported if name not in FILE.read_text() + rules} == set()


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    panels = json.loads(FILE.read_text())["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
