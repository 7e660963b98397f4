"""Heirs: which layer can deliver what a unit that goes delivered, and what repair makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.data.stream import DataSettings
from core.plan.schema import parse_plan
from core.repair import RepairSettings, repair
from core.repair.layers import mendable
from core.structure.stage import stage_of
from tests.core.images import make_dataset
from tests.core.networks import untrained

BRANCHES = {
    "yolov8n": {
        "model.22.cv2.0.1": ("model.22.cv2.0.0.conv", "model.22.cv2.0.1.conv"),
        "model.22.cv3.1.1": ("model.22.cv3.1.0.conv", "model.22.cv3.1.1.conv"),
    },
    "yolo11n": {
        "model.23.cv2.0.1": ("model.23.cv2.0.0.conv", "model.23.cv2.0.1.conv"),
        "model.23.cv3.0.1": ("model.23.cv3.0.0.1.conv", "model.23.cv3.0.1.1.conv"),
    },
}


def stage(family: str, *selection: dict):
    return stage_of(untrained(family), parse_plan({"version": 1, "selection": list(selection)}))


@pytest.mark.parametrize("family", sorted(BRANCHES))
def test_the_layer_before_a_branch_convolution_takes_its_place(family) -> None:
    found = stage(family, *({"branch": name} for name in BRANCHES[family])).heirs()
    assert found == dict(BRANCHES[family].values())


def test_nobody_takes_the_place_of_what_others_add_to_or_join() -> None:
    units = [{"block": 6, "units": [0, 1]}, {"block": 15, "units": [0]}]
    assert stage("yolov8n", *units).heirs() == {}


def test_of_a_row_of_units_the_layer_before_the_first_takes_the_place_of_the_last() -> None:
    """Where that is the block's own input, nobody does."""
    both = [{"branch": "model.22.cv2.0.0"}, {"branch": "model.22.cv2.0.1"}]
    assert stage("yolov8n", *both).heirs() == {}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> DataSettings:
    names = {n: f"class {n}" for n in range(80)}
    path = make_dataset(tmp_path_factory.mktemp("heirs") / "data", names, images=8)
    return DataSettings(path, image_size=64, device="cpu")


def test_repair_brings_the_branch_nearer_with_heirs_than_without(data) -> None:
    left = stage("yolov8n", {"branch": "model.22.cv3.0.1"})
    nothing = np.zeros(left.analysis.table.atom_count, bool)

    def gap(heirs: dict[str, str]) -> float:
        done = repair(
            left.teacher(),
            left.loaded.model,
            left.analysis.table,
            nothing,
            data,
            RepairSettings(steps=("refit",)),
            since=left.since,
            heirs=heirs,
        )
        return done.steps[0].after.gap

    assert gap(left.heirs()) < gap({})


def test_an_heir_gets_the_normalisation_of_what_it_stands_for(data) -> None:
    left = stage("yolov8n", {"branch": "model.22.cv3.0.1"})
    table = left.analysis.table
    removed = np.zeros(table.atom_count, bool)
    from core.repair.context import Context
    from core.repair.images import open_pool
    from core.repair.refit import refit

    context = Context(
        left.teacher(), table, removed, open_pool(data), since=left.since, heirs=left.heirs()
    )
    own = refit(context, left.loaded.model).get_submodule("model.22.cv3.0.0.bn")
    theirs = left.original.model.get_submodule("model.22.cv3.0.1.bn")
    assert torch.equal(own.weight, theirs.weight)
    assert torch.equal(own.running_var, theirs.running_var)
    assert any(layer.name == "model.22.cv3.0.0.conv" for layer in mendable(table, removed))
