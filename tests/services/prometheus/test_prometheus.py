"""Prometheus is optional: whatever keeps it from running is one sentence with the remedy, and the pipeline goes on."""

import logging
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from digitcam.supervisor import FINAL_CODES
from services.prometheus import __main__ as prometheus
from services.prometheus.__main__ import CONFIG_FILES, DATA_FOLDER, find_problem, make_command
from shared.pipeline import Stage
from shared.service.lifecycle import ServiceContext
from shared.settings import load_settings


def test_missing_program_is_reported_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt install prometheus" in find_problem(9090)


def test_port_in_use_is_reported_with_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"PROMETHEUS_PORT={port}" in find_problem(port)


def test_configuration_and_rules_are_copied_to_the_folder_of_the_targets(tmp_path: Path) -> None:
    command = make_command(tmp_path / "run", 9999)
    assert f"--config.file={tmp_path / 'run' / 'prometheus.yml'}" in command
    assert {path.name for path in (tmp_path / "run").iterdir()} == {*CONFIG_FILES, DATA_FOLDER}
    assert "targets/*.json" in (tmp_path / "run" / "prometheus.yml").read_text()


def test_what_is_in_the_place_of_its_files_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "prometheus").symlink_to("prometheus")
    (tmp_path / "alerts.yml").mkdir()
    (tmp_path / "recording.yml").symlink_to("nowhere")
    make_command(tmp_path, 9999)
    assert (tmp_path / "prometheus").is_dir()
    assert all((tmp_path / file).is_file() and not (tmp_path / file).is_symlink() for file in CONFIG_FILES)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_prometheus_that_exits_does_not_end_the_pipeline(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "find_problem", lambda port: "")
    monkeypatch.setattr(prometheus, "make_command", lambda run_dir, port: ["sh", "-c", f"exit {code}"])
    monkeypatch.setattr(prometheus, "RETRY_AFTER_S", 0.0)
    settings = load_settings({"RUN_DIR": str(tmp_path)}, tmp_path / ".env")
    context = ServiceContext(settings, Stage.PROMETHEUS, "1", logging.getLogger("prometheus.1"), threading.Event())
    with pytest.raises(SystemExit) as end:
        prometheus.main(context)
    assert end.value.code not in FINAL_CODES


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_prometheus_does_not_outlive_its_worker(tmp_path: Path) -> None:
    """It would keep its port, so that the next worker could not start one."""
    pid_file = tmp_path / "pid"
    program = (
        "import logging, threading\nfrom services.prometheus import __main__ as prometheus\n"
        "from shared.pipeline import Stage\nfrom shared.service.lifecycle import ServiceContext\n"
        "from shared.settings import load_settings\n"
        "prometheus.find_problem = lambda port: ''\n"
        f"command = ['sh', '-c', 'echo $$ > {pid_file}; sleep 60; true']\n"
        "prometheus.make_command = lambda run_dir, port: command\n"
        "context = ServiceContext(load_settings(), Stage.PROMETHEUS, '1', logging.getLogger(), threading.Event())\n"
        "prometheus.main(context)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3]) as worker:
        while not pid_file.exists() or not pid_file.read_text().strip():
            assert worker.poll() is None
        fake = psutil.Process(int(pid_file.read_text()))
        worker.kill()
    psutil.wait_procs([fake], timeout=10)
    assert not fake.is_running() or fake.status() == psutil.STATUS_ZOMBIE
