"""gpu_check runs without a GPU too, each step on its own, and compares what it says it compares."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from benchmarks.gpu_check.__main__ import CheckReport, run_steps
from benchmarks.gpu_check.children import EXIT_STOPPED
from benchmarks.gpu_check.comparison import Facts, count_same
from benchmarks.gpu_check.steps import STEPS, GpuCheck, Step
from shared.demo.camera import DemoCamera
from shared.vision.digit import Digit

CERTAIN = -0.01
ROOT = Path(__file__).parents[2]


def make_digit(digit: int, x: float) -> Digit:
    return Digit((x, 10.0, 20.0, 30.0), tuple(CERTAIN if index == digit else -9.0 for index in range(11)))


def test_steps_run_and_the_recognizers_agree(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "one.png"), DemoCamera(4).render(1.0)[0])
    (photos / "broken.jpg").write_bytes(b"no picture")
    out = tmp_path / "out.json"
    steps = [step for step in STEPS if step not in {GpuCheck.several_processes, GpuCheck.where_time_goes}]  # seconds
    assert run_steps(steps, GpuCheck(True, [photos], 100.0), CheckReport(out)) == 0
    rows = json.loads(out.read_text())["steps"]
    assert list(dict.fromkeys(row["step"] for row in rows)) == [*(step.__name__ for step in steps), "end"]
    for name in ("same_on_demo_frames", "same_on_photographs", "same_from_jpegs"):
        (row,) = (row for row in rows if row["step"] == name)
        assert row["digits"] == row["digits_same"] > 0


@pytest.mark.slow
def test_command_runs_every_step(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "benchmarks.gpu_check", str(out), "--small", "--limit-s", "55"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    rows = json.loads(out.read_text())["steps"]
    assert {row["step"] for row in rows} == {*(step.__name__ for step in STEPS), "end"}


def test_step_that_fails_is_in_the_file_and_the_next_one_runs(tmp_path: Path) -> None:
    def break_down(_: GpuCheck) -> Iterator[Facts]:
        yield {"batch": 1}
        raise RuntimeError("out of memory")

    steps: list[Step] = [break_down, GpuCheck.machine]
    assert run_steps(steps, GpuCheck(True, [], 9.0), CheckReport(tmp_path / "out.json")) == 1
    rows = json.loads((tmp_path / "out.json").read_text())["steps"]
    assert [row["step"] for row in rows] == ["break_down", "break_down", "machine", "end"]
    assert rows[1]["error"] == "RuntimeError: out of memory"


def test_digits_are_equal_only_at_the_same_place() -> None:
    expected = [[make_digit(1, 0), make_digit(2, 50)], [make_digit(3, 0)], []]
    read = [[make_digit(1, 2), make_digit(2, 200)], [make_digit(3, 0), make_digit(3, 3)], []]
    facts, pairs = count_same(expected, read)
    assert facts == {"frames": 3, "frames_same": 1, "digits": 3, "digits_same": 2, "added": 2, "share_same": 0.4}
    assert [(len(missing), len(added)) for missing, added in pairs] == [(1, 1), (0, 1), (0, 0)]


def test_it_ends_in_time_whatever_hangs() -> None:
    code = "import time\nfrom benchmarks.gpu_check.children import *\n"
    code += "with stop_after(0.05): start_child(['sleep', '60']); time.sleep(60)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == EXIT_STOPPED
    assert "stopped after 0.05 s" in run.stderr
