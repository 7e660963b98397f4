"""The lines of the plan: channels, units, branches, scales, classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.kit import formats
from app.kit.table_model import Column
from app.state import plan_edits, removal
from app.state.structure import edits

if TYPE_CHECKING:
    from app.state.session import Session
    from core.plan.schema import Entry, Plan, Removal

MOST_NAMES = 12
"""So many classes are named in a tip."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One line of the table: an entry of the plan, or the exact channels of a whole block.

    Attributes
    ----------
    entries : tuple of Entry
        Channels that it stands for.
    structure : tuple of Removal
        Units, branches and scales.
    classes : bool
        Whether it stands for the classes that stay.
    """

    name: str
    scope: str
    amount: str
    tip: str
    entries: tuple[Entry, ...] = ()
    structure: tuple[Removal, ...] = ()
    classes: bool = False

    def without(self, plan: Plan) -> plan_edits.Edit:
        """Return the edit that takes the line out of a plan."""
        if self.entries:
            return plan_edits.remove_entries(plan, self.entries, self.name)
        return edits.without(plan, self.structure, self.classes, self.name)


def plan_lines(session: Session) -> list[PlanLine]:
    """Return the plan's lines; layers, as a suggestion names them, by block."""
    layers: dict[int, list[Entry]] = {}
    lines = []
    for entry in session.plan.selection:
        block = plan_edits.layer_block(entry)
        if block is not None:
            layers.setdefault(block, []).append(entry)
            continue
        if entry.block is not None:
            found = removal.of_block(session, entry.block)
        else:
            found = removal.of_layer(session, str(entry.layer), entry.ratio)
        scope = plan_edits.SCOPE_NAMES[entry.scope]
        name = entry.label.capitalize() if entry.block is not None else entry.label
        lines.append(PlanLine(name, scope, found.text, found.tip, (entry,)))
    for block, entries in sorted(layers.items()):
        count = formats.counted(len(entries), "layer")
        found = removal.of_block(session, block)
        lines.append(PlanLine(f"Block {block}", count, found.text, found.tip, tuple(entries)))
    return [*structure_lines(session), *lines]


def structure_lines(session: Session) -> list[PlanLine]:
    """Return the lines of what goes besides channels."""
    plan, lines = session.plan, []
    pending = session.structures.pending
    tip = "Being looked at…" if pending else "Removed, with all that it needs alone"
    for entry in plan.structure:
        name, scope = entry.label, "branch"
        if entry.units is not None:
            name, scope = f"Block {entry.block}", formats.counted(len(entry.units), "unit")
            tip = tip if pending else f"Removes {entry.label}, in the order in which they run"
        elif entry.scale is not None:
            name, scope = f"Stride {entry.scale}", "scale"
        amount = "…" if pending else "removed"
        lines.append(PlanLine(name, scope, amount, tip, structure=(entry,)))
    if plan.classes is not None and session.model is not None:
        names = session.model.facts.classes
        stay = [names.get(n, str(n)) for n in plan.classes]
        more = f" and {len(stay) - MOST_NAMES} more" if len(stay) > MOST_NAMES else ""
        told = f"{', '.join(stay[:MOST_NAMES])}{more} stay" + ("s" if len(stay) == 1 else "")
        amount = "…" if pending else f"{len(stay)} of {len(names)} stay"
        lines.append(PlanLine("Classes", "head", amount, told, classes=True))
    return lines


ENTRY_COLUMNS: list[Column[PlanLine]] = [
    Column("What", lambda e: e.name),
    Column("Scope", lambda e: e.scope),
    Column(
        "Removed",
        lambda e: e.amount,
        tip="What will really be removed",
        right=True,
        hint=lambda e: e.tip,
    ),
]
"""Columns of the table."""
