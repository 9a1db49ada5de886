"""The Grafana dashboard: panels have titles, expressions use existing metrics, and every metric is used."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

import shared.telemetry.metrics  # noqa: F401 - registers every metric

ROOT = Path(__file__).parents[2]
BOARD = json.loads((ROOT / "docker" / "grafana" / "digitcam.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
RULES = (ROOT / "services" / "prometheus" / "recording.yml").read_text()
ALERTS = (ROOT / "services" / "prometheus" / "alerts.yml").read_text()
METRICS = {family.name for family in REGISTRY.collect() if family.name.startswith("digitcam_")}
SUFFIXES = r"(_total|_info|_bucket|_sum|_count)?$"


def test_every_panel_has_a_title_and_an_expression() -> None:
    assert len(PANELS) > 20
    assert all(panel["title"] and panel["targets"] for panel in PANELS)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_uses_only_metrics_and_rules_that_exist(expression: str) -> None:
    recorded = set(re.findall(r"- record: (\S+)", RULES))
    for name in re.findall(r"[\w:]*digitcam_[\w:]+", expression):
        assert name in recorded or re.sub(SUFFIXES, "", name) in METRICS or name in METRICS


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    assert len(METRICS) > 20
    assert {name for name in METRICS if name not in RULES + ALERTS + " ".join(EXPRESSIONS)} == set()


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in BOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
