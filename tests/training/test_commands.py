"""Modules that say how they are run can be run so."""

from pathlib import Path

import pytest

import training

MODULES = sorted(Path(training.__path__[0]).glob("*.py"))
COMMANDS = [path for path in MODULES if f"python -m training.{path.stem}" in path.read_text()]


def test_there_are_such_modules() -> None:
    assert {"train", "evaluate", "soup", "seeds"} <= {path.stem for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_module_does_what_it_is_for_when_it_is_run(path: Path) -> None:
    assert path.read_text().endswith('if __name__ == "__main__":\n    main()\n')
