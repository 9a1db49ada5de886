"""digitcam config prints each setting in force and its origin, and no secret."""

from pathlib import Path

import pytest

from digitcam.commands.config import ROOT, format_settings, to_markdown
from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, make_added_camera, write_added_cameras
from shared.settings import SPECS, ConfigError


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    file.write_text("WEB_PORT=8001\nMAX_BATCH=4\n")
    return file


def shown(environment: dict[str, str], env_file: Path) -> dict[str, list[str]]:
    rows = [line.split(maxsplit=2) for line in format_settings(environment, env_file)]
    return {row[0]: row[1:] for row in rows}


def test_each_setting_is_shown_with_its_origin(env_file: Path) -> None:
    settings = shown({"CAMERAS": "demo", "WEB_PORT": "8001"}, env_file)
    assert settings.keys() == SPECS.keys()
    assert settings["CAMERAS"] == ["demo", "environment"]
    assert settings["MAX_BATCH"] == ["4", ".env"]
    assert settings["DEVICE"] == ["auto", "default"]
    assert settings["QUEUE_KEY"] == ["(nothing)", "default"]


def test_setting_with_two_values_names_the_one_in_force(env_file: Path) -> None:
    settings = shown({"WEB_PORT": "8002", "MAX_BATCH": "4"}, env_file)
    assert settings["WEB_PORT"] == ["8002", "environment (honcho start takes the one in .env)"]
    assert settings["MAX_BATCH"] == ["4", "environment"]


def test_secrets_are_hidden(env_file: Path) -> None:
    out = "\n".join(
        format_settings({"WEB_TOKEN": "hunter2hunter2hunter2", "CAMERAS": "rtsp://me:hunter2@hall/live,demo"}, env_file)
    )
    assert "hunter2" not in out
    assert "rtsp://...@hall/live,demo" in out


def test_cameras_added_in_the_web_interface_are_shown_with_their_file(env_file: Path, tmp_path: Path) -> None:
    write_added_cameras(tmp_path, {"hall": make_added_camera("hall", "rtsp://me:hunter2@10.0.0.7/live")})
    (line,) = [line for line in format_settings({"RUN_DIR": str(tmp_path)}, env_file) if line.startswith("+ camera")]
    assert line.split() == ["+", "camera", "hall=rtsp://...@10.0.0.7/live", str(tmp_path / ADDED_CAMERAS_FILE)]


def test_wrong_setting_is_an_error(env_file: Path) -> None:
    with pytest.raises(ConfigError, match="MAX_BATCH=none"):
        format_settings({"MAX_BATCH": "none"}, env_file)


def test_table_in_the_docs_is_current() -> None:
    table = (ROOT / "docs" / "settings.md").read_text()
    assert table == to_markdown(), "run digitcam config --markdown > docs/settings.md"
