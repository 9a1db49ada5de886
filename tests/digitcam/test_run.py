"""The process behind each line of the Procfile."""

from pathlib import Path

import pytest

from digitcam.commands.run import find_instance, forget_env_file, plan_cameras, watch_camera_list
from shared.cameras.added_cameras import make_added_camera, write_added_cameras
from shared.pipeline import WORKER_STAGES, Stage
from shared.settings import ConfigError, load_settings

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("stage", "name", "expected"), [(Stage.INFERENCE, "inference.2", "2"), (Stage.QUEUE, "", "1")])
def test_instance_is_the_number_that_honcho_gives(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, name: str, expected: str
) -> None:
    monkeypatch.setenv("HONCHO_PROCESS_NAME", name)
    assert find_instance(stage) == expected


@pytest.mark.parametrize("stage", sorted(set(Stage) - set(WORKER_STAGES)))
def test_second_worker_of_another_stage_is_an_error(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> None:
    monkeypatch.setenv("HONCHO_PROCESS_NAME", f"{stage}.2")
    with pytest.raises(ConfigError, match="preprocess and inference"):
        find_instance(stage)


def write(*lines: str) -> None:
    Path(".env").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and an environment without cameras."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMERAS", "")
    monkeypatch.delenv("CAMERAS")
    return tmp_path


def test_plan_follows_the_file_and_identifies_cameras_by_their_source(folder: Path) -> None:
    plan = plan_cameras()
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "clip.mp4").touch()
    write("CAMERAS=demo,a/clip.mp4")
    first = plan()
    write("CAMERAS=a/clip.mp4,demo")
    assert set(plan()) == set(first)
    write("CAMERAS=demo,b/clip.mp4")
    assert [worker.name for worker in plan() if worker not in first] == ["capture.clip"]


def test_meaning_of_auto_is_found_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True])
    monkeypatch.setattr("digitcam.commands.run.probe_webcam", lambda: next(answers))
    plan = plan_cameras()
    write("CAMERAS=auto")
    assert [worker.name for worker in plan()] == ["capture.webcam0"]
    write("CAMERAS=auto,demo")
    assert [worker.name for worker in plan()] == ["capture.webcam0", "capture.demo"]


def test_meaning_of_auto_is_logged_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.capture.webcam.webcam_works", lambda: False)
    caplog.set_level("INFO")
    plan = plan_cameras()
    for line in ("CAMERAS=auto", "CAMERAS=auto,demo"):  # as when a camera is added
        write(line)
        plan()
    assert caplog.messages == ["CAMERAS=auto: no webcam gives a frame, so using the demo camera"]


def test_setting_deleted_from_the_file_is_gone_although_honcho_copied_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("CAMERAS=demo,demo", "WEB_PORT=8001")
    monkeypatch.setenv("CAMERAS", "demo,demo")  # as honcho does
    monkeypatch.setenv("WEB_PORT", "8002")  # not from the file
    forget_env_file()
    write("WEB_PORT=8001")
    assert (load_settings().cameras, load_settings().web_port) == (("auto",), 8002)


def test_cameras_added_in_the_web_interface_are_planned_and_changes_noticed(folder: Path) -> None:
    run_dir = load_settings().run_dir
    run_dir.mkdir()
    write("CAMERAS=demo")
    plan, has_changed = plan_cameras(), watch_camera_list(run_dir)
    assert not has_changed()
    write_added_cameras(run_dir, {"hall": make_added_camera("hall", "rtsp://10.0.0.7/live")})
    assert [has_changed(), has_changed()] == [True, False]
    assert [worker.name for worker in plan()] == ["capture.demo", "capture.hall"]
    write_added_cameras(run_dir, {})
    assert has_changed()
    assert [worker.name for worker in plan()] == ["capture.demo"]
