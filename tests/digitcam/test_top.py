"""The live table, and what runs behind it: real ports, and processes that do not answer."""

import json
import math
import socket
from pathlib import Path

import pytest

from digitcam.commands.doctor import report
from digitcam.commands.top import columns, look, table
from digitcam.diagnosis import Finding
from shared.pipeline import DropReason
from shared.service.lifecycle import write_scrape_target
from shared.settings import ConfigError
from shared.telemetry.health import Health
from shared.telemetry.scraping import find_targets, scrape
from shared.telemetry.status_server import status_port
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary
from tests.conftest import MakeSettings

DROPS = dict.fromkeys(DropReason, 0.0) | {DropReason.STALE: 1.5}
FIGURES = PipelineSummary(
    (
        CameraSummary(
            "hall",
            "live",
            30.0,
            28.5,
            dict.fromkeys(DropReason, 0.0) | {DropReason.STALE: 1.5},
            0.004,
            0.031,
            0.058,
            0.15,
        ),
    ),
    (
        StageSummary("queue", 1, 30.0, math.nan, 0.0, 0, {}, math.nan, math.nan),
        StageSummary("inference", 2, 28.5, 1.4, 0.964, 1, {DropReason.STALE: 1.5}, 0.012, 0.02),
        StageSummary("display", 0, 0.0, math.nan, 0.0, 0, {}, math.nan, math.nan),
    ),
    (ProcessSummary("inference.1", True, False, "the queue does not answer", 0.2, 0.48, 137e6),),
    0.0,
)


def test_table_says_how_cameras_stages_and_processes_are() -> None:
    assert table(FIGURES) == [
        "CAMERA  STATE  FRAMES/S  READ/S  DROPS/S  AGE(ms):p50  p99",
        "hall     live      30.0    28.5      1.5           31   58",
        "",
        "STAGE      WORKERS  FRAMES/S  BATCH  BUSY  WAITING  DROPS/S  AGE(ms):p50  p99",
        "queue            1      30.0      -     -        -        -            -    -",
        "inference        2      28.5    1.4   96%        1      1.5           12   20",
        "",
        "PROCESS      CPU  MEMORY  BEAT(s)  READY",
        "inference.1  48%   137MB      0.2     no",
        "",
        "inference.1: the queue does not answer",
    ]


def test_table_without_rows_has_titles() -> None:
    assert columns("CAMERA STATE", []) == ["CAMERA  STATE"]


def test_nothing_that_runs_is_said_with_how_to_start_it(make_settings: MakeSettings) -> None:
    with pytest.raises(ConfigError, match="honcho start"):
        look(make_settings())


def test_process_that_was_killed_is_told_from_one_that_answers(tmp_path: Path) -> None:
    health = Health()
    health.beat()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        dead = probe.getsockname()[1]
    with status_port(health) as port:
        write_scrape_target(tmp_path / "targets" / "a.json", port, {"stage": "queue", "worker": "queue.1"})
        write_scrape_target(tmp_path / "targets" / "b.json", dead, {"stage": "inference", "worker": "inference.1"})
        said = {said.target.worker: (bool(said.samples), said.ready) for said in scrape(tmp_path).said}
    assert said == {"queue.1": (True, True), "inference.1": (False, False)}


def test_process_that_ends_while_it_is_looked_for_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "targets"
    folder.mkdir()
    (folder / "gone.json").symlink_to(tmp_path / "nowhere")
    (folder / "here.json").write_text(json.dumps([{"targets": ["a:1"], "labels": {"stage": "queue", "worker": "q"}}]))
    assert [target.worker for target in find_targets(tmp_path)] == ["q"]


@pytest.mark.parametrize(
    ("findings", "code", "says_well"),
    [
        ([], 0, True),
        ([Finding("prometheus is not installed", "apt", is_needed=False)], 0, True),
        ([Finding("inference hangs", "end it")], 1, False),
    ],
)
def test_exit_code_says_whether_something_is_in_the_way(
    findings: list[Finding], code: int, says_well: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(findings, "All is well") == code
    assert ("All is well" in capsys.readouterr().out) == says_well
