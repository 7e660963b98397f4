"""What may go from a network besides channels, as plain data."""

from __future__ import annotations

from typing import Any

from core.checkpoint import Loaded
from core.errors import UserError
from core.plan.schema import Plan, Removal
from core.structure.classes import class_layers
from core.structure.scales import chosen_levels, strides_of
from core.structure.units import find_units


def listing(loaded: Loaded) -> dict[str, Any]:
    """List the structure that a plan can take away.

    Returns
    -------
    dict
        ``units`` [{block, place, name, type}] by their place in a block, ``branches`` [{block,
        name, type}] by their name, ``scales`` (strides, in pixels of the image) and ``classes``
        (whether some of them can be kept alone).
    """
    units = find_units(loaded.model)
    return {
        "units": [
            {"block": unit.block, "place": unit.place, "name": unit.name, "type": unit.type}
            for unit in units
            if unit.place >= 0
        ],
        "branches": [
            {"block": unit.block, "name": unit.name, "type": unit.type}
            for unit in units
            if unit.place < 0
        ],
        "scales": [stride for stride in strides_of(loaded.model) if _goes(loaded, stride)],
        "classes": len(loaded.facts.classes) > 1 and _has_classes(loaded),
    }


def _goes(loaded: Loaded, stride: int) -> bool:
    try:
        chosen_levels(loaded.model, Plan(structure=(Removal(scale=stride),)))
    except UserError:
        return False
    return True


def _has_classes(loaded: Loaded) -> bool:
    try:
        return bool(class_layers(loaded.model))
    except UserError:
        return False
