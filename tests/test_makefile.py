"""What a newcomer types first."""

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_environment_that_could_not_be_made_is_not_taken_for_done(tmp_path: Path) -> None:
    python = tmp_path / "python"  # as Debian's without python3-venv: it makes the interpreter, and then fails
    python.write_text("#!/bin/sh\nmkdir -p .venv/bin\ntouch .venv/bin/python\nexit 1\n")
    python.chmod(0o755)
    made = subprocess.run(
        ["make", "-f", MAKEFILE, f"PYTHON={python}", ".venv/bin/python"], cwd=tmp_path, capture_output=True, check=False
    )
    assert made.returncode
    assert not (tmp_path / ".venv").exists()
