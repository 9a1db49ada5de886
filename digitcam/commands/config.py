"""digitcam config: prints the settings in force and their origin, or the table of docs/settings.md."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, read_added_cameras
from shared.cameras.camera_list import hide_secrets
from shared.settings import SPECS, SettingSpec, load_settings, read_env_file

ROOT = Path(__file__).parents[2]
MARKDOWN_HEAD = """# Settings

In `.env` (copy [.env.example](../.env.example)) or in the environment. Where both set one, `honcho start` takes
the value in `.env`, and other commands the one in the environment. `digitcam config` prints what is in force and why.
Written by `digitcam config --markdown > docs/settings.md`.

| setting | default | what it sets |
|---|---|---|
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser("digitcam config", description="Print the settings in force and their origin.")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/settings.md instead")
    if parser.parse_args(arguments).markdown:
        print(to_markdown(), end="")
    else:
        print("\n".join(format_settings(os.environ, Path(".env"))))
    return 0


def format_settings(environment: Mapping[str, str], env_file: Path) -> list[str]:
    """Return a line with name, value and origin of each setting. Raises ConfigError if one is wrong."""
    settings = load_settings(environment, env_file)
    from_file = read_env_file(env_file)
    rows = []
    for name, spec in SPECS.items():
        value, origin = find_value(name, environment, from_file)
        rows.append((name, hide_value(spec, value), origin))
    for camera in read_added_cameras(settings.run_dir).values():  # in the web interface, so no setting has it
        rows.append(
            ("+ camera", f"{camera.name}={hide_secrets(camera.source)}", str(settings.run_dir / ADDED_CAMERAS_FILE))
        )
    name_width, value_width, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [f"{name:{name_width}}  {value:{value_width}}  {origin}" for name, value, origin in rows]


def find_value(name: str, environment: Mapping[str, str], from_file: Mapping[str, str]) -> tuple[str, str]:
    """Return the text of a setting and its origin, by the precedence of load_settings."""
    if name in environment:
        differs = from_file.get(name, environment[name]) != environment[name]
        return environment[name], "environment (honcho start takes the one in .env)" if differs else "environment"
    if name in from_file:
        return from_file[name], ".env"
    return SPECS[name].default, "default"


def hide_value(spec: SettingSpec, text: str) -> str:
    """Return a value for the screen, without passwords."""
    if spec.is_secret and text:
        return "(hidden)"
    return ",".join(map(hide_secrets, text.split(","))) or "(nothing)"


def to_markdown() -> str:
    """Return the contents of docs/settings.md."""
    return MARKDOWN_HEAD + "".join(
        f"| `{name}` | {format_default(spec)} | {spec.description} |\n" for name, spec in SPECS.items()
    )


def format_default(spec: SettingSpec) -> str:
    """Return the default value, without this machine's path prefix."""
    text = spec.default.removeprefix(f"{ROOT}/")
    return f"`{text}`" if text else ""
