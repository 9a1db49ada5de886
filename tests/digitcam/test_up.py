"""digitcam up starts the Procfile that the package carries."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.launcher import stop_processes
from digitcam.commands.up import PROCFILE, parse_concurrency, quote_file
from shared.settings import ConfigError
from tests.pipeline.pipeline import find_free_port

ROOT = Path(__file__).parents[2]


def test_procfile_of_the_package_is_that_of_the_repository() -> None:
    assert PROCFILE.read_text() == (ROOT / "Procfile").read_text()


def test_lines_of_the_procfile_work_in_sh_and_cmd_alike() -> None:
    assert all(line.split()[1:3] == ["digitcam", "run"] for line in PROCFILE.read_text().splitlines())


def test_concurrency_is_a_number_for_each_stage() -> None:
    assert parse_concurrency("inference=2,preprocess=3") == {"inference": 2, "preprocess": 3}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("infrence=2", "-c infrence=2 is not right: there is no stage infrence, but there are capture, queue, "),
        ("preprocess=2,printer=2", "-c printer=2 is not right: there is no stage printer"),
        ("inference", "-c inference is not right: it takes a number of workers, such as inference=2."),
        ("inference=two", "-c inference=two is not right: it takes a number"),
        ("inference=-1", "-c inference=-1 is not right: it takes a number"),
        ("inference=1=2", "-c inference=1=2 is not right: it takes a number"),
        ("capture=2", "capture=2 is not possible: only preprocess and inference can have several workers."),
    ],
)
def test_wrong_concurrency_is_one_sentence_that_names_the_word(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        parse_concurrency(text)


def test_ctrl_c_ends_everything_with_exit_code_0(tmp_path: Path) -> None:
    ports = {name: str(find_free_port()) for name in ("WEB_PORT", "PROMETHEUS_PORT")}
    environment = os.environ | ports | {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "CAMERAS": "no.mp4"}
    command = [sys.executable, "-m", "digitcam", "up", "demo", "-c", "prometheus=0,preprocess=2"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as up:
        assert up.stdout
        log = []
        for line in up.stdout:
            log.append(line)
            if "ready at http" in line:
                up.send_signal(signal.SIGINT)
        assert up.wait(10) == 0
    stopped = [line.split("| ")[1] for line in log if " stopped " in line]
    names = ["capture.1", "display.1", "inference.1", "preprocess.1", "preprocess.2", "queue.1"]
    assert sorted(stopped) == [f"{name} stopped (rc=0)\n" for name in names]


def test_ctrl_c_while_the_lines_are_being_started_ends_everything(tmp_path: Path) -> None:
    """honcho alone would fail, and go on until it is killed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WEB_PORT": str(find_free_port())}
    command = [sys.executable, "-m", "digitcam", "up", "demo", "-c", "prometheus=0"]
    with psutil.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as up:
        started: list[psutil.Process] = []
        while not started:
            started = up.children()
        up.send_signal(signal.SIGINT)
        started += up.children(recursive=True)
        try:
            assert up.wait(20) == 0
            assert psutil.wait_procs(started, timeout=5)[1] == []
        finally:
            stop_processes([up, *started])


@pytest.mark.parametrize(
    ("name", "value", "camera"),
    [
        ("MAX_BATCH", "many", "demo"),
        ("CAMERAS", "bogus://x", ""),
        ("CAMERAS", "demo", "no.mp4"),
        ("CAMERAS", "demo", "demo#nix=1"),
    ],
)
def test_wrong_setting_is_one_sentence_before_anything_starts(
    tmp_path: Path, name: str, value: str, camera: str
) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), name: value}
    command = [sys.executable, "-m", "digitcam", "up", *filter(None, [camera])]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"{name}=" in done.stderr or "CAMERAS has #nix=1" in done.stderr


def test_file_with_a_comma_in_its_name_is_one_camera(tmp_path: Path) -> None:
    (tmp_path / "a,b.jpg").touch()
    assert quote_file(str(tmp_path / "a,b.jpg")) == f'"{tmp_path}/a,b.jpg"'
    assert quote_file("demo,0") == "demo,0"
