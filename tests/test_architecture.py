"""Imports go one way, and the static stages need no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import networkx
import pytest

PACKAGE = Path(__file__).parents[1] / "ardsl"
STAGES = (
    {"common", "version"},
    {"errors", "arguments", "diagnostics"},
    {"relations", "language"},
    {"families"},
    {"model"},
    {"graph"},
    {"networks"},
    {"spec"},
    {"system"},
    {"compiler"},
    {"probing"},
    {"data", "testing"},
    {"queries", "runs", "sketch"},
    {"outputs"},
    {"training"},
    {"cli"},
    {"__main__"},
)
"""Each imports from its own level and those above it; ``ardsl/__init__.py`` names things lazily."""

LEVEL = {name: level for level, names in enumerate(STAGES) for name in names}
BUILDERS = {"compiler", "data", "outputs", "probing", "queries", "runs", "sketch", "system", "testing", "training"}
"""The packages that may import torch as soon as they are imported."""

HEAVY = {"torch", "lightning", "pyro", "matplotlib", "PIL"}


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def stage(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, everywhere: bool) -> Iterator[str]:
    """The full names that a file imports: everywhere, or only as soon as it is imported itself."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif everywhere or not (isinstance(node, ast.FunctionDef) or _only_for_types(node)):
            waiting += ast.iter_child_nodes(node)


def _only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@pytest.mark.parametrize("name", sorted(LEVEL))
def test_imports_go_one_way(name: str) -> None:
    wrong = []
    for path in files():
        if stage(path) != name:
            continue
        for imported in imports(path, everywhere=True):
            parts = imported.split(".")
            if parts[0] == "ardsl" and len(parts) > 1 and LEVEL.get(parts[1], -1) > LEVEL[name]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {imported}")
    assert not wrong


def _module(path: Path) -> str:
    """The full name of a file's module; a package's own file has the package's."""
    return ".".join(("ardsl", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


@pytest.mark.parametrize("package", sorted({path.parent for path in files()} - {PACKAGE}), ids=_module)
def test_no_file_of_a_package_imports_back(package: Path) -> None:
    """Imports inside a package have no circle: of its files, and of the packages in it, each of which counts as one.
    Imports for types alone count, and those inside functions."""
    inside = _module(package)
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for path in package.rglob("*.py"):
        importer = path.relative_to(package).parts[0].removesuffix(".py")
        for imported in imports(path, everywhere=True):
            if imported.startswith(inside + "."):
                name = imported.removeprefix(inside + ".").split(".")[0]
                there = (package / name).is_dir() or (package / f"{name}.py").is_file()
                graph.add_edge(importer, name if there else "__init__")
    circles = [sorted(circle) for circle in networkx.strongly_connected_components(graph) if len(circle) > 1]
    assert not circles


def test_every_package_has_its_level() -> None:
    assert {stage(path) for path in files()} - {"__init__"} == set(LEVEL)


def test_no_file_imports_the_top_level() -> None:
    """``ardsl/__init__.py`` names what the packages hold: to import it back would be a circle."""
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in files()
        for imported in imports(path, everywhere=True)
        if imported == "ardsl" or imported.startswith("ardsl.") and imported.count(".") == 1 and _is_name(imported)
    ]
    assert not wrong


def _is_name(imported: str) -> bool:
    """Whether ``ardsl.NAME`` is a name of the top level, not a module."""
    return imported.removeprefix("ardsl.") not in LEVEL


def test_relations_stand_alone() -> None:
    found = [
        imported
        for path in (PACKAGE / "relations").glob("*.py")
        for imported in imports(path, everywhere=True)
        if imported.startswith("ardsl.") and not imported.startswith("ardsl.relations")
    ]
    assert not found


@pytest.mark.parametrize("name", sorted(set(LEVEL) - BUILDERS - {"networks", "families"}))
def test_no_torch_as_soon_as_a_static_package_is_imported(name: str) -> None:
    """Networks and families have modules that build: the process below shows that checking imports none of them."""
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {imported}"
        for path in files()
        if stage(path) == name
        for imported in imports(path, everywhere=False)
        if imported.split(".")[0] in HEAVY
    ]
    assert not wrong


def test_a_spec_is_checked_planned_and_verified_without_torch() -> None:
    program = (
        "import sys, ardsl\n"
        "spec = ardsl.loads('observed x[4] : binary\\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)')\n"
        "assert ardsl.verify(spec).complete and ardsl.plan(spec).parameters and spec.graph\n"
        f"sys.exit(str({HEAVY!r} & set(sys.modules)) if {HEAVY!r} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_module_says_what_it_is_for() -> None:
    without = [str(path.relative_to(PACKAGE)) for path in files() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not without
