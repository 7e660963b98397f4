"""A copy of a network without some of its structure, under the original's names.

What is left keeps its dotted names and its blocks their indices, so that scores, plans, proofs and
repair speak of the same layers in both; `core.structure.compact` numbers it anew at the end.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from core.checkpoint import Loaded
from core.plan.schema import Plan
from core.pruning.surgery import shorten_layer
from core.structure import classes, scales
from core.structure.refusals import check_locks, chosen_units
from core.structure.units import Unit

VERSION = 1
"""Of what this package makes of a plan; what was cached of another version is not used."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """What a plan takes away besides channels.

    Attributes
    ----------
    units : tuple of Unit
    levels : tuple of int
        Places of the scales among those of the head.
    kept_classes : tuple of int or None
    inputs, outputs : dict of str to tuple of int
        Layers that lose some of theirs with it, and the indices that they keep.
    gone_blocks : frozenset of int
    """

    units: tuple[Unit, ...] = ()
    levels: tuple[int, ...] = ()
    kept_classes: tuple[int, ...] | None = None
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    gone_blocks: frozenset[int] = frozenset()


class Gone(nn.Identity):
    """Stands where a block was, so that the others keep their indices."""


class Gaps(nn.ModuleList):
    """A list of which some parts are gone, while the others keep their names."""

    def __getitem__(self, place: Any) -> Any:
        """Return a part by its place among those that are left."""
        return list(self._modules.values())[place]


def find_cuts(loaded: Loaded, plan: Plan) -> Cuts:
    """Find what a plan takes away from a network.

    Raises
    ------
    UserError
        For units, scales or classes that there are not or that cannot go, with the nearest.
    """
    units = chosen_units(loaded.model, plan) if plan.structure else ()
    levels = scales.chosen_levels(loaded.model, plan)
    kept = classes.chosen_classes(loaded, plan)
    gone = scales.feeding_alone(loaded.model, levels)
    branches = (name for n in levels for name in scales.modules_of(loaded.model, n))
    check_locks((*(f"model.{block}" for block in sorted(gone)), *branches), plan)
    outputs = {} if kept is None else dict.fromkeys(classes.class_layers(loaded.model), kept)
    return Cuts(
        units,
        levels,
        kept,
        _columns_left(loaded.model, units),
        outputs,
        gone,
    )


def _columns_left(model: nn.Module, units: Iterable[Unit]) -> dict[str, tuple[int, ...]]:
    gone: dict[str, set[int]] = {}
    for unit in units:
        for own in unit.columns:
            gone.setdefault(own.layer, set()).update(range(own.start, own.stop))
    widths = {name: model.get_submodule(name).in_channels for name in gone}
    return {
        name: tuple(n for n in range(int(widths[name])) if n not in own)  # type: ignore[arg-type]
        for name, own in gone.items()
    }


def restructure(loaded: Loaded, plan: Plan) -> tuple[Loaded, Cuts]:
    """Return a network without the structure that a plan takes away.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plan : Plan

    Returns
    -------
    Loaded
        The same object where the plan takes away channels only.
    Cuts

    Raises
    ------
    UserError
        As `find_cuts`.
    """
    if not plan.restructures:
        return loaded, Cuts()
    cuts = find_cuts(loaded, plan)
    model = copy.deepcopy(loaded.model)
    apply(model, cuts)
    names = dict(loaded.facts.classes)
    if cuts.kept_classes is not None:
        names = {new: names[old] for new, old in enumerate(cuts.kept_classes)}
    told = [VERSION, [e.to_json() for e in plan.structure], plan.classes]
    asked = json.dumps(told, sort_keys=True).encode()
    digest = hashlib.sha256(loaded.facts.sha256.encode() + asked).hexdigest()
    return Loaded(
        model, replace(loaded.facts, sha256=digest, classes=names), loaded.train_args
    ), cuts


def apply(model: nn.Module, cuts: Cuts) -> None:
    """Take structure out of a network in place."""
    for name in sorted({*cuts.inputs, *cuts.outputs}):
        shorten_layer(
            model.get_submodule(name), _index(cuts.inputs.get(name)), _index(cuts.outputs.get(name))
        )
    for unit in cuts.units:
        parent, _, key = unit.name.rpartition(".")
        holder = model.get_submodule(parent)
        if isinstance(holder, nn.ModuleList):
            holder.__class__ = Gaps
        del holder._modules[key]
    if cuts.kept_classes is not None:
        classes.tell(model, cuts.kept_classes)
    if cuts.levels:
        scales.drop(model, cuts.levels, Gaps)
        for index in cuts.gone_blocks:
            _leave_gap(model.model, index)


def _leave_gap(blocks: Any, index: int) -> None:
    gap: Any = Gone()
    gap.i, gap.f, gap.type, gap.np = index, -1, "Gone", 0
    gap.training = blocks[index].training
    blocks[index] = gap


def _index(kept: tuple[int, ...] | None) -> Tensor | None:
    return None if kept is None else torch.tensor(kept, dtype=torch.long)
