"""What the documents name exists: paths, modules, links and headings."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from shared.pipeline import DropReason

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "models").glob("*.md")))
FOLDERS = [path.name for path in ROOT.iterdir() if path.is_dir()]
README_WORDS = 500  # up to "Train it"; a newcomer needs no more

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def named_paths(text: str) -> Iterator[str]:
    """Yield the paths of this repository between backticks and the modules after `python -m`; NAME is a placeholder."""
    yield from re.findall(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*\w/?)`", text)
    for module in re.findall(r"python -m ([\w.]+)", text):
        if module.split(".")[0] in FOLDERS:
            path = module.replace(".", "/")
            yield path if (ROOT / path).is_dir() else f"{path}.py"


@each_document
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    paths = named_paths(document.read_text())
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(document: Path) -> Iterator[str]:
    """Yield the links to files or headings that do not exist. Links to other sites are not followed."""
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        is_elsewhere = "://" in link
        if not is_elsewhere and (not target.exists() or (anchor and anchor not in anchors_of(target))):
            yield link


@each_document
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    assert list(broken_links(document)) == []


def test_readme_is_short() -> None:
    text, heading, _ = (ROOT / "README.md").read_text().partition("\n## Train it")
    assert heading
    assert len(text.split()) <= README_WORDS


def test_every_log_line_of_the_operating_guide_is_in_the_code() -> None:
    table = (ROOT / "docs" / "operating.md").read_text().partition("## Log lines")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    # of each line the longest part that is the same for all values
    parts = [max(re.split(r"…|[:|]|\b[XN]\b|\d[\d.]*", line), key=len).strip() for line in lines]
    folders = ("digitcam", "services", "shared")
    code = "".join(path.read_text() for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    assert len(lines) > 5
    assert [part for part in parts if part not in code] == []


def test_operating_guide_names_every_alert_and_drop_reason() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    alerts = re.findall(r"alert: (\w+)", (ROOT / "services" / "prometheus" / "alerts.yml").read_text())
    table = text.partition("## Alerts")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"\b[A-Z][a-z]+[A-Z]\w+", table)) == sorted(alerts)
    assert [reason for reason in DropReason if f"`{reason}`" not in text] == []


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs/decisions").glob("0*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
