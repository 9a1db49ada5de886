"""A RUN_DIR has one pipeline: a second is refused before it touches a file of the first."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from digitcam.commands.run import wait_for_lock
from digitcam.launcher import Launcher
from digitcam.run_lock import hold_lock
from shared.pipeline import Stage
from shared.settings import ConfigError

DIGITCAM = Path(sys.executable).parent / "digitcam"


def test_second_holder_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "run", "queue.1"):
        with pytest.raises(ConfigError, match=r"queue\.1 runs already in RUN_DIR=.*its own RUN_DIR, WEB_PORT"):
            hold_lock(tmp_path / "run", "queue.1").__enter__()
        with hold_lock(tmp_path / "run", "queue.2"), hold_lock(tmp_path / "other", "queue.1"):
            pass
    with hold_lock(tmp_path / "run", "queue.1"):
        pass


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_other_users_see_nothing_of_a_new_run_dir_and_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    for name, others in (("new", 0), ("old", 0o55)):
        with hold_lock(tmp_path / name, "queue.1"):
            assert (tmp_path / name).stat().st_mode & 0o77 == others


def test_folder_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"RUN_DIR=.*/file/run can't be written \(Not a directory\)"):
        hold_lock(tmp_path / "file" / "run", "queue.1").__enter__()


def test_full_disk_prevents_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", fail)
    with hold_lock(tmp_path, "queue.1"):
        assert "is full: running without a lock" in caplog.text


def test_lock_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib; from digitcam.run_lock import hold_lock\n"
        "with hold_lock(pathlib.Path(sys.argv[1]), 'queue.1'): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError):
            hold_lock(tmp_path, "queue.1").__enter__()
        holder.send_signal(signal.SIGKILL)
    with hold_lock(tmp_path, "queue.1"):
        pass


def test_second_line_touches_no_file_of_the_first(tmp_path: Path) -> None:
    targets = tmp_path / "targets"
    targets.mkdir()
    target = targets / "queue.1.json"
    target.write_text("the first's")
    with hold_lock(tmp_path, "queue.1"):
        done = subprocess.run(
            [str(DIGITCAM), "run", "queue"],
            env=os.environ | {"RUN_DIR": str(tmp_path)},
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert "queue.1 runs already in RUN_DIR" in done.stderr
    assert done.stderr.count("\n") == 1
    assert target.read_text() == "the first's"


@pytest.mark.parametrize(("stage", "waits"), [(Stage.QUEUE, False), (Stage.DISPLAY, True)])
def test_queue_decides_which_of_two_pipelines_that_start_together_wins(
    tmp_path: Path, stage: Stage, waits: bool
) -> None:
    """The loser's queue is refused at once, and the lines of the winner wait for what the loser still holds."""
    loser = hold_lock(tmp_path, f"{stage}.1")
    loser.__enter__()
    threading.Timer(0.3, loser.__exit__, (None, None, None)).start()
    began = time.monotonic()
    try:
        with hold_lock(tmp_path, f"{stage}.1", wait_for_lock(stage, threading.Event(), Launcher())):
            assert waits
            assert time.monotonic() - began >= 0.3
    except ConfigError:
        assert not waits
        assert time.monotonic() - began < 0.3


def test_line_that_waits_for_its_lock_ends_when_it_is_told_to(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with hold_lock(tmp_path, "display.1"), pytest.raises(SystemExit, match="0"):
        hold_lock(tmp_path, "display.1", wait_for_lock(Stage.DISPLAY, stop, Launcher())).__enter__()
