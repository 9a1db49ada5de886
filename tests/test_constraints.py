"""What make installs is pinned and hashed, fits pyproject.toml, and names no index."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.audit import describe

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {"run": [], "dev": ["dev"], "bench": ["dev", "bench"], "gpu": ["gpu"]}
each_file = pytest.mark.parametrize("name", EXTRAS)


def pins_of(name: str) -> dict[str, list[str]]:
    """Return the versions by package: several if they depend on the system or on Python."""
    pins: dict[str, list[str]] = {}
    for package, version in re.findall(
        r"^([\w.-]+)==([\w.+!-]+)", (ROOT / "constraints" / f"{name}.txt").read_text(), re.M
    ):
        pins.setdefault(normalize(package), []).append(version)
    return pins


def normalize(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def requirements_of(extras: list[str]) -> Iterator[Requirement]:
    """Yield what pyproject.toml asks for, with the extras that an extra names."""
    texts = [*PROJECT["dependencies"]] if not extras else []
    texts += [text for extra in extras for text in PROJECT["optional-dependencies"][extra]]
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            yield from requirements_of(sorted(requirement.extras))
        else:
            yield requirement


@each_file
def test_every_requirement_is_pinned_to_a_version_that_it_allows(name: str) -> None:
    pins = pins_of(name)
    wanted = [*requirements_of([]), *(requirements_of(EXTRAS[name]) if EXTRAS[name] else [])]
    assert len(wanted) > 10
    for requirement in wanted:
        versions = pins.get(normalize(requirement.name), [])
        assert versions, f"{requirement.name} is missing: make lock"
        assert all(map(requirement.specifier.contains, versions)), f"{requirement.name} is another version: make lock"


@pytest.mark.parametrize("name", [*EXTRAS, "headless"])
def test_every_package_has_hashes_and_no_index_is_named(name: str) -> None:
    text = (ROOT / "constraints" / f"{name}.txt").read_text()
    assert "://" not in text
    assert "index" not in text
    packages = re.split(r"^(?=\S)", text, flags=re.M)[1:]
    assert [package.split()[0] for package in packages if "--hash=sha256:" not in package] == []


def test_opencv_of_the_images_has_the_version_of_the_others() -> None:
    assert pins_of("headless") == {"opencv-python-headless": pins_of("run")["opencv-python"]}


def test_packages_that_no_index_knows_are_one_sentence() -> None:
    unknown = [{"name": "segno", "skip_reason": "not found"}]
    for packages in ([], unknown):
        assert describe(packages) == ["no index answers that knows of vulnerabilities: the packages are not audited"]


def test_vulnerabilities_are_named_with_what_mends_them() -> None:
    flaws = [{"id": "CVE-1", "fix_versions": ["1.1"]}, {"id": "X", "fix_versions": []}]
    bad, good = {"name": "a", "version": "1", "vulns": flaws}, {"name": "b", "version": "2", "vulns": []}
    assert describe([bad, good, {"name": "c", "skip_reason": "not found"}]) == [
        "2 of 3 packages are audited, with 2 known vulnerabilities",
        "a 1: CVE-1, mended in 1.1",
        "a 1: X, mended in none",
    ]
