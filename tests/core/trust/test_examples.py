"""Modules that people add to YOLO: opened once trusted, pruned exactly, opened by stock."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

import pytest

import core
from core.checkpoint import load, save
from core.errors import UserError
from core.pipeline import analyse, prune, verify
from tests.core.trust.conftest import EXAMPLES, Trust
from tests.core.trust.nets import described, opened_by_stock, saved_by_stock
from tests.core.warm import Warm

SELECTION = [{"block": block, "ratio": 0.5} for block in range(4)]
ALL = core.Plan(selection=SELECTION)
BLOCK = "ultralytics.nn.modules.block"
CASES = {
    # file, block, arguments, what is locked in it
    "SE": ("attention", "[32]", ""),
    "CoordAtt": ("attention", "[32, 32]", ""),
    "EMA": ("attention", "[32]", "multiplies matrices"),
    "GlobalContext": ("attention", "[32]", ""),
    "DynamicConv": ("dynamic", "[32, 32, 3]", "multiplies matrices"),
    "GhostDynamicConv": ("dynamic", "[32, 32, 3]", "multiplies matrices"),
}


@pytest.mark.parametrize("block", CASES)
def test_descriptions_are_pruned(block: str, trust: Trust, stock: Warm, tmp_path: Path) -> None:
    name, arguments, locked = CASES[block]
    file = EXAMPLES / f"{name}.py"
    description = described(tmp_path, block, arguments)
    with pytest.raises(UserError, match=f"does not have: {block}"):
        load(description)
    trust(file)
    loaded = load(description)
    done = prune(loaded, ALL, tmp_path / "small.pt")
    assert done.verification.passed
    cut = {change.name: change for change in done.prediction.layers}
    assert cut["model.0.conv"].outputs_after < cut["model.0.conv"].outputs_before
    reasons = " ".join(blocked.message for blocked in done.prediction.blocked)
    assert (locked in reasons) if locked else (cut["model.1.conv"].outputs_after == 16)
    assert done.to_json()["modules"][0]["file"] == str(file)
    again = load(tmp_path / "small.pt")
    assert again.facts.modules[0]["sha256"] == loaded.facts.modules[0]["sha256"]
    assert f"{name}.{block}" in again.facts.modules[0]["classes"]
    assert verify(loaded, again).passed
    parameters = done.prediction.after.parameters
    assert opened_by_stock(stock, file, tmp_path / "small.pt") == parameters


@pytest.mark.parametrize("home", ["", BLOCK, "ultralytics.nn.tasks", "ultralytics.nn.modules"])
def test_files_of_stock_with_a_patched_class(
    home: str, trust: Trust, stock: Warm, tmp_path: Path
) -> None:
    """Whether a class is of the user's module, or stands in a file of Ultralytics."""
    file = EXAMPLES / "attention.py"
    path = tmp_path / "own.pt"
    saved_by_stock(stock, file, described(tmp_path), path, home=home)
    with pytest.raises(UserError, match="CoordAtt"):
        load(path)
    trust(file)
    loaded = load(path)
    kind = f"{home or 'attention'}.CoordAtt"
    assert kind in loaded.facts.modules[0]["classes"]
    done = prune(loaded, ALL, tmp_path / "small.pt")
    assert done.verification.passed
    assert kind in load(tmp_path / "small.pt").facts.modules[0]["classes"]
    found = opened_by_stock(stock, file, tmp_path / "small.pt", home)
    assert found == done.prediction.after.parameters


def test_a_fork_under_the_name_of_a_stock_class(trust: Trust, stock: Warm, tmp_path: Path) -> None:
    """Only a module that is trusted under the name of Ultralytics' own stands in for it."""
    file = EXAMPLES / "forked.py"
    description = described(tmp_path, "C2f", "[32]")
    path = saved_by_stock(stock, file, description, tmp_path / "fork.pt", home=BLOCK)
    trust(file)
    with pytest.raises(UserError):
        analyse(load(path), cache=False)
    trust(file, BLOCK)
    loaded = load(path)
    assert f"{BLOCK}.C2f" in loaded.facts.modules[0]["classes"]
    done = prune(loaded, ALL, tmp_path / "small.pt")
    assert done.verification.passed
    found = opened_by_stock(stock, file, tmp_path / "small.pt", BLOCK)
    assert found == done.prediction.after.parameters
    # The description means the fork's, too, and stock classes are not changed by it.
    assert load(description).facts.modules
    from ultralytics.nn.modules.block import C2f

    assert hasattr(C2f(8, 8), "cv1")


@pytest.mark.parametrize("family", ["yolov8n", "yolov8n-seg", "yolo11n"])
def test_stock_networks_stay_stock_next_to_a_fork(
    family: str, trust: Trust, tmp_path: Path
) -> None:
    """A module without what the fork's forward reads was never one of its class."""
    before = load(f"{family}.yaml")
    save(before.model, tmp_path / "stock.pt", train_args={})
    trust(EXAMPLES / "forked.py", BLOCK)
    loaded = load(tmp_path / "stock.pt")
    assert loaded.facts.modules == ()
    assert analyse(loaded, cache=False).table.blocks[2].out_channels
    if family != "yolo11n":  # a description says no more than the name
        assert load(f"{family}.yaml").facts.modules


TIMM = """
nc: 2
backbone:
  - [-1, 1, TimmBackbone, [{name}]]
  - [0, 1, Index, [{widths[0]}, 0]]
  - [0, 1, Index, [{widths[1]}, 1]]
  - [0, 1, Index, [{widths[2]}, 2]]
head:
  - [3, 1, Conv, [64, 1, 1]]
  - [[1, 2, 4], 1, Detect, [nc]]
"""


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("resnet10t", (128, 256, 512)),
        ("mobilenetv3_small_050", (16, 24, 288)),
        ("convnext_atto", (80, 160, 320)),
    ],
)
def test_a_backbone_of_timm(name, widths, trust: Trust, stock: Warm, tmp_path: Path) -> None:
    found = PathFinder.find_spec("timm")  # not imported: what is trusted is run
    if found is None or not found.submodule_search_locations:
        pytest.skip("timm is not installed (pip install timm)")
    file = EXAMPLES / "timm_backbone.py"
    trust(file)
    installed = Path(found.submodule_search_locations[0])
    trust(installed)
    description = tmp_path / "own.yaml"
    description.write_text(TIMM.format(name=name, widths=widths), "utf-8")
    loaded = load(description)
    plan = core.Plan(selection=[{"block": 0, "ratio": 0.5}])
    done = prune(loaded, plan, tmp_path / "small.pt")
    assert done.verification.passed
    assert done.prediction.after.parameters < 0.8 * done.prediction.before.parameters
    again = load(tmp_path / "small.pt")
    assert {one["name"] for one in again.facts.modules} == {"timm", "timm_backbone"}
    assert verify(loaded, again).passed
    parameters = done.prediction.after.parameters
    small = tmp_path / "small.pt"
    assert opened_by_stock(stock, file, small, "", installed.parent) == parameters
