"""Films for the benches' tests, made once a session, and the repository's root for the processes they start."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for films."""
    return tmp_path_factory.mktemp("films")
