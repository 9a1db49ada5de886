"""make, the first thing a newcomer types."""

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_failed_venv_is_removed(tmp_path: Path) -> None:
    python = tmp_path / "python"  # like Debian's without python3-venv: it creates the interpreter, then fails
    python.write_text("#!/bin/sh\nmkdir -p .venv/bin\ntouch .venv/bin/python\nexit 1\n")
    python.chmod(0o755)
    made = subprocess.run(
        ["make", "-f", MAKEFILE, f"PYTHON={python}", ".venv/bin/python"], cwd=tmp_path, capture_output=True, check=False
    )
    assert made.returncode
    assert not (tmp_path / ".venv").exists()
