"""Prometheus is a convenience: what stops it is said in one sentence with the remedy."""

import socket
from pathlib import Path

import pytest

from services.prometheus import FILES, command, find_trouble


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
