"""Edits of the plan that take structure away, or put it back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from app.state.plan_edits import Edit
from app.state.structure.parts import Part, is_gone
from core.plan.left import block_named

if TYPE_CHECKING:
    from core.plan.schema import Plan, Removal


def toggle(plan: Plan, part: Part) -> Edit:
    """Take a part away, or put it back where it is gone."""
    return (put_back if is_gone(part, plan) else remove)(plan, part)


def remove(plan: Plan, part: Part) -> Edit:
    """Take a part away."""
    from core.plan.schema import Removal

    told: dict[str, Any] = {"branch": part.modules[0]}
    if part.kind == "scale":
        told = {"scale": part.place}
    elif part.kind == "unit":
        told = {"block": part.block, "units": (part.place,)}
    return _edit(plan, [*plan.structure, Removal(**told)], f"Remove {part.label}")


def put_back(plan: Plan, part: Part) -> Edit:
    """Put a part back."""
    kept = []
    for entry in plan.structure:
        if part.kind == "scale" and entry.scale == part.place:
            continue
        if part.kind != "scale" and entry.branch == part.modules[0]:
            continue
        if part.kind == "unit" and entry.block == part.block:
            places = tuple(place for place in entry.units or () if place != part.place)
            if not places:
                continue
            entry = entry.model_copy(update={"units": places})
        kept.append(entry)
    return _edit(plan, kept, f"Put back {part.label}")


def without(plan: Plan, entries: Iterable[Removal], classes: bool, name: str) -> Edit:
    """Take entries out of the plan, so that what they name stays.

    Parameters
    ----------
    plan : Plan
    entries : iterable of Removal
    classes : bool
        Whether all classes stay, too.
    name : str
        How the edit calls them.
    """
    gone = set(entries)
    kept = [entry for entry in plan.structure if entry not in gone]
    if classes:
        plan = plan.model_copy(update={"classes": None})
    return _edit(plan, kept, f"Remove {name} from the plan")


def without_blocks(plan: Plan, blocks: Iterable[int]) -> Plan:
    """Return a plan that takes no units and no branches from some blocks."""
    wanted = set(blocks)

    def stays(entry: Removal) -> bool:
        block = block_named(entry.branch) if entry.branch is not None else entry.block
        return block not in wanted

    return plan.model_copy(update={"structure": tuple(e for e in plan.structure if stays(e))})


def keep_classes(plan: Plan, kept: Iterable[int], count: int) -> Edit:
    """Keep only some classes; all of them are no entry of the plan.

    Parameters
    ----------
    plan : Plan
    kept : iterable of int
        Indices of the classes that stay.
    count : int
        How many there are.
    """
    wanted = set(kept)
    before = [n for n in plan.classes or () if n in wanted]  # a file may give another order
    classes = (*before, *sorted(wanted - set(before)))
    if plan.classes is None or list(plan.classes) == sorted(plan.classes):
        classes = tuple(sorted(classes))
    if len(classes) == count:
        return Edit("Keep all classes", plan.model_copy(update={"classes": None}))
    text = f"Keep {len(classes)} of {count} classes"
    return Edit(text, plan.model_copy(update={"classes": classes}))


def channels_alone(plan: Plan) -> Plan:
    """Return a plan without all that takes structure away."""
    return plan.model_copy(update={"structure": (), "classes": None})


def _edit(plan: Plan, entries: Iterable[Removal], text: str) -> Edit:
    """Return the edit to a plan with these entries: one for the units of a block, in order."""
    from core.plan.schema import Removal

    units: dict[int, set[int]] = {}
    rest: dict[tuple[str, int], Removal] = {}
    for entry in entries:
        if entry.block is not None:
            units.setdefault(entry.block, set()).update(entry.units or ())
        else:
            rest[entry.branch or "", entry.scale or 0] = entry
    told = [Removal(block=b, units=tuple(sorted(own))) for b, own in sorted(units.items())]
    told += [entry for _, entry in sorted(rest.items(), key=lambda item: (not item[0][0], item[0]))]
    return Edit(text, plan.model_copy(update={"structure": tuple(told)}))
