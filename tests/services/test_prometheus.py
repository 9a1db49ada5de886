"""Prometheus is a convenience: what stops it is said in one sentence with the remedy."""

import logging
import socket
import threading
from pathlib import Path

import pytest

from digitcam.supervisor import STOPPING_CODES
from services import prometheus
from services.prometheus import FILES, command, find_trouble
from shared.pipeline import Stage
from shared.service.lifecycle import ServiceContext
from shared.settings import load_settings


def test_missing_program_is_said_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "apt install prometheus" in find_trouble(9090)


def test_port_that_is_taken_is_said_with_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"PROMETHEUS_PORT={port}" in find_trouble(port)


def test_configuration_and_rules_are_copied_to_where_the_targets_are(tmp_path: Path) -> None:
    words = command(tmp_path / "run", 9999)
    assert f"--config.file={tmp_path / 'run' / 'prometheus.yml'}" in words
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(FILES)
    assert "targets/*.json" in (tmp_path / "run" / "prometheus.yml").read_text()


@pytest.mark.parametrize("code", [0, 1, 2])
def test_prometheus_that_ends_by_itself_does_not_end_the_pipeline(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prometheus, "find_trouble", lambda port: "")
    monkeypatch.setattr(prometheus, "command", lambda run_dir, port: ["sh", "-c", f"exit {code}"])
    monkeypatch.setattr(prometheus, "AGAIN_AFTER_S", 0.0)
    with pytest.raises(SystemExit) as end:
        prometheus.main(life(tmp_path, threading.Event()))
    assert end.value.code not in STOPPING_CODES


def life(folder: Path, stop: threading.Event) -> ServiceContext:
    """What the process is given."""
    settings = load_settings({"RUN_DIR": str(folder)}, folder / ".env")
    return ServiceContext(settings, Stage.PROMETHEUS, "1", logging.getLogger("prometheus.1"), stop)
