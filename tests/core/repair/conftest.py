"""A small pruned network with its original, and a few images without labels."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from core.data.stream import DataSettings
from core.plan.resolve import Resolver
from core.plan.schema import Plan
from core.pruning.criteria import score_atoms
from core.pruning.surgery import cut_network
from core.repair.context import Context, RepairSettings
from core.repair.images import Pool, open_pool
from tests.core.images import make_dataset
from tests.core.networks import network, table_of


def removal(family: str, ratio: float = 0.3) -> np.ndarray:
    """Atoms that a plan over some blocks removes."""
    table = table_of(family)
    entries = [{"block": b.index, "ratio": ratio} for b in table.blocks[:-1] if b.parameters]
    plan = Plan(selection=entries, round_to=1)
    scores = score_atoms(network(family), table, "l2", 0)
    return Resolver(table).resolve(plan, scores).removed


def cut(family: str, removed: np.ndarray):
    return cut_network(network(family), table_of(family), removed).eval()


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> DataSettings:
    """Images alone: their labels are taken away."""
    names = {n: f"class {n}" for n in range(80)}
    path = make_dataset(tmp_path_factory.mktemp("repair") / "data", names, images=6)
    for label in Path(path.parent, "labels", "train").iterdir():
        label.unlink()
    return DataSettings(path, image_size=64, device="cpu")


@pytest.fixture(scope="session")
def pool(data) -> Pool:
    return open_pool(data)


@pytest.fixture
def context_of(pool):
    def make(family: str, removed: np.ndarray, **options) -> Context:
        settings = RepairSettings(**{"updates": 2, "batch": 2, **options})
        teacher = copy.deepcopy(network(family)).requires_grad_(False)
        return Context(teacher, table_of(family), removed, pool, settings)

    return make
