"""Problems that would keep the pipeline from starting are found before the start."""

import os
import socket
from importlib import metadata
from pathlib import Path

import pytest

from digitcam.preflight import (
    check_cameras,
    check_models,
    check_packages,
    check_ports,
    check_programs,
    check_requirements,
    check_run_dir,
    check_secrets,
)
from tests.conftest import MakeSettings
from tests.pipeline.pipeline import find_free_port
from tests.services.capture.http_server import serve_http


def version_of(name: str) -> str:
    versions = {"old": "1.9.3", "new": "27.3.1rc1", "exact": "2.0"}
    if name not in versions:
        raise metadata.PackageNotFoundError(name)
    return versions[name]


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("old>=2.0", "old is 1.9.3, but 2.0 is needed"),
        ("absent>=1", "absent is not installed"),
        ("new>=27.3", ""),
        ("exact>=2.0", ""),
        ('torch>=2.9; extra == "train"', ""),
    ],
)
def test_package_that_is_missing_or_too_old_is_named(requirement: str, words: str) -> None:
    assert words in "".join(finding.problem for finding in check_packages([requirement], version_of))
    assert bool(words) == bool(list(check_packages([requirement], version_of)))


def test_port_in_use_is_named_with_its_setting(make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert [one.problem for one in check_ports(make_settings(WEB_PORT=port))][-1] == f"WEB_PORT={port} is in use"
        assert not [
            one for one in check_ports(make_settings(WEB_PORT=port, DISPLAY_MODE="none")) if "WEB" in one.problem
        ]


def test_address_of_another_machine_is_not_a_port_in_use(make_settings: MakeSettings) -> None:
    settings = make_settings(WEB_HOST="192.0.2.1", WEB_TOKEN="x" * 16)  # an address for examples
    (web,) = (finding for finding in check_ports(settings) if "WEB" in finding.problem)
    assert web.problem.startswith("WEB_HOST=192.0.2.1 can't be served (")
    assert web.remedy == "set it to an address of this machine, or to 0.0.0.0 for all of them"


def test_port_that_the_user_may_not_open_is_named(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitcam.preflight.find_bind_error", lambda *_: PermissionError(13, "Permission denied"))
    assert "WEB_PORT=80 is not allowed for this user: set one above 1023" in map(
        str, check_ports(make_settings(WEB_PORT=80))
    )


@pytest.mark.parametrize("setting", ["WEB_CERTIFICATE", "QUEUE_KEY"])
def test_missing_certificate_or_keys_are_named(make_settings: MakeSettings, tmp_path: Path, setting: str) -> None:
    (finding,) = check_secrets(make_settings(**{setting: tmp_path / "none"}))
    assert str(finding).startswith(f"{setting}={tmp_path / 'none'}")


def test_missing_programs_are_named_and_prometheus_is_optional(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = {finding.problem.split()[0]: finding.is_needed for finding in check_programs(make_settings())}
    assert found == {"honcho": True, "prometheus": False}


def test_window_without_a_screen_is_named(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    found = [finding.problem for finding in check_programs(make_settings(DISPLAY_MODE="window"))]
    assert any("needs a screen" in problem for problem in found)


def test_camera_is_tried_as_capture_does_and_its_reason_is_named(make_settings: MakeSettings) -> None:
    def refuse(connection: socket.socket, request: str) -> None:
        connection.sendall(b'HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n')

    with serve_http(refuse) as host:
        words = ["demo", f"yard=http://user:secret@{host}/", "door=rtsp://user:secret@127.0.0.1:1/live"]
        yard, door = check_cameras(make_settings(CAMERAS=",".join(words)))
    assert yard.problem.startswith("yard gives no frames: it refuses this user or password")
    assert door.problem.startswith("door gives no frames: a computer is there but refuses the connection")
    assert "secret" not in f"{yard}{door}"


def test_wrong_camera_list_gives_the_same_sentence_as_at_the_start(make_settings: MakeSettings) -> None:
    (finding,) = check_cameras(make_settings(CAMERAS="none.mp4"))
    assert str(finding).startswith("CAMERAS=none.mp4 does not exist: it takes")


def test_missing_models_are_named(make_settings: MakeSettings, tmp_path: Path) -> None:
    (finding,) = check_models(make_settings(MODELS=tmp_path))
    assert f"MODELS={tmp_path}" in finding.problem


def test_read_only_run_dir_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(check_run_dir(tmp_path / "deep" / "run"))
    (tmp_path / "file").touch()
    assert len(list(check_run_dir(tmp_path / "file"))) == 1
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [finding.problem for finding in check_run_dir(tmp_path / "run")] == [
        f"RUN_DIR={tmp_path / 'run'} can't be written"
    ]


def test_complete_machine_has_no_findings(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = {"WEB_PORT": one.getsockname()[1], "PROMETHEUS_PORT": two.getsockname()[1]}
    assert check_requirements(make_settings(CAMERAS="demo", **ports)) == []


def test_port_of_prometheus_is_a_convenience(make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = make_settings(PROMETHEUS_PORT=taken.getsockname()[1], DISPLAY_MODE="none")
        assert [finding.is_needed for finding in check_ports(settings)] == [False]


def test_more_cameras_than_the_cores_can_read_are_named(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert not list(check_cameras(make_settings(CAMERAS=",".join(["demo"] * 12))))
    (finding,) = check_cameras(make_settings(CAMERAS=",".join(["demo"] * 60)))
    assert finding.problem.startswith("60 cameras of 30 frames/s are too many for 2 cores")
    assert not finding.is_needed


def test_port_of_the_status_that_is_in_use_is_found(make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = make_settings(STATUS_PORT=port, DISPLAY_MODE="none", PROMETHEUS_PORT=find_free_port())
        (found,) = check_ports(settings)
    assert (found.problem, found.is_needed) == (f"STATUS_PORT={port} is in use", True)
