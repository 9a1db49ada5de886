"""What several tests need: settings that no .env and no environment can change, and sockets of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from shared.settings import Settings, load_settings

MakeSettings = Callable[..., Settings]

# the same examples each time, and no clock: CI may run beside something else
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("steady")


@pytest.fixture
def make_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    """Settings by their names in capitals; RUN_DIR is the test's own, and short enough for a Unix socket."""
    monkeypatch.chdir(tmp_path)

    def make(**values: Any) -> Settings:
        given = {"RUN_DIR": "run"} | {name: str(value) for name, value in values.items()}
        settings = load_settings(given, Path("no.env"))
        settings.run_dir.mkdir(exist_ok=True)
        return settings

    return make
