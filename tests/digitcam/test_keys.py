"""digitcam keys: what it prints is what has to be typed next."""

import re
from pathlib import Path

import pytest

from digitcam.__main__ import main
from shared.messaging.keys import load_pair, load_queue_key, to_hex


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUEUE_KEY", raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], line: str) -> str:
    """Run a command line and return what it prints. Raises AssertionError unless it succeeds."""
    assert main(line.split()[1:]) == 0
    return capsys.readouterr().out


def next_command(printed: str) -> str:
    [command] = re.findall("^    (digitcam .*)$", printed, re.MULTILINE)
    return str(command)


def test_printed_commands_let_a_machine_in_and_a_third_one_shuts_it_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    make_there = next_command(run(capsys, "digitcam keys make"))
    allow = next_command(run(capsys, make_there + " there"))
    monkeypatch.setenv("QUEUE_KEY", str(folder / "keys"))
    name = allow.split()[3]
    assert run(capsys, allow) == f"{name} may connect to the queue.\n"
    listed = run(capsys, "digitcam keys list").splitlines()
    there = to_hex(load_pair(folder / "there")[0])
    assert [line.split()[:2] for line in listed[1:]] == [[name, there]]
    assert load_queue_key(folder / "there") == load_pair(folder / "keys")[0]
    run(capsys, f"digitcam keys revoke {name}")
    assert there not in run(capsys, "digitcam keys list")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("keys list", "digitcam keys make"),
        ("keys allow hall abc", "abc is no key"),
        ("keys revoke hall", "digitcam keys make"),
        ("keys make --queue abc", "abc is no key"),
    ],
)
def test_what_is_wrong_is_one_sentence(capsys: pytest.CaptureFixture[str], line: str, sentence: str) -> None:
    assert main(line.split()) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_folder_alone_makes_keys_also_while_other_settings_need_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("QUEUE", "tcp://0.0.0.0:5750")
    run(capsys, "digitcam keys mine")
    assert load_pair(folder / "mine")
    (folder / ".env").write_text("QUEUE_KEY=yours\n")
    run(capsys, "digitcam keys")
    assert load_pair(folder / "yours")
