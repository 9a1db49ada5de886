"""Fixtures for several test folders: settings that neither .env nor the environment can change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from shared.settings import Settings, load_settings

MakeSettings = Callable[..., Settings]

# the same examples on each run, and no deadline: CI may share its machine
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")


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
