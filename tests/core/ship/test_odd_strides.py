"""Networks whose strides are no powers of two, or not whole, on images: repair to export."""

from __future__ import annotations

import pytest
import torch
import yaml

import core
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.graph.drive import image_unit
from core.repair import RepairSettings
from core.repair.outputs import outputs_on
from core.ship.export.run import ExportSettings, export
from core.ship.latency.shapes import layer_uses
from core.structure.scales import strides_of
from tests.core.graph.test_strides import NETWORKS
from tests.core.images import make_dataset


def deep():
    """Build a small one with a scale of stride 64."""
    from ultralytics.utils import ROOT

    text = (ROOT / "cfg/models/v8/yolov8-p6.yaml").read_text(encoding="utf-8")
    return {**yaml.safe_load(text), "scales": {"n": [0.33, 0.125, 256]}, "nc": 3}


CASES = {
    "reflection": lambda: NETWORKS["reflection"][0],
    "no padding": lambda: NETWORKS["no padding"][0],
    "thirds": lambda: NETWORKS["thirds"][0],
    "p6": deep,
}


@pytest.fixture(params=CASES, scope="module")
def case(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("odd") / "odd.yaml"
    described = {"nc": 3, "scales": {"n": [0.33, 1.0, 64]}, **CASES[request.param]()}
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    return core.load(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = make_dataset(tmp_path_factory.mktemp("data"), {0: "0", 1: "1", 2: "2"}, side=90)
    # Neither a multiple of the unit of any of them, nor square.
    return DataSettings(path, image_size=100, device="cpu", split="val")


def test_ranked_by_images_repaired_and_saved(case, data, tmp_path):
    plan = core.Plan(selection=[{"block": 4, "ratio": 0.5}], criterion="taylor")
    settings = RepairSettings(minutes=0.02)
    out = tmp_path / "out.pt"
    done = core.prune(case, plan, out, cache=False, data=data, repair=settings)
    assert done.verification.passed
    assert done.repaired is not None
    assert evaluate(core.load(out).model, data, case.facts.classes, "detect").images == 6


def test_repair_without_a_scale(case, data, tmp_path):
    """What a missing scale says is placed by the positions of the maps, not by strides."""
    plan = core.Plan(structure=[{"scale": strides_of(case.model)[0]}])
    settings = RepairSettings(minutes=0.02)
    done = core.prune(case, plan, cache=False, data=data, repair=settings)
    assert done.verification.passed


def test_exported_and_timed(case, tmp_path):
    done = export(case, tmp_path / "a.onnx", ExportSettings("onnx", image_size=100))
    assert not [side for side in done.image_size if side % image_unit(case.model)]
    assert done.parity.passed
    table = core.analyse(case, cache=False).table
    assert layer_uses(case.model, table, 100)
    image = torch.rand(1, 3, *done.image_size)
    assert outputs_on(case.model, [image])
