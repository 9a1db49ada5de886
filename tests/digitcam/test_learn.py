"""digitcam learn passes its options to training, names missing packages, and can be undone."""

import subprocess
import sys
from pathlib import Path

import pytest

from digitcam import __main__
from digitcam.commands import learn
from shared.settings import Settings
from shared.vision.corrections import CorrectionStore
from shared.vision.reload import find_active_weights, find_learned_weights
from tests.conftest import MakeSettings
from tests.services.display.web.test_corrections import crop
from tests.shared.vision.weights import other_weights, put


@pytest.fixture
def settings(make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of the command, which runs in the test's folder."""
    monkeypatch.setenv("LEARNED_DIR", str(tmp_path / "learned"))
    return make_settings(LEARNED_DIR=tmp_path / "learned")


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "find_spec", lambda name: None if name in ("torch", "onnx") else object())


@pytest.mark.usefixtures("without_torch")
def test_missing_packages_are_named_with_how_to_install_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["learn"]) == 1
    message = "learn needs torch, onnx: pip install torch onnx, or pip install -e '.[train]' in a clone."
    assert capsys.readouterr().err == f"digitcam: {message}\n"


@pytest.mark.usefixtures("without_torch")
def test_undo_restores_the_shipped_weights_and_keeps_the_corrections(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = CorrectionStore(settings.learned_dir)
    kept.add(crop(), 7)
    put(find_learned_weights(settings), other_weights("learned"))
    assert __main__.main(["learn", "--undo"]) == 0
    assert find_active_weights(settings).parent == settings.models
    assert len(kept.fetch()) == 1
    assert __main__.main(["learn", "--undo"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "The classifier has its shipped weights again. Your corrections stay.",
        "Nothing was learned yet.",
    ]


def test_options_are_passed_to_training_and_its_exit_code_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    assert __main__.main(["learn", "--steps", "3", "--data", "here"]) == 1
    assert commands == [[sys.executable, "-m", "training.finetune", "--data", "here", "--steps", "3"]]
