"""What a newcomer types first."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def make_environment(folder: Path, python: str) -> "subprocess.CompletedProcess[str]":
    """Run make in an empty folder with a script in place of Python; the environment must not be made."""
    script = folder / "python"
    script.write_text(f"#!/bin/sh\n{python}\n")
    script.chmod(0o755)
    command = ["make", "-f", str(MAKEFILE), f"PYTHON={script}", ".venv/made"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # as if typed
    made = subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True, check=False)
    assert made.returncode
    assert not (folder / ".venv").exists()
    return made


def test_environment_that_could_not_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    """Debian without python3-venv creates the interpreter and then fails."""
    make_environment(tmp_path, '[ "$1" = -m ] || exit 0; mkdir -p .venv/bin; touch .venv/bin/python; exit 1')


def test_python_that_is_too_old_is_one_sentence_and_leaves_nothing_behind(tmp_path: Path) -> None:
    old = f"""[ "$1" = -c ] && exec "{sys.executable}" -c "import sys; sys.version_info = (3, 9, 2)\n$2"
mkdir .venv"""
    made = make_environment(tmp_path, old)
    sentence, *others = made.stderr.splitlines()
    assert sentence == (
        f"digitcam needs Python 3.11 or newer, and {tmp_path / 'python'} is 3.9: "
        "run make with PYTHON=python3.12, or another that you have."
    )
    assert all(line.startswith("make: ***") for line in others)
