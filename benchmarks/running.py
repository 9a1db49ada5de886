"""A real pipeline to be measured: honcho, the Procfile, every process, in a folder and on ports of its own."""

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

from benchmarks import spending
from benchmarks.trust import UntrustedError
from shared.settings import ConfigError, Settings, load_settings

PROCFILE = Path(__file__).parents[1] / "Procfile"
END_WITHIN_S = 10.0  # honcho, which gives its own five
POLITE_S = 2.0
HONCHO = " system "  # in the lines of its log that are not a worker's


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline that runs."""

    honcho: psutil.Popen
    settings: Settings
    folder: Path
    started_at: float  # time.monotonic()

    def check(self) -> None:
        """Raise UntrustedError where it has ended by itself."""
        if self.honcho.poll() is not None:
            said = (self.folder / "log").read_text().splitlines()
            lines = [line for line in said if HONCHO not in line]
            raise UntrustedError(f"the pipeline ended by itself: {lines[-1] if lines else 'it said nothing'}")


@contextmanager
def running(
    cameras: Sequence[Path],
    workers: Mapping[str, int],
    lines: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Pipeline]:
    """Run `honcho start` with these films for cameras, so many workers of a stage, and some lines exchanged."""
    with tempfile.TemporaryDirectory(prefix="digitcam-") as name:
        folder = Path(name)
        write_procfile(folder / "Procfile", lines or {})
        environment = make_environment(folder, cameras) | dict(settings or {})
        numbers = ",".join(f"{stage}={count}" for stage, count in ({"prometheus": 0} | dict(workers)).items())
        with (folder / "log").open("w") as log:
            started_at = time.monotonic()
            command = [str(Path(sys.executable).parent / "honcho"), "start", "-c", numbers]
            honcho = psutil.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield Pipeline(honcho, load_settings(environment, Path("no.env")), folder, started_at)
        finally:
            end(honcho)


def write_procfile(path: Path, lines: Mapping[str, str]) -> None:
    """The project's Procfile, with these lines in place of its own. Raises ConfigError where there is none."""
    if not PROCFILE.is_file():
        raise ConfigError(
            f"bench needs the Procfile at {PROCFILE}: run it from a clone, installed with pip install -e."
        )
    shutil.copy(PROCFILE, path)
    own = [line.split(":", 1) for line in path.read_text().splitlines() if ":" in line]
    path.write_text("".join(f"{name}: {lines.get(name, command.strip())}\n" for name, command in own))


def make_environment(folder: Path, cameras: Sequence[Path]) -> dict[str, str]:
    """The environment of the pipeline: ours, and what keeps it apart from one that may run beside it."""
    here = {
        "CAMERAS": ",".join(map(str, cameras)),
        "EVERY_FRAME": "false",
        "REREAD_S": "0",  # what is measured is reading
        "DISPLAY_MODE": "web",
        "QUEUE": "auto",
        "RUN_DIR": str(folder),
        "WEB_HOST": "127.0.0.1",
        "WEB_PORT": str(free_port()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    return os.environ | here


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end(honcho: psutil.Popen) -> None:
    """Press Ctrl-C, and leave nothing of it behind."""
    everything = spending.families([honcho])
    if honcho.poll() is None:
        honcho.send_signal(signal.SIGINT)
        psutil.wait_procs([honcho], timeout=END_WITHIN_S)
    end_all(everything)


def end_all(processes: Sequence[psutil.Process]) -> None:
    """End processes of ours: first politely, then not."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=POLITE_S)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=POLITE_S)
