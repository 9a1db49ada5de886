"""The live table, and the scraping behind it: real ports, and processes that do not answer."""

import json
import math
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from digitcam.commands.doctor import report
from digitcam.commands.top import align, draw_screen, format_tables, scrape_running
from digitcam.diagnosis import Finding
from shared.pipeline import CameraState, DropReason, Stage
from shared.service.lifecycle import write_scrape_target
from shared.settings import ConfigError
from shared.telemetry.health import Health, NotReady, ProbeResult
from shared.telemetry.scraping import find_targets, scrape_pipeline
from shared.telemetry.status_server import serve_status
from shared.telemetry.summary import CameraSummary, PipelineSummary, ProcessSummary, StageSummary
from tests.conftest import MakeSettings

UNMEASURED: dict[str, Any] = {"batch_size": math.nan, "busy": 0.0, "waiting": 0, "drops_per_s": {}} | dict.fromkeys(
    ("age_p50_s", "age_p99_s"), math.nan
)
PIPELINE = PipelineSummary(
    cameras=(
        CameraSummary(
            name="hall",
            state=CameraState.LIVE,
            frames_per_s=30.0,
            readings_per_s=18.5,
            followed_per_s=10.0,
            drops_per_s=dict.fromkeys(DropReason, 0.0) | {DropReason.STALE: 1.5},
            sent_age_s=0.004,
            age_p50_s=0.031,
            age_p99_s=0.058,
            max_age_s=0.15,
        ),
    ),
    stages=(
        StageSummary(name=Stage.QUEUE, workers=1, frames_per_s=30.0, **UNMEASURED),
        StageSummary(
            name=Stage.INFERENCE,
            workers=2,
            frames_per_s=28.5,
            batch_size=1.4,
            busy=0.964,
            waiting=1,
            drops_per_s={DropReason.STALE: 1.5},
            age_p50_s=0.012,
            age_p99_s=0.02,
        ),
        StageSummary(name=Stage.DISPLAY, workers=0, frames_per_s=0.0, **UNMEASURED),
    ),
    processes=(
        ProcessSummary(
            name="inference.1",
            answers=True,
            readiness=ProbeResult(NotReady.QUEUE_SILENT, "the queue does not answer"),
            heartbeat_age_s=0.2,
            cpu=0.48,
            memory_bytes=137e6,
        ),
    ),
    malformed_per_s=0.0,
)


def test_tables_show_cameras_stages_and_processes() -> None:
    assert format_tables(PIPELINE) == [
        "CAMERA  STATE  FRAMES/S  READ/S  FOLLOWED/S  DROPS/S  AGE(ms):p50  p99",
        "hall     live      30.0    18.5        10.0      1.5           31   58",
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


def test_screen_has_no_more_lines_and_columns_than_the_terminal() -> None:
    lines = [f"line {number} is long" for number in range(9)]
    assert re.split("\x1b\\[[HJK]\n?", draw_screen(lines, 6, 5)) == ["", "line 0", "line 1", "line 2", "6 more", "", ""]
    assert "line 8 is long" in draw_screen(lines, 80, 10)


def test_table_without_rows_has_titles() -> None:
    assert align(("CAMERA", "STATE"), []) == ["CAMERA  STATE"]


def test_missing_pipeline_is_one_sentence_that_names_the_start(make_settings: MakeSettings) -> None:
    with pytest.raises(ConfigError, match="honcho start"):
        scrape_running(make_settings())


def test_killed_process_is_unreachable(tmp_path: Path) -> None:
    health = Health()
    health.heartbeat()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        dead = probe.getsockname()[1]
    with serve_status(health) as port:
        write_scrape_target(tmp_path / "targets" / "a.json", port, {"stage": "queue", "worker": "queue.1"})
        write_scrape_target(tmp_path / "targets" / "b.json", dead, {"stage": "inference", "worker": "inference.1"})
        processes = scrape_pipeline(tmp_path).processes
    assert {one.target.worker: (bool(one.samples), one.readiness.reason) for one in processes} == {
        "queue.1": (True, None),
        "inference.1": (False, NotReady.UNREACHABLE),
    }


def test_process_that_ends_during_the_search_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "targets"
    folder.mkdir()
    (folder / "gone.json").symlink_to(tmp_path / "nowhere")
    (folder / "here.json").write_text(json.dumps([{"targets": ["a:1"], "labels": {"stage": "queue", "worker": "q"}}]))
    assert [target.worker for target in find_targets(tmp_path)] == ["q"]


@pytest.mark.parametrize(
    ("findings", "code", "is_clear"),
    [
        ([], 0, True),
        ([Finding("prometheus is not installed", "apt", is_needed=False)], 0, True),
        ([Finding("inference hangs", "end it")], 1, False),
    ],
)
def test_exit_code_is_1_if_a_finding_stops_the_pipeline(
    findings: list[Finding], code: int, is_clear: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(findings, "All is well") == code
    assert ("All is well" in capsys.readouterr().out) == is_clear
