"""What would keep the pipeline from starting is found before it starts."""

import os
import socket
from importlib import metadata
from pathlib import Path

import pytest

from digitcam.preflight import examine, of_cameras, of_models, of_packages, of_ports, of_programs, of_run_dir, of_webcam
from tests.conftest import MakeSettings


def version_of(name: str) -> str:
    versions = {"old": "1.9.3", "new": "27.3.1rc1", "exact": "2.0"}
    if name not in versions:
        raise metadata.PackageNotFoundError(name)
    return versions[name]


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("old>=2.0", "old is 1.9.3, and 2.0 is needed"),
        ("absent>=1", "absent is not installed"),
        ("new>=27.3", ""),
        ("exact>=2.0", ""),
        ('torch>=2.9; extra == "train"', ""),
    ],
)
def test_package_that_is_missing_or_too_old_is_named(requirement: str, words: str) -> None:
    assert words in "".join(finding.wrong for finding in of_packages([requirement], version_of))
    assert bool(words) == bool(list(of_packages([requirement], version_of)))


def test_port_that_is_taken_is_named_with_its_setting(make_settings: MakeSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert [one.wrong for one in of_ports(make_settings(WEB_PORT=port))][-1] == f"WEB_PORT={port} is taken"
        assert not [one for one in of_ports(make_settings(WEB_PORT=port, DISPLAY_MODE="none")) if "PAGE" in one.wrong]


def test_missing_programs_are_named_and_prometheus_is_not_needed(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = {finding.wrong.split()[0]: finding.is_needed for finding in of_programs(make_settings())}
    assert found == {"honcho": True, "prometheus": False}


def test_window_without_a_screen_is_named(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    found = [finding.wrong for finding in of_programs(make_settings(DISPLAY_MODE="window"))]
    assert any("no screen" in wrong for wrong in found)


def test_camera_that_answers_is_fine_and_one_that_does_not_is_named_without_its_password(
    make_settings: MakeSettings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        assert not list(of_cameras(make_settings(CAMERAS=f"rtsp://127.0.0.1:{host.getsockname()[1]}/live")))
    (finding,) = of_cameras(make_settings(CAMERAS="rtsp://user:secret@127.0.0.1:1/live"))
    assert "does not answer" in finding.wrong
    assert "secret" not in finding.wrong + finding.remedy


def test_camera_list_that_can_not_be_parsed_is_said_as_at_the_start(make_settings: MakeSettings) -> None:
    (finding,) = of_cameras(make_settings(CAMERAS="none.mp4"))
    assert finding.wrong == "CAMERAS=none.mp4 does not exist"


def test_webcam_that_is_not_there_or_not_allowed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    device = tmp_path / "video0"
    assert [finding.wrong for finding in of_webcam(str(device))] == [f"{device} is not there"]
    device.touch()
    assert not list(of_webcam(str(device)))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [finding.wrong for finding in of_webcam(str(device))] == [f"{device} may not be opened"]


def test_models_that_are_missing_are_named(make_settings: MakeSettings, tmp_path: Path) -> None:
    (finding,) = of_models(make_settings(MODELS=tmp_path))
    assert f"MODELS={tmp_path}" in finding.wrong


def test_run_dir_that_can_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not list(of_run_dir(tmp_path / "deep" / "run"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert [finding.wrong for finding in of_run_dir(tmp_path / "run")] == [
        f"RUN_DIR={tmp_path / 'run'} can't be written"
    ]


def test_machine_that_has_everything_is_fine(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = {"WEB_PORT": one.getsockname()[1], "PROMETHEUS_PORT": two.getsockname()[1]}
    assert examine(make_settings(CAMERAS="demo", **ports)) == []
