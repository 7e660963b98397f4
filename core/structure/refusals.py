"""Which units a plan takes away, and what is said where one cannot go."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from torch import nn

from core.errors import UserError
from core.plan.schema import Plan, Removal
from core.structure.units import Unit, find_units


def chosen_units(model: nn.Module, plan: Plan) -> tuple[Unit, ...]:
    """Return the units and branches that a plan takes away, in the order in which they run.

    One inside another that goes is left out.

    Raises
    ------
    UserError
        For one that there is not, that cannot go or that is locked, with the nearest that can.
    """
    wanted = [entry for entry in plan.structure if entry.scale is None]
    if not wanted:
        return ()
    units = find_units(model)
    found: dict[str, Unit] = {}
    for entry in wanted:
        own = (
            _by_name(model, units, entry) if entry.block is None else _by_place(model, units, entry)
        )
        for unit in own:
            _check_lock(unit, units, plan)
            found[unit.name] = unit
    return tuple(
        unit
        for unit in units
        if unit.name in found and not any(unit.name.startswith(f"{name}.") for name in found)
    )


def _by_place(model: nn.Module, units: Iterable[Unit], entry: Removal) -> list[Unit]:
    blocks = list(model.model)  # type: ignore[arg-type]
    block = int(entry.block or 0)
    if block >= len(blocks):
        raise UserError(
            f"The network has no block {block}.", f"It has blocks 0 to {len(blocks) - 1}."
        )
    own = {unit.place: unit for unit in units if unit.block == block and unit.place >= 0}
    if not own:
        others = sorted({unit.block for unit in units if unit.place >= 0})
        near = sorted(others, key=lambda other: abs(other - block))[:3]
        raise UserError(
            f"Block {block} ({type(blocks[block]).__name__}) has no unit that can be removed.",
            f"The nearest blocks with units are {', '.join(map(str, near))}."
            if near
            else "This network has no units that can be removed.",
        )
    missing = [place for place in entry.units or () if place not in own]
    if missing:
        listed = ", ".join(f"{place} ({unit.name})" for place, unit in own.items())
        raise UserError(f"Block {block} has no unit {missing[0]}.", f"It has {listed}.")
    return [own[place] for place in entry.units or ()]


def _by_name(model: nn.Module, units: Iterable[Unit], entry: Removal) -> list[Unit]:
    by_name = {unit.name: unit for unit in units}
    name = str(entry.branch)
    if name in by_name:
        return [by_name[name]]
    modules = {n for n, _ in model.named_modules() if n}
    parent = name.rpartition(".")[0]
    near = [n for n in by_name if n.startswith(f"{parent}.")][:3] or difflib.get_close_matches(
        name, by_name, 3
    )
    hint = f"The nearest that can be removed: {', '.join(near)}." if near else ""
    if name not in modules:
        raise UserError(f"The network has no layer {name}.", hint)
    raise UserError(
        f"{name} cannot be removed: it carries the only path, or what it returns does not fit "
        "what it takes.",
        hint,
        (name,),
    )


def check_locks(parts: Iterable[str], plan: Plan) -> None:
    """Raise ``UserError`` where what goes with a scale is locked, holds or is in what is locked.

    Parameters
    ----------
    parts : iterable of str
        Blocks and modules that go, by their dotted names.
    plan : Plan
    """
    every = list(parts)
    for lock in plan.locked:
        name = f"model.{lock}" if isinstance(lock, int) else lock
        inside = any(f"{name}.".startswith(f"{part}.") for part in every)
        if inside or any(part.startswith(f"{name}.") for part in every):
            what = f"block {lock}" if isinstance(lock, int) else lock
            why = "works for it alone" if inside else "holds its branches"
            raise UserError(
                f"The scale cannot be removed: {what} {why} and is locked.",
                "Unlock it, or remove another scale.",
                (what,),
            )


def _check_lock(unit: Unit, units: Iterable[Unit], plan: Plan) -> None:
    locked = [
        name
        for name in plan.locked
        if name == unit.block
        or (isinstance(name, str) and f"{name}.".startswith(f"{unit.name}."))
        or (isinstance(name, str) and unit.name.startswith(f"{name}."))
    ]
    if locked:
        what = f"block {locked[0]}" if isinstance(locked[0], int) else locked[0]
        free = [u.name for u in units if u.block not in plan.locked and u.place >= 0]
        hint = f"Unlock it, or remove another unit, such as {free[0]}." if free else "Unlock it."
        raise UserError(f"{unit.name} cannot be removed: {what} is locked.", hint, (unit.name,))
