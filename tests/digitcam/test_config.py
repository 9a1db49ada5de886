"""What is in force, where it comes from, and nothing that is secret."""

from pathlib import Path

import pytest

from digitcam.commands.config import ROOT, show, to_markdown
from shared.cameras.added_cameras import ADDED_CAMERAS_FILE, make_added_camera, write_added_cameras
from shared.settings import SPECS, ConfigError


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    file.write_text("WEB_PORT=8001\nMAX_BATCH=4\n")
    return file


def lines(environment: dict[str, str], env_file: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    assert show(environment, env_file) == 0
    rows = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_each_setting_is_shown_with_its_origin(env_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = lines({"CAMERAS": "demo", "WEB_PORT": "8001"}, env_file, capsys)
    assert said.keys() == SPECS.keys()
    assert said["CAMERAS"] == ["demo", "environment"]
    assert said["MAX_BATCH"] == ["4", ".env"]
    assert said["DEVICE"] == ["auto", "default"]
    assert said["QUEUE_KEY"] == ["(nothing)", "default"]


def test_two_values_for_one_name_are_told_apart(env_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = lines({"WEB_PORT": "8002", "MAX_BATCH": "4"}, env_file, capsys)
    assert said["WEB_PORT"] == ["8002", "environment (honcho start takes the one in .env)"]
    assert said["MAX_BATCH"] == ["4", "environment"]


def test_secrets_are_hidden(env_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show({"WEB_TOKEN": "hunter2", "CAMERAS": "rtsp://me:hunter2@hall/live,demo"}, env_file)
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert "rtsp://...@hall/live,demo" in out


def test_what_the_page_has_added_is_shown_with_its_file(
    env_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_added_cameras(tmp_path, {"hall": make_added_camera("hall", "rtsp://me:hunter2@10.0.0.7/live")})
    show({"RUN_DIR": str(tmp_path)}, env_file)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("+ camera")]
    assert line.split() == ["+", "camera", "hall=rtsp://...@10.0.0.7/live", str(tmp_path / ADDED_CAMERAS_FILE)]


def test_wrong_setting_is_an_error_here_too(env_file: Path) -> None:
    with pytest.raises(ConfigError, match="MAX_BATCH=none"):
        show({"MAX_BATCH": "none"}, env_file)


def test_table_in_the_docs_is_current() -> None:
    table = (ROOT / "docs" / "settings.md").read_text()
    assert table == to_markdown(), "run digitcam config --markdown > docs/settings.md"
