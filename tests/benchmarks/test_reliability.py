"""The page of reliability keeps what earlier commands have shown, and names only tests that exist."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chaos.every_frame import LedgerResult
from benchmarks.chaos.session import Session
from benchmarks.chaos.session import summarize as summarize_chaos
from benchmarks.reliability.__main__ import main
from benchmarks.reliability.document import save_results, write_document
from benchmarks.reliability.proofs import PROOFS
from tests.fuzz.__main__ import summarize
from tests.fuzz.runner import FuzzReport
from tests.mutants import summarize as summarize_mutants

ROOT = Path(__file__).parents[2]
GROWTH = {
    "lives": 2,
    "life_s": 3600.0,
    "memory_mb": 41.25,
    "memory_mb_per_hour": 0.125,
    "descriptors": 14,
    "descriptors_grown": 0,
    "threads": 8,
    "threads_grown": 1,
    "metrics_bytes": 9000,
    "metrics_growth": 1.0,
    "problems": ["memory +1.95 MB an hour"],
}
SOAK: dict[str, Any] = {
    "seed": 7,
    "seconds": 4200.0,
    "cameras": 2,
    "fps": 5.0,
    "guests": 70,
    "viewers": 210,
    "faults": 70,
    "recovered": 69,
    "files_grown": 0,
    "memory_files_grown": 0,
    "failures": ["kill queue.1: late"],
    "processes": {"queue.1": GROWTH},
    "environment": {"system": "Linux"},
}


def test_each_fault_names_tests_that_exist() -> None:
    for path, _, name in (test.partition("::") for tests in PROOFS.values() for test in tests):
        tree = ast.parse((ROOT / path).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, path
    assert all(PROOFS.values())


def test_results_are_kept_until_they_are_replaced(tmp_path: Path) -> None:
    fuzzed = summarize([FuzzReport("messages", 1000), FuzzReport("JPEG", 20)], 3)
    save_results(tmp_path, {"fuzz": fuzzed})
    save_results(tmp_path, {"soak": SOAK})
    save_results(tmp_path, {"soak": SOAK | {"seed": 8}})
    page = (tmp_path / "reliability.md").read_text()
    assert "| **all** | | | 1020 | | | 0 |" in page
    assert "Seed 8, 70 minutes" in page
    assert "Seed 7" not in page
    assert "| queue.1 | 2 | 60 min | 41.2 MB | +0.12 MB | 14 | +0 | 8 | +1 | 9.0 kB | 1.00 |" in page
    assert "- missed: kill queue.1: late\n- missed: queue.1: memory +1.95 MB an hour\n" in page
    assert page.count("Not run yet.") == 3
    assert json.loads((tmp_path / "reliability.json").read_text()).keys() == {"fuzz", "soak"}


def test_every_film_is_on_the_page() -> None:
    exact = LedgerResult("nothing", 0, 1500, once=1500, lost=0, twice=0, longest_hole_s=0.1)
    lost = LedgerResult("kill queue.1", 1, 1500, once=1498, lost=2, twice=0, longest_hole_s=1.0)
    page = write_document({"ledger": summarize_chaos(Session(ledger=[exact, lost]), 60.0, 1, 1.0)})
    assert "| nothing | 0 | 1500 | 1500 | 0 | 0 | 0.10 s | - |" in page
    assert "| kill queue.1 | 1 | 1500 | 1498 | 2 | 0 | 1.00 s | - |" in page
    assert "| **1 of 2 exactly once** | | 3000 | | 2 | 0 | | |" in page


def test_failures_of_fuzz_are_on_the_page() -> None:
    report = FuzzReport("JPEG", 20, slowest_s=0.5)
    report.failures["ValueError at jpeg.py:7"] += 2
    page = write_document({"fuzz": summarize([report], 3)})
    assert "| JPEG | 3 | " in page
    assert " | 20 | 500 ms | +0 MB | 2 |" in page
    assert "- JPEG: 2 x ValueError at jpeg.py:7" in page


def test_part_of_fuzz_that_runs_again_replaces_its_own_figures_only() -> None:
    before = summarize([FuzzReport("messages", 1000), FuzzReport("JPEG", 20, slowest_s=0.5)], 3)
    after = summarize([FuzzReport("JPEG", 40)], 4, before)
    assert [(row["target"], row["seed"], row["inputs"]) for row in after["targets"]] == [
        ("messages", 3, 1000),
        ("JPEG", 4, 40),
    ]
    assert "an input took" in write_document({"fuzz": before})
    assert "an input took" not in write_document({"fuzz": after})


def test_noticed_mistakes_are_on_the_page() -> None:
    found = {"shared/settings.py": [True] * 29 + [False], "digitcam/supervisor.py": [True] * 10}
    page = write_document({"mutants": summarize_mutants(found, 3)})
    assert "| `shared/settings.py` | 30 | 29 |" in page
    assert "| **all** | 40 | 39, 97.5% |" in page


def test_saved_results_are_taken_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SOAK))
    monkeypatch.setattr("sys.argv", ["", "--folder", str(tmp_path), f"soak={tmp_path / 'a.json'}"])
    main()
    assert "Seed 7, 70 minutes" in (tmp_path / "reliability.md").read_text()


def test_unknown_result_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["", "noise=a.json"])
    with pytest.raises(SystemExit):
        main()
    assert "noise is none of chaos, ledger, soak, fuzz, mutants" in capsys.readouterr().err
