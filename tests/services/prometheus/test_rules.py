"""The scrape configuration, recording rules and alerts, checked by Prometheus' own promtool."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "services" / "prometheus"
ALERTS_TEST = Path(__file__).with_name("alerts_test.yml")


def run_promtool(*words: str | Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    result = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_configuration_and_rules_are_valid() -> None:
    run_promtool("check", "config", FOLDER / "prometheus.yml")


def test_alerts_fire_when_they_should_and_not_before() -> None:
    run_promtool("test", "rules", ALERTS_TEST)


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", (FOLDER / "alerts.yml").read_text()))
    fired = set(re.findall(r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n", ALERTS_TEST.read_text()))
    assert fired == alerts
