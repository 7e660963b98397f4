"""What may go from a network besides channels, as plain data."""

from __future__ import annotations

from typing import Any

from core.checkpoint import Loaded
from core.errors import UserError
from core.plan.schema import Plan, Removal
from core.structure.classes import class_layers
from core.structure.scales import (
    chosen_levels,
    feeding_alone,
    modules_of,
    sources_of,
    strides_of,
)
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


def scale_facts(loaded: Loaded) -> list[dict[str, Any]]:
    """Describe the detection scales of a network, the finest first.

    Returns
    -------
    list of dict
        ``stride``, the block that it reads as ``source``, the modules of the head that work for it
        alone as ``modules``, the blocks that ``feeds`` nothing else, and the ``reason`` why it
        cannot go; empty where it can.
    """
    strides = strides_of(loaded.model)
    sources = sources_of(loaded.model)
    return [
        {
            "stride": stride,
            "source": sources[level],
            "modules": list(modules_of(loaded.model, level)),
            "feeds": sorted(feeding_alone(loaded.model, (level,))),
            "reason": _reason(loaded, stride),
        }
        for level, stride in enumerate(strides)
    ]


def _goes(loaded: Loaded, stride: int) -> bool:
    return not _reason(loaded, stride)


def _reason(loaded: Loaded, stride: int) -> str:
    try:
        chosen_levels(loaded.model, Plan(structure=(Removal(scale=stride),)))
    except UserError as error:
        return error.message
    return ""


def _has_classes(loaded: Loaded) -> bool:
    try:
        return bool(class_layers(loaded.model))
    except UserError:
        return False
