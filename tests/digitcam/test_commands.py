"""The table of commands."""

import os
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

import digitcam
from digitcam.__main__ import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_describes_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert f"digitcam {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["chaos", "soak"])
def test_command_that_needs_linux_says_so_elsewhere(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert main([name]) == 1
    assert capsys.readouterr().err == "digitcam: this command needs Linux.\n"


def test_command_whose_package_is_missing_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.command", None)  # as if nothing of this name were installed
    assert main(["bench"]) == 1
    message = "this command needs benchmarks.command: pip install '.[bench]' in a clone of digitcam."
    assert capsys.readouterr().err == f"digitcam: {message}\n"


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/full")
def test_full_disk_for_the_output_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        command = [sys.executable, "-m", "digitcam", "config"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "digitcam: the output can't be written: No space left on device.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes it")
def test_command_runs_although_its_output_is_closed() -> None:
    command = ["sh", "-c", f"exec {sys.executable} -m digitcam read --csv missing.jpg >&-"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "missing.jpg: there is no such file\n")


@pytest.mark.parametrize(
    ("words", "usage"), [(["help"], "usage: digitcam [-h]"), (["help", "top"], "usage: digitcam top")]
)
def test_help_is_a_command_too(words: list[str], usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(usage)


def test_characters_that_the_terminal_lacks_are_escaped(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "RUN_DIR": str(tmp_path / "k\u00fcche")}
    command = [sys.executable, "-m", "digitcam", "config"]
    assert "k\\xfcche" in subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


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
