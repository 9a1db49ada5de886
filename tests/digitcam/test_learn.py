"""digitcam learn: what is missing is said, what was learned is undone, and training gets what was asked for."""

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
from tests.services.display.web.test_corrections import seen
from tests.shared.vision.weights import other_weights, put


@pytest.fixture
def settings(make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of the command, which runs in the test's folder."""
    monkeypatch.setenv("LEARNED_DIR", str(tmp_path / "learned"))
    return make_settings(LEARNED_DIR=tmp_path / "learned")


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn, "find_spec", lambda name: None if name in ("torch", "onnx") else object())


@pytest.mark.usefixtures("without_torch")
def test_without_torch_it_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["learn"]) == 1
    assert capsys.readouterr().err == "digitcam: learn needs torch, onnx: pip install 'digitcam[train]'.\n"


@pytest.mark.usefixtures("without_torch")
def test_undo_gives_the_shipped_weights_back_and_keeps_the_corrections(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = CorrectionStore(settings.learned_dir)
    kept.add(seen(), 7)
    put(find_learned_weights(settings), other_weights("learned"))
    assert __main__.main(["learn", "--undo"]) == 0
    assert find_active_weights(settings).parent == settings.models
    assert len(kept.fetch()) == 1
    assert __main__.main(["learn", "--undo"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "The reader is the shipped one again; your corrections stay.",
        "Nothing was learned yet.",
    ]


def test_training_gets_the_options_and_its_exit_code_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    assert __main__.main(["learn", "--steps", "3", "--data", "here"]) == 1
    assert asked == [[sys.executable, "-m", "training.finetune", "--data", "here", "--steps", "3"]]
