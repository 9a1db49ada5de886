"""The rules of the tree: which module may import which, and where a module lies."""

import ast
from collections import defaultdict
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ["benchmarks", "digitcam", "services", "shared", "training"]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text()) for module, path in FILES.items()}

# library -> where it may be imported
LIBRARIES = {
    "zmq": ["shared.messaging", "benchmarks.peers"],  # the peers are other programs that use ZeroMQ
    "torch": [
        "training",
        "shared.networks.runtimes",
        "shared.networks.architectures",
        "shared.vision.fused",
        "benchmarks.runtimes",
        "benchmarks.gpu_check",
    ],
}
# modules of shared/ with one user, each with the reason why it does not lie with that user
SHARED_FOR_ONE = {
    "shared.vision.change_detection": "services/preprocess.py is one file, and its arithmetic is vision",
}


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Yield each imported name in full: "shared.vision.gap" for `from shared.vision import gap`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str) -> str:
    """Return the module of this repository that an imported name is or lies in; "" if there is none."""
    while name and name not in FILES:
        name = name.rpartition(".")[0]
    return name


NAMES = {module: set(imported_names(tree)) for module, tree in TREES.items()}
IMPORTS = {module: {*map(module_of, names)} - {"", module} for module, names in NAMES.items()}


def lies_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def area_of(module: str) -> str:
    """Return the service that a module belongs to, or its top-level package: "services.queue", "training"."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "services" else parts[0]


AREAS = {area_of(module) for module in FILES}
SERVICES = {area for area in AREAS if area.startswith("services.")}


def imports_between(sources: Collection[str], targets: Collection[str]) -> list[str]:
    return sorted(
        f"{module} imports {imported}"
        for module, found in IMPORTS.items()
        for imported in found
        if area_of(module) in sources and area_of(imported) in targets and area_of(module) != area_of(imported)
    )


def test_services_import_only_shared() -> None:
    assert imports_between(SERVICES, AREAS - {"shared"}) == []


def test_shared_imports_only_shared() -> None:
    assert imports_between({"shared"}, AREAS) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_is_imported_only_where_it_belongs(library: str) -> None:
    users = [module for module, names in NAMES.items() if any(lies_in(name, library) for name in names)]
    assert [user for user in users if not any(lies_in(user, place) for place in LIBRARIES[library])] == []


def assert_no_circle(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert_no_circle(IMPORTS)


@pytest.mark.parametrize("parent", ["services.display", "services.display.web", "shared"])
def test_no_packages_import_each_other_in_a_circle(parent: str) -> None:
    graph: defaultdict[str, set[str]] = defaultdict(set)
    depth = parent.count(".") + 2
    packages = {module for module, path in FILES.items() if path.name == "__init__.py"}
    for module, found in IMPORTS.items():
        source = ".".join(module.split(".")[:depth])
        targets = {".".join(imported.split(".")[:depth]) for imported in found if lies_in(imported, parent)}
        if lies_in(module, parent) and source in packages:
            graph[source] |= (targets & packages) - {source, parent}
    assert_no_circle(graph)


def users_of(module: str) -> set[str]:
    """Return the areas outside shared/ that import a module, directly or through other modules of shared/."""
    users, seen, todo = set(), {module}, [module]
    while todo:
        imported = todo.pop()
        importers = {importer for importer, found in IMPORTS.items() if imported in found} - seen
        seen |= importers
        todo += [importer for importer in importers if lies_in(importer, "shared")]
        users |= {area_of(importer) for importer in importers} - {"shared"}
    return users


def test_module_of_shared_has_two_users_or_a_reason() -> None:
    modules = [module for module, path in FILES.items() if module.startswith("shared.") and path.name != "__init__.py"]
    assert {module for module in modules if len(users_of(module)) < 2} == set(SHARED_FOR_ONE)


def test_no_class_name_in_two_modules() -> None:
    modules = defaultdict(set)
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                modules[node.name].add(module)
    assert {name: found for name, found in modules.items() if len(found) > 1} == {}
