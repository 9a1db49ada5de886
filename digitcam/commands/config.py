"""digitcam config: what is set, and where each value comes from; also the table of docs/settings.md."""

from collections.abc import Mapping
from pathlib import Path

from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, read_added_cameras
from shared.cameras.camera_list import hide_secrets
from shared.settings import SPECS, SettingSpec, load_settings, read_env_file

ROOT = Path(__file__).parents[2]
HEAD = """# Settings

In `.env` (copy [.env.example](../.env.example)) or in the environment. Where both name one, `honcho start` takes
`.env`'s, and other commands the environment's; `digitcam config` prints what is in force and where it comes from.
Written by `digitcam config --markdown > docs/settings.md`.

| setting | default | what it sets |
|---|---|---|
"""


def show(environment: Mapping[str, str], env_file: Path) -> int:
    """Print every setting, its value and its origin. Raises ConfigError where one of them is wrong."""
    settings = load_settings(environment, env_file)
    rows = [row(name, environment, read_env_file(env_file)) for name in SPECS]
    rows += added_rows(settings.run_dir)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
    return 0


def row(name: str, environment: Mapping[str, str], written: Mapping[str, str]) -> tuple[str, str, str]:
    """A setting's name, its value as it may be shown, and where that comes from."""
    text, origin = value_of(name, environment, written)
    return name, shown(SPECS[name], text), origin


def added_rows(run_dir: Path) -> list[tuple[str, str, str]]:
    """What the page has added to CAMERAS, which no setting says."""
    added = read_added_cameras(run_dir).values()
    return [
        ("+ camera", f"{camera.name}={hide_secrets(camera.source)}", f"{run_dir / ADDED_CAMERAS_FILE}")
        for camera in added
    ]


def value_of(name: str, environment: Mapping[str, str], written: Mapping[str, str]) -> tuple[str, str]:
    """A setting's text and its origin, by the rule of load_settings."""
    if name in environment:
        is_other = name in written and written[name] != environment[name]
        return environment[name], "environment (honcho start takes the one in .env)" if is_other else "environment"
    if name in written:
        return written[name], ".env"
    return SPECS[name].default, "default"


def shown(spec: SettingSpec, text: str) -> str:
    """A value for the screen: no password, and a word where there is nothing."""
    if spec.is_secret and text:
        return "(hidden)"
    return ",".join(map(hide_secrets, text.split(","))) or "(nothing)"


def to_markdown() -> str:
    """The page of docs/settings.md."""
    return HEAD + "".join(f"| `{name}` | {default_of(spec)} | {spec.description} |\n" for name, spec in SPECS.items())


def default_of(spec: SettingSpec) -> str:
    """A default as it is the same on every machine."""
    text = spec.default.removeprefix(f"{ROOT}/")
    return f"`{text}`" if text else ""
