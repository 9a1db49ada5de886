"""Everything outside Python that names a stage or a drop reason agrees with the table of the pipeline."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared.messaging.codec import FORMATS
from shared.pipeline import PIPELINE, BatchReason, DropReason, Outcome, Stage, StageSpec

ROOT = Path(__file__).parents[2]
MONITORING = [
    ROOT / "services" / "prometheus" / "alerts.yml",
    ROOT / "services" / "prometheus" / "recording.yml",
    ROOT / "tests" / "services" / "prometheus" / "alerts_test.yml",
    ROOT / "docker" / "grafana" / "digitcam.json",
]


def test_each_stage_is_one_row() -> None:
    assert [row.stage for row in PIPELINE] == list(Stage)


def test_each_stage_is_a_module_of_services() -> None:
    assert all(importlib.util.find_spec(f"services.{stage}") for stage in Stage)


def test_procfile_has_a_line_for_each_stage() -> None:
    lines = re.findall(r"^(\w+):.* run (\w+)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
    assert sorted(lines) == sorted((stage, stage) for stage in Stage)


@pytest.mark.parametrize("row", PIPELINE, ids=lambda row: row.stage)
def test_consumed_and_produced_messages_exist(row: StageSpec) -> None:
    assert {*row.consumes, *row.produces} <= {form.kind.__name__ for form in FORMATS.values()}


def test_every_message_that_is_consumed_is_produced() -> None:
    assert {name for row in PIPELINE for name in row.consumes} == {name for row in PIPELINE for name in row.produces}


def test_outcomes_without_digits_are_drop_reasons() -> None:
    assert {outcome.value for outcome in Outcome if not outcome.has_digits} == {reason.value for reason in DropReason}


def test_each_drop_reason_belongs_to_a_stage() -> None:
    assert {reason for row in PIPELINE for reason in row.drop_reasons} == set(DropReason)


@pytest.mark.parametrize("path", MONITORING, ids=lambda path: path.name)
def test_monitoring_names_known_stages_and_reasons(path: Path) -> None:
    text = path.read_text().replace('\\"', '"')
    assert set(re.findall(r'\bstage="([^"]+)"', text)) <= set(Stage)
    assert set(re.findall(r'\breason="([^"]+)"', text)) <= set(DropReason) | set(BatchReason)


def test_table_is_cheap_to_import() -> None:
    heavy = {"msgpack", "zmq", "numpy", "prometheus_client"}
    code = f"import sys, shared.pipeline; sys.exit(not {heavy}.isdisjoint(sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
