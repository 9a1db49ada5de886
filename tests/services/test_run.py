"""What stands behind each line of the Procfile."""

import re
from pathlib import Path

import pytest

from services.run import STAGES, instances
from shared.settings import ConfigError, load_settings

ROOT = Path(__file__).parents[2]
SETTINGS = load_settings({"CAMERAS": "demo,demo"}, Path("no.env"))


def test_procfile_has_a_line_for_each_stage() -> None:
    lines = dict(re.findall(r"^(\w+): exec digitcam run (\w+)$", (ROOT / "Procfile").read_text(), re.MULTILINE))
    assert lines == {stage: stage for stage in STAGES}


def test_each_stage_is_a_module_of_its_own() -> None:
    assert all((ROOT / "services" / f"{stage}.py").is_file() for stage in STAGES)


@pytest.mark.parametrize(
    ("stage", "process", "expected"),
    [
        ("capture", "capture.1", ["demo", "demo.2"]),
        ("inference", "inference.2", ["2"]),
        ("inference", "", ["1"]),
        ("queue", "queue.1", ["1"]),
    ],
)
def test_workers_of_a_line(monkeypatch: pytest.MonkeyPatch, stage: str, process: str, expected: list[str]) -> None:
    monkeypatch.setenv("HONCHO_PROCESS_NAME", process)
    assert instances(stage, SETTINGS) == expected


@pytest.mark.parametrize("stage", ["capture", "queue", "display", "prometheus"])
def test_second_worker_where_there_can_be_one_is_an_error(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    monkeypatch.setenv("HONCHO_PROCESS_NAME", f"{stage}.2")
    with pytest.raises(ConfigError, match="preprocess and inference"):
        instances(stage, SETTINGS)
