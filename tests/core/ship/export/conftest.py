"""Pruned checkpoints, and what was exported of them once for all tests."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import nn

import core
from core.checkpoint import save
from core.ship.export.formats import FORMATS
from core.ship.export.run import ExportSettings, export
from tests.core.networks import network

SIZE = 64
SCORES = re.compile(r"(one2one_)?cv3\.\d\.2")
"""The layers of a head that make the scores."""


def needs(form):
    problem = FORMATS[form].missing()
    if problem is not None:
        pytest.skip(str(problem))


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def confident(model):
    """Let an untrained head find something: its scores start at a millionth otherwise."""
    for name, module in model.model[-1].named_modules():
        if isinstance(module, nn.Conv2d) and SCORES.fullmatch(name):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
    if hasattr(model.model[-1], "one2one_cv3"):
        model.end2end = True  # it picks its detections itself, as those that were trained do
    return model


@pytest.fixture(scope="session")
def pruned(tmp_path_factory):
    """Pruned checkpoints by family, made when first asked for."""
    made = {}
    folder = tmp_path_factory.mktemp("pruned")

    def get(family):
        if family not in made:
            torch.manual_seed(0)
            whole, path = folder / f"{family}-whole.pt", folder / f"{family}.pt"
            save(confident(copy.deepcopy(network(family))), whole, train_args={"imgsz": SIZE})
            plan = core.Plan(selection=({"block": 4, "ratio": 0.5},))
            core.prune(core.load(whole), plan, path)
            made[family] = core.load(path)
        return made[family]

    return get


@pytest.fixture(scope="session")
def exported(pruned, tmp_path_factory):
    """The results of exporting a family to a format, alone in a folder; not to be changed."""
    made = {}

    def get(family, form):
        needs(form)
        if (family, form) not in made:
            output = tmp_path_factory.mktemp("exported") / f"small{FORMATS[form].suffix}"
            settings = ExportSettings(form, image_size=SIZE, compared=2)
            made[family, form] = export(pruned(family), output, settings)
        return made[family, form]

    return get
