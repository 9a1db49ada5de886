"""What stands behind a line of the Procfile: the workers of one stage, kept alive."""

import os

from shared.keepalive import keep_alive, worker_command
from shared.process import open_log, stop_on_signals
from shared.settings import ConfigError, Settings

STAGES = ("capture", "queue", "preprocess", "inference", "display", "prometheus")
SCALABLE = ("preprocess", "inference")  # honcho start -c inference=2


def run_stage(stage: str, settings: Settings) -> int:
    """Start the workers of a stage and keep them alive until told to stop; the exit code. Raises ConfigError."""
    stop = stop_on_signals()
    open_log(stage)
    return keep_alive({f"{stage}.{name}": worker_command(stage, name) for name in instances(stage, settings)}, stop)


def instances(stage: str, settings: Settings) -> list[str]:
    """One worker for each camera; of the other stages the one whose number honcho gives. Raises ConfigError."""
    number = os.environ.get("HONCHO_PROCESS_NAME", "").rpartition(".")[2] or "1"
    if number != "1" and stage not in SCALABLE:
        raise ConfigError(f"{stage}={number} can't be: only {' and '.join(SCALABLE)} can have more than one worker.")
    if stage == "capture":
        from shared.cameras import parse_cameras  # noqa: PLC0415 - the other lines have no use for it

        return [camera.name for camera in parse_cameras(settings.cameras)]
    return [number]
