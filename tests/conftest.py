"""Fixtures for several test folders: settings that neither .env nor the environment can change."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from prometheus_client.metrics import MetricWrapperBase

from shared.settings import Settings, load_settings
from shared.telemetry import metrics

MakeSettings = Callable[..., Settings]

# the same examples on each run, and no deadline: CI may share its machine
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")

# nohup and a shell's background jobs ignore these signals, and so would the processes that the tests start
for _name in ("SIGHUP", "SIGINT", "SIGQUIT"):
    if (_number := getattr(signal, _name, None)) and signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="module")
def few_series() -> Iterator[None]:
    """Forget the cameras of a module: with hundreds of them, each scrape of a later test's process takes long."""
    yield
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase) and metric._labelnames and len(metric._metrics) > 100:
            metric.clear()


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Return a function that makes Settings from NAME=value; a relative RUN_DIR keeps the socket's path short."""
    monkeypatch.chdir(tmp_path)

    def make(**values: Any) -> Settings:
        given = {"RUN_DIR": "run"} | {name: str(value) for name, value in values.items()}
        settings = load_settings(given, Path("no.env"))
        settings.run_dir.mkdir(exist_ok=True)
        return settings

    return make
