"""Several hosts with clocks far apart, a host that vanishes, and a queue that moves: real processes in namespaces."""

import pytest

from tests.hosts.__main__ import main
from tests.hosts.network import find_obstacle


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pipeline_survives_what_happens_to_hosts(capsys: pytest.CaptureFixture[str]) -> None:
    if obstacle := find_obstacle():
        pytest.skip(obstacle)
    code = main()
    assert code == 0, capsys.readouterr().out
