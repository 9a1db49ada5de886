"""Films for the tests of the benches, made once per session."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the films."""
    return tmp_path_factory.mktemp("films")
