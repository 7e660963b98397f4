"""Every description that the installed Ultralytics ships: pruned exactly and opened by stock.

They are found by listing its folder, so a new release brings its own. What cannot be pruned is
locked with a reason; nothing crashes, and nothing is refused.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import ultralytics
import yaml

import core
from tests.core.networks import enliven, parameters
from tests.core.test_stock_ultralytics import run_stock
from tests.core.warm import Warm

FOLDER = Path(ultralytics.__file__).parent / "cfg" / "models"
FOUND = sorted(FOLDER.rglob("*.yaml"))
SCRIPT = Path(__file__).with_name("stock_open.py")


def smallest(path: Path) -> str:
    """Return the name of a description with the letter of its first scale."""
    scales = yaml.safe_load(path.read_text(encoding="utf-8")).get("scales") or {}
    letter = next(iter(scales), "")
    named = re.match(r"yoloe?-?v?\d+", path.name)
    if named is None or path.name.startswith(named[0] + letter):
        return path.name
    return named[0] + letter + path.name.removeprefix(named[0])


def test_there_are_descriptions() -> None:
    assert len(FOUND) > 50


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_a_description(path: Path, stock: Warm, tmp_path: Path) -> None:
    loaded = core.load(smallest(path))
    enliven(loaded.model)
    blocks = len(loaded.model.model)
    selection = [{"block": n, "ratio": 0.4} for n in range(blocks)]
    plan = core.parse_plan({"version": 1, "round_to": 1, "selection": selection})
    small = tmp_path / "small.pt"
    result = core.prune(loaded, plan, small, cache=False)
    assert result.verification.passed
    assert parameters(result.model) == result.prediction.after.parameters
    assert parameters(result.model) < 0.9 * parameters(loaded.model)
    for blocked in result.prediction.blocked:
        assert blocked.message
    side = 64 if loaded.facts.task == "classify" else 128
    assert opened(small, side, stock) == result.prediction.after.parameters


def opened(path: Path, side: int, stock: Warm) -> int:
    """Let stock Ultralytics predict with a file; return its number of parameters."""
    return int(run_stock(SCRIPT, path, side, stock.folder / "python").split()[-1])
