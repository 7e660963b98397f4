"""Every family's pruned file, opened by stock Ultralytics in a clean process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import core
from core.checkpoint import Loaded
from tests.core.networks import FAMILIES, parameters, untrained
from tests.core.warm import OFFLINE, Warm

SCRIPT = Path(__file__).with_name("stock_check.py")


def run_stock(script: Path, path: Path, side: int, python: Path) -> str:
    """Let stock Ultralytics use a file, away from this project and from any network.

    Returns what the script prints.
    """
    environment = {
        **os.environ,
        **OFFLINE,
        "YOLO_CONFIG_DIR": str(path.parent / "settings"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [str(python), "-P", str(script), str(path), str(side)],
        cwd=path.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def stock_report(path: Path, side: int, python: Path) -> dict:
    """Return what `stock_check.py` finds."""
    return json.loads(run_stock(SCRIPT, path, side, python).strip().splitlines()[-1])


def check(original: Loaded, ratio: float, folder: Path, side: int, python: Path) -> None:
    blocks = len(original.model.model)
    plan = core.parse_plan(
        {
            "version": 1,
            "round_to": 1,
            "selection": [{"block": n, "ratio": ratio} for n in range(blocks)],
        }
    )
    path = folder / "pruned.pt"
    result = core.prune(original, plan, path, cache=False)
    report = stock_report(path, side, python)
    assert report["before"] == report["after"] == result.prediction.after.parameters
    assert report["after"] < parameters(original.model)
    assert report["task"] == original.facts.task
    assert report["classes"] == len(original.facts.classes)
    assert report["results"] == report["onnx_results"] == report["torchscript_results"] == 1
    assert not report["secateur_imported"]
    # Size in bytes is that of the pruned network: four bytes a parameter, and little else.
    assert report["onnx"] < 4 * report["after"] * 1.25 + 400_000


@pytest.mark.parametrize("ratio", [0.3, 0.5])
@pytest.mark.parametrize("family", FAMILIES)
def test_family(family: str, ratio: float, stock: Warm, tmp_path: Path) -> None:
    side = 64 if family.endswith("-cls") else 160
    check(untrained(family), ratio, tmp_path, side, stock.folder / "python")


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_trained_network(trained: Path, ratio: float, tmp_path: Path) -> None:
    """In a process that starts from nothing."""
    check(core.load(trained), ratio, tmp_path, 160, Path(sys.executable))
