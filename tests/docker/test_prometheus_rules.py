"""The rules and alerts of docker/prometheus, asked by Prometheus' own promtool."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docker" / "prometheus"


def promtool(*words: str | Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_configuration_and_its_rules_are_valid() -> None:
    promtool("check", "config", FOLDER / "prometheus.yml")


def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", FOLDER / "tests.yml")


def test_every_alert_is_seen_to_fire() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text()))
    fired = set(re.findall(r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n", (FOLDER / "tests.yml").read_text()))
    assert fired == alerts
