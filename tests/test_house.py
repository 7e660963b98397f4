"""The shape of the code: nothing too long, no folder too full, no circle, nothing written twice.

A function's length is that of its source from ``def`` to its last line, without its docstring; a
module's is that of its file, all included.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp
import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("app", "core", "resources", "scripts")
LINES = {"module": 400, "function": 50}
MODULES = {"a folder of app": 14, "app": 4, "core": 8}
CLONE = 10
"""So many lines may stand in two places, but for comments, docstrings, imports and signatures."""


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) > len(folders)
    return found


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def above(limit: int, numbers: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in numbers.items() if n > limit}


Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    last = function.end_lineno or function.lineno
    lines = last - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def modules_in(folder: Path) -> int:
    return sum(path.name != "__init__.py" for path in folder.glob("*.py"))


def test_no_module_is_too_long() -> None:
    lengths = {named(path): path.read_bytes().count(b"\n") for path in sources(*PACKAGES)}
    assert above(LINES["module"], lengths) == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{named(path)}:{function.lineno} {function.name}": length(function)
        for path in sources(*PACKAGES, "tests")
        for function in functions(path)
    }
    assert above(LINES["function"], lengths) == {}


def test_the_length_of_a_function_is_that_of_its_code() -> None:
    text = 'def one(\n    a,\n):\n    """Do.\n\n    Well.\n    """\n    return a\n'
    (function,) = (node for node in ast.walk(ast.parse(text)) if isinstance(node, Function))
    assert length(function) == 4


@pytest.mark.parametrize("folder", ["app", "core"])
def test_the_root_of_a_package_stays_small(folder: str) -> None:
    assert 0 < modules_in(ROOT / folder) <= MODULES[folder]


def test_no_folder_of_the_window_is_too_full() -> None:
    folders = {path.parent for path in sources("app")}
    counts = {named(folder): modules_in(folder) for folder in folders}
    assert above(MODULES["a folder of app"], counts) == {}


def test_no_imports_go_in_a_circle() -> None:
    """Imports inside functions and for types alone count as well."""
    graph = grimp.build_graph("app", "core", cache_dir=None)
    imports = nx.DiGraph(
        (module, other)
        for module in graph.modules
        for other in graph.find_modules_directly_imported_by(module)
    )
    assert imports.number_of_edges() > len(sources("app", "core"))
    circles = [sorted(part) for part in nx.strongly_connected_components(imports) if len(part) > 1]
    assert circles == []


def clones(paths: list[Path]) -> str:
    """Return what pylint's detector of similar lines says of files; nothing where all differ."""
    ignored = [f"--ignore-{kind}" for kind in ("comments", "docstrings", "imports", "signatures")]
    command = [sys.executable, "-c", "from pylint.checkers.symilar import Run; Run()"]
    done = subprocess.run(
        [*command, f"--duplicates={CLONE}", *ignored, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
    )
    found, _, total = done.stdout.rpartition("TOTAL")
    assert "duplicates=" in total, done.stderr
    return found.strip()


def test_nothing_is_written_twice() -> None:
    assert clones(sources(*PACKAGES, "tests")) == ""


def test_what_is_written_twice_is_found(tmp_path: Path) -> None:
    lines = [f"    total_{n} = first + {n}" for n in range(CLONE + 1)]
    for name in ("one", "other"):
        text = "\n".join([f"def {name}(first):", *lines, f"    return '{name}'"])
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    assert f"{CLONE + 1} similar lines in 2 files" in clones(sorted(tmp_path.iterdir()))


def test_what_a_network_costs_is_named_in_one_place():
    """`core.plan.cost.COST`; two lists of the same names come apart when a third is added."""
    pair = re.compile(r"""\(\s*["']parameters["'],\s*["']macs["']\s*,?\s*\)""")
    found = [
        str(path.relative_to(ROOT))
        for folder in ("core", "app")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if pair.search(path.read_text("utf-8"))
    ]
    assert found == ["core/plan/cost.py"]
