"""Starts a real pipeline to be measured: honcho, the Procfile and every process, with a folder and ports of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.trust import DisturbedError
from benchmarks.usage import list_process_trees
from shared.service.signals import EXIT_STOPPED
from shared.settings import ConfigError, Settings, load_settings

PROCFILE = Path(__file__).parents[1] / "Procfile"
EXIT_WITHIN_S = 10.0  # honcho itself gives its processes 5 s
TERMINATE_S = 2.0
HONCHO, STARTED, STOPPED = " system ", " started (pid=", " stopped (rc="  # mark honcho's own lines in the log
POLL_S = 0.02


def take_signals() -> None:
    """Let SIGTERM end this process as Ctrl-C does, together with its pipeline; a nohup is for this process alone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_STOPPED))
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # a handler is not inherited, but what is ignored stays ignored


@dataclass(frozen=True, slots=True)
class RunningPipeline:
    honcho: psutil.Popen
    settings: Settings
    folder: Path
    started_at: float  # time.monotonic()

    def check(self) -> None:
        """Raise DisturbedError if it has exited."""
        if self.honcho.poll() is not None:
            raise DisturbedError(f"the pipeline exited: {find_last_words((self.folder / 'log').read_text())}")


def find_last_words(log: str) -> str:
    """Return the last line of the process that ended first; honcho ends the others for it."""
    lines = log.splitlines()
    ended = next((line.split("| ")[1].split()[0] for line in lines if HONCHO in line and STOPPED in line), "")
    own = [line for line in lines if HONCHO not in line]
    of_ended = [line for line in own if line.split()[1:2] == [ended]]
    return (of_ended or own or ["its log is empty"])[-1]


@contextmanager
def launch_pipeline(
    cameras: Sequence[Path],
    *,
    workers: Mapping[str, int] | None = None,
    lines: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RunningPipeline]:
    """Run `honcho start` on these films until the block ends.

    workers is the number of workers per stage, lines replaces lines of the Procfile, settings is added to the
    environment.
    """
    with tempfile.TemporaryDirectory(prefix="digitcam-") as name:
        folder = Path(name)
        write_procfile(folder / "Procfile", lines or {})
        environment = make_environment(folder, cameras) | dict(settings or {})
        concurrency = {"prometheus": 0} | dict(workers or {})
        numbers = ",".join(f"{stage}={count}" for stage, count in concurrency.items())
        with (folder / "log").open("w") as log:
            started_at = time.monotonic()
            command = [str(Path(sys.executable).parent / "honcho"), "start", "-c", numbers]
            honcho = psutil.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield RunningPipeline(honcho, load_settings(environment, Path("no.env")), folder, started_at)
        finally:
            wait_for_lines(honcho, folder, concurrency)
            stop_pipeline(honcho)


def wait_for_lines(honcho: psutil.Popen, folder: Path, concurrency: Mapping[str, int]) -> None:
    """Wait until honcho has noted all its processes: a signal before that would be lost."""
    names = [line.partition(":")[0] for line in (folder / "Procfile").read_text().splitlines()]
    count = sum(concurrency.get(name, 1) for name in names)
    until = time.monotonic() + EXIT_WITHIN_S
    while (folder / "log").read_text().count(STARTED) < count and honcho.poll() is None and time.monotonic() < until:
        time.sleep(POLL_S)


def write_procfile(path: Path, lines: Mapping[str, str]) -> None:
    """Write the project's Procfile with some of its lines replaced. Raises ConfigError if there is none."""
    if not PROCFILE.is_file():
        raise ConfigError(
            f"bench needs the Procfile at {PROCFILE}: run it from a clone, installed with pip install -e."
        )
    shutil.copy(PROCFILE, path)
    own = [line.split(":", 1) for line in path.read_text().splitlines() if ":" in line]
    path.write_text("".join(f"{name}: {lines.get(name, command.strip())}\n" for name, command in own))


def make_environment(folder: Path, cameras: Sequence[Path]) -> dict[str, str]:
    """Return this process's environment with settings that keep the pipeline apart from any other."""
    return os.environ | {
        "CAMERAS": ",".join(map(str, cameras)),
        "EVERY_FRAME": "false",
        "REREAD_S": "0",  # read every frame, also an unchanged one
        "FOLLOW": "false",
        "DISPLAY_MODE": "web",
        "QUEUE": "auto",
        "RUN_DIR": str(folder),
        "WEB_HOST": "127.0.0.1",
        "WEB_PORT": str(find_free_port()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stop_pipeline(honcho: psutil.Popen) -> None:
    """Interrupt honcho as Ctrl-C does, then stop every process that is left."""
    processes = list_process_trees([honcho])
    if honcho.poll() is None:
        honcho.send_signal(signal.SIGINT)
        psutil.wait_procs([honcho], timeout=EXIT_WITHIN_S)
    stop_processes(processes)


def stop_processes(processes: Sequence[psutil.Process]) -> None:
    """Terminate processes, then kill those that are left."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=TERMINATE_S)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=TERMINATE_S)
