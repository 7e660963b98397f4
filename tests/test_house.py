"""The shape of the code: nothing too long, no folder too full, no circle, nothing written twice.

A function's length is that of its source from ``def`` to its last line, without its docstring; a
module's is that of its file, all included.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp
import networkx as nx
import pytest
from pylint.checkers.symilar import stripped_lines

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


def code_lines(text: str) -> list[str]:
    """Return the lines that pylint's detector of similar lines compares, as it returns them.

    It builds trees of its own of every file for this, which takes a minute; Python's are enough.
    """
    left_out: set[int] = set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    holders: list[ast.Module | ast.ClassDef | Function] = [tree]
    while holders:
        inner = [n for n in holders.pop().body if isinstance(n, ast.ClassDef | Function)]
        holders += inner
        for function in (node for node in inner if isinstance(node, Function)):
            body = function.body[ast.get_docstring(function, clean=False) is not None :]
            first = min(node.lineno for node in (function, *function.decorator_list))
            after = body[0].lineno if body else (function.end_lineno or function.lineno) + 1
            left_out.update(range(first, after))
    lines = enumerate(text.splitlines(keepends=True), start=1)
    kept = "".join("\n" if number in left_out else line for number, line in lines)
    found = stripped_lines(kept.splitlines(), True, True, False, False)
    return [line.text for line in found]


def candidates(paths: list[Path]) -> list[Path]:
    """Return the files of which so many lines in a row, in any order, stand in another one."""
    places: dict[tuple[str, ...], set[Path]] = defaultdict(set)
    for path in paths:
        lines = code_lines(path.read_text(encoding="utf-8"))
        for start in range(len(lines) - CLONE + 1):
            places[tuple(sorted(lines[start : start + CLONE]))].add(path)
    return sorted({path for found in places.values() if len(found) > 1 for path in found})


def clones(paths: list[Path]) -> str:
    """Return what pylint's detector of similar lines says of files; nothing where all differ."""
    alike = candidates(paths)
    if not alike:
        return ""
    ignored = [f"--ignore-{kind}" for kind in ("comments", "docstrings", "imports", "signatures")]
    command = [sys.executable, "-c", "from pylint.checkers.symilar import Run; Run()"]
    done = subprocess.run(
        [*command, f"--duplicates={CLONE}", *ignored, *map(str, alike)],
        capture_output=True,
        text=True,
        check=True,
    )
    found, _, total = done.stdout.rpartition("TOTAL")
    assert "duplicates=" in total, done.stderr
    return found.strip()


def test_nothing_is_written_twice() -> None:
    assert clones(sources(*PACKAGES, "tests")) == ""


SIGNATURES = '''
"""A module."""
import os, sys
from pathlib import (
    Path,
)
class A(
    Base,
):
    """A class."""
    @decorated(
        1
    )
    def one(
        self,
    ):
        """Doc.

        More."""
        import json
        async def inner(a, b): return a
        return 1
    def two(self): pass
    def only_doc(self):
        """Nothing else."""
    after = 1
if True:
    def in_if(
        a,
    ):
        return a
def three(a,
          b=lambda: 1):  # a remark

    # another

    return b
def text(): r"""Raw"""
x = """
# no remark
def nothing():
"""
'''


def test_lines_compared_are_those_of_the_detector() -> None:
    some = sources(*PACKAGES, "tests")[::80]  # the detector takes long
    texts = [path.read_text(encoding="utf-8") for path in some]
    for text in (SIGNATURES, *texts):
        wanted = stripped_lines(text.splitlines(keepends=True), True, True, True, True)
        assert code_lines(text) == [line.text for line in wanted]


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
