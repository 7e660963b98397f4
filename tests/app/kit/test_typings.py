"""What the type checker believes of pyqtgraph is what the library has."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pyqtgraph as pg
import pytest

STUB = Path(__file__).parents[3] / "typings" / "pyqtgraph" / "__init__.pyi"
MADE = {
    "TextItem": lambda: pg.TextItem(""),
    "LinearRegionItem": pg.LinearRegionItem,
    "AxisItem": lambda: pg.AxisItem("left"),
    "PlotItem": pg.PlotItem,
    "GraphicsScene": pg.GraphicsScene,
    "PlotWidget": pg.PlotWidget,  # hands most of its calls on to its plot item
}


def accepted(call, parameters):
    """Whether a call takes these names, by position or by keyword."""
    has = inspect.signature(call).parameters.values()
    rest = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in has)
    return rest or set(parameters) <= {p.name for p in has}


def members(node):
    for part in node.body:
        if isinstance(part, ast.FunctionDef):
            names = [a.arg for a in (*part.args.args[1:], *part.args.kwonlyargs)]
            yield part.name, None if part.decorator_list else names
        elif isinstance(part, ast.AnnAssign):
            yield part.target.id, None


@pytest.mark.parametrize(
    "node",
    [n for n in ast.parse(STUB.read_text()).body if isinstance(n, (ast.ClassDef, ast.FunctionDef))],
    ids=lambda node: node.name,
)
def test_the_library_has_what_the_stub_says(qtbot, node):
    real = getattr(pg, node.name)
    if isinstance(node, ast.FunctionDef):
        assert accepted(real, [a.arg for a in node.args.args])
        return
    thing = MADE[node.name]() if node.name in MADE else real
    if isinstance(thing, pg.PlotWidget):
        qtbot.addWidget(thing)
    for name, parameters in members(node):
        if name == "__init__":
            assert accepted(real.__init__, parameters)
            continue
        assert hasattr(thing, name), name
        assert not parameters or accepted(getattr(thing, name), parameters), name
