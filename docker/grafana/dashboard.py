"""The Grafana dashboard, as code: `python docker/grafana/dashboard.py` writes digitcam.json, which Grafana loads."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

FILE = Path(__file__).with_name("digitcam.json")
DATA = DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDTH = 24  # of Grafana's grid


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel: what it answers, in what unit, and by which expressions, each with its legend."""

    title: str
    unit: str  # Grafana's name: s, percentunit, bytes, short, hertz
    queries: dict[str, str]
    kind: Callable[[], Any] = timeseries.Panel
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES


OF = 'camera=~"$camera"'

ROWS = {
    "Overview": (
        Chart("Cameras live", "short", {"sum(digitcam_camera_up)": ""}, stat.Panel),
        Chart("Frames a second", "short", {"sum(camera:digitcam_frames:rate10s)": ""}, stat.Panel),
        Chart(
            "Of these, read",
            "percentunit",
            {"sum(camera:digitcam_readings:rate10s) / sum(camera:digitcam_frames:rate10s)": ""},
            stat.Panel,
        ),
        Chart(
            "Age when shown, p99",
            "s",
            {'max(camera_stage:digitcam_age_seconds:p99_30s{stage="display"})': ""},
            stat.Panel,
        ),
        Chart("Dropped a second", "short", {"sum(camera_stage_reason:digitcam_drops:rate10s)": ""}, stat.Panel),
        Chart("Alerts", "short", {'count(ALERTS{alertstate="firing"}) or vector(0)': ""}, stat.Panel),
    ),
    "Cameras": (
        Chart(
            "Frames a second",
            "short",
            {
                f"camera:digitcam_frames:rate10s{{{OF}}}": "{{camera}}",
                f"camera:digitcam_readings:rate10s{{{OF}}}": "{{camera}}, read",
                f"sum by (camera) (rate(digitcam_unchanged_total{{{OF}}}[10s]))": "{{camera}}, unchanged",
            },
        ),
        Chart(
            "Age when shown",
            "s",
            {
                f'camera_stage:digitcam_age_seconds:p50_30s{{stage="display", {OF}}}': "{{camera}} p50",
                f'camera_stage:digitcam_age_seconds:p99_30s{{stage="display", {OF}}}': "{{camera}} p99",
                f"max by (camera) (digitcam_camera_max_age_seconds{{{OF}}}) < Inf": "{{camera}}, dropped when older",
            },
        ),
        Chart(
            "Dropped a second, where and why",
            "short",
            {f"camera_stage_reason:digitcam_drops:rate10s{{{OF}}}": "{{camera}} {{stage}}: {{reason}}"},
        ),
        Chart(
            "Up (1), down (0), frozen (-1)",
            "short",
            {f"digitcam_camera_up{{{OF}}} - digitcam_camera_frozen{{{OF}}}": "{{camera}}"},
            statetimeline.Panel,
        ),
        Chart(
            "Digits a second",
            "short",
            {
                f"sum by (camera) (rate(digitcam_digits_total{{{OF}}}[10s]))": "{{camera}}, read",
                f"sum by (camera) (rate(digitcam_rejects_total{{{OF}}}[10s]))": "{{camera}}, refused",
            },
        ),
        Chart(
            "Opened again, times a minute",
            "short",
            {f"sum by (camera) (increase(digitcam_camera_reconnects_total{{{OF}}}[1m]))": "{{camera}}"},
        ),
    ),
    "Stages": (
        Chart("Frames a second", "short", {"sum by (stage) (rate(digitcam_frames_total[10s]))": "{{stage}}"}),
        Chart(
            "Busy: near 100 % it is the bottleneck",
            "percentunit",
            {"stage_worker:digitcam_busy:ratio10s": "{{worker}}"},
        ),
        Chart(
            "Age as a stage begins, p99 of the worst camera",
            "s",
            {"max by (stage) (camera_stage:digitcam_age_seconds:p99_30s)": "{{stage}}"},
        ),
        Chart("Time for a batch, p99", "s", {"stage:digitcam_work_seconds:p99_30s": "{{stage}}"}),
        Chart("Wait for a worker, p99", "s", {"stage:digitcam_wait_seconds:p99_30s": "{{stage}}"}),
        Chart("Waiting now", "short", {"digitcam_waiting": "{{stage}}"}),
    ),
    "Batching": (
        Chart(
            "Mean size of a batch",
            "short",
            {"stage:digitcam_batch_size:mean10s": "{{stage}}", "digitcam_max_batch": "{{worker}}, at most"},
        ),
        Chart(
            "Batches a second, and why each was closed",
            "short",
            {"sum by (stage, reason) (rate(digitcam_batches_total[10s]))": "{{stage}}: {{reason}}"},
        ),
        Chart(
            "Sizes of inference's batches",
            "short",
            {'sum by (le) (rate(digitcam_batch_size_bucket{stage="inference"}[10s]))': "{{le}}"},
            heatmap.Panel,
            PromQueryFormat.HEATMAP,
        ),
        Chart("Items that idle workers ask for", "short", {"digitcam_credit": "{{stage}}"}),
    ),
    "Health": (
        Chart("Answers its scrapes", "short", {'up{job="digitcam"}': "{{worker}}"}, statetimeline.Panel),
        Chart("Ready", "short", {"digitcam_ready": "{{worker}}"}, statetimeline.Panel),
        Chart("Time since the loop has turned", "s", {"digitcam_heartbeat_age_seconds": "{{worker}}"}),
        Chart("Cores in use", "short", {'rate(process_cpu_seconds_total{job="digitcam"}[10s])': "{{worker}}"}),
        Chart("Memory", "bytes", {'process_resident_memory_bytes{job="digitcam"}': "{{worker}}"}),
        Chart("Workers", "short", {"digitcam_workers": "{{stage}}"}),
        Chart("Browsers that look", "short", {"digitcam_viewers": "viewers"}),
        Chart("Bad messages a second", "short", {"rate(digitcam_malformed_total[10s])": "{{worker}}"}),
        Chart(
            "Refused or lost in a minute",
            "short",
            {
                "sum(increase(digitcam_refusals_total[1m])) or vector(0)": "requests and browsers",
                "sum(increase(digitcam_events_lost_total[1m])) or vector(0)": "events",
                "sum(increase(digitcam_weights_refused_total[1m]))": "weights",
            },
        ),
        Chart("Networks", "short", {"digitcam_model_info": ""}, table.Panel, PromQueryFormat.TABLE),
    ),
}


def build() -> str:
    """The dashboard as JSON."""
    board = (
        dashboard.Dashboard("digitcam")
        .uid("digitcam")
        .description("Written by docker/grafana/dashboard.py: change it there.")
        .tags(["digitcam"])
        .refresh("5s")
        .time("now-15m", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(cameras())
    )
    numbers = count(1)
    for title, charts in ROWS.items():
        board.with_row(dashboard.Row(title).id(next(numbers)))
        for chart in charts:
            board.with_panel(panel(chart, per_row=6 if chart.kind is stat.Panel else 3).id(next(numbers)))
    model = json.loads(JSONEncoder().encode(board.build()))
    for variable in model["templating"]["list"]:
        for name in [name for name in variable if name.startswith("auto")]:  # the SDK's own: not in Grafana's types
            del variable[name]
    return json.dumps(model, sort_keys=True, indent=2) + "\n"


def cameras() -> dashboard.QueryVariable:
    """The list from which one, several or all cameras are chosen."""
    return (
        dashboard.QueryVariable("camera")
        .label("Camera")
        .datasource(DATA)
        .query("label_values(digitcam_frames_total, camera)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
    )


def panel(chart: Chart, per_row: int) -> Any:
    """A chart as Grafana's own panel."""
    built = chart.kind().title(chart.title).unit(chart.unit).datasource(DATA)
    for number, (expression, legend) in enumerate(chart.queries.items()):
        query = Dataquery().expr(expression).legend_format(legend).format(chart.form).ref_id(chr(ord("A") + number))
        built.with_target(query.instant() if chart.form is PromQueryFormat.TABLE else query.range())
    return built.span(WIDTH // per_row).height(4 if chart.kind is stat.Panel else 8)


if __name__ == "__main__":
    FILE.write_text(build())
