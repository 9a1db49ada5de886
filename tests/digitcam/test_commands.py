"""The table of commands."""

import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec

import pytest

import digitcam
from digitcam.__main__ import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_describes_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert f"digitcam {name}" in capsys.readouterr().out


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[lines.index("commands:") + 1 :] if line.startswith("  ")] == [*COMMANDS]


def test_digitcam_without_a_command_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    assert "commands:" in capsys.readouterr().out


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"digitcam {metadata.version('digitcam')}\n"


def test_package_knows_its_version() -> None:
    assert digitcam.__version__ == metadata.version("digitcam")


def test_line_of_the_procfile_imports_no_library_that_costs_memory() -> None:
    heavy = [name for name in ("numpy", "cv2", "onnxruntime", "aiohttp", "zmq", "prometheus_client") if find_spec(name)]
    code = f"import sys, digitcam.__main__, digitcam.commands.run; print([n for n in {heavy} if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
