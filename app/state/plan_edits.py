"""Edits of the plan: what they are called, and how undo takes them back.

An edit is a new plan and a name. It reaches the session only as a ``PlanCommand`` on the undo
stack; nothing else changes a plan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QUndoCommand

from core.plan import criteria, words
from core.plan.ratio import OFFERED, set_by_hand

if TYPE_CHECKING:
    from core.plan.resolve import Blocked
    from core.plan.schema import Entry, Plan, Scope, Target

MERGE_SECONDS = 0.8
"""Edits of one kind that follow each other this fast (key presses, notches) are one edit."""
MERGE_ID = 1

USUAL_LOSS = 0.05
"""Share of the accuracy that the strategy one by one may lose where the plan does not say."""

BEST_BY_IMAGES = "fisher"
"""What measured best where images are available; docs/accuracy.md has the table."""
FIRST = "l2"
"""What a new plan ranks by; only this is replaced when data comes in."""

SCOPE_NAMES = {"all": "whole block", "output": "output only", "inside": "inside only"}
STRATEGY_NAMES = {
    "structural": "Structural",
    "independent": "Independent",
    "all_at_once": "All at once",
    "one_by_one": "One by one",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """A plan to be, under a readable name.

    Edits with the same key are one: all of one drag, however slow, and outside of drags those in
    quick succession.
    """

    text: str
    plan: Plan
    key: str = ""
    drag: int = 0


class PlanCommand(QUndoCommand):
    """Puts one plan instead of another.

    Parameters
    ----------
    before : Plan
    edit : Edit
    apply : callable
        The session's own setter.
    """

    def __init__(self, before: Plan, edit: Edit, apply: Callable[[Plan], None]) -> None:
        super().__init__(edit.text)
        self._before = before
        self._edit = edit
        self._apply = apply
        self._when = time.monotonic()

    def id(self) -> int:
        """Qt's number for commands that may merge."""
        return MERGE_ID if self._edit.key else -1

    def redo(self) -> None:
        """Put the new plan in place."""
        self._apply(self._edit.plan)

    def undo(self) -> None:
        """Put the old plan back."""
        self._apply(self._before)

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take in a later edit of the same kind."""
        if not isinstance(other, PlanCommand) or other._edit.key != self._edit.key:
            return False
        if other._edit.drag != self._edit.drag:
            return False
        if not self._edit.drag and other._when - self._when > MERGE_SECONDS:
            return False
        self._edit, self._when = other._edit, other._when
        self.setText(other._edit.text)
        self.setObsolete(self._edit.plan == self._before)
        return True


# ---- what can be done to a plan ---------------------------------------------------------------


def _named(blocks: Iterable[int]) -> str:
    numbers = sorted(blocks)
    if len(numbers) == 1:
        return f"block {numbers[0]}"
    if len(numbers) <= 4:
        return f"blocks {', '.join(map(str, numbers))}"
    return f"{len(numbers)} blocks"


def entry_of(plan: Plan, block: int) -> Entry | None:
    """Return the plan's line for a block, if it has one."""
    return next((e for e in plan.selection if e.block == block), None)


def exact_block(entry: Entry) -> int | None:
    """Return the block of a line that names exact channels, as a suggestion does."""
    return layer_block(entry) if entry.channels is not None else None


def layer_block(entry: Entry) -> int | None:
    """Return the block of a line that names a layer."""
    parts = (entry.layer or "").split(".")
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else None


def block_of(entry: Entry) -> int | None:
    """Return the block of a line, whether it names that or a layer in it."""
    return entry.block if entry.block is not None else layer_block(entry)


def named_blocks(plan: Plan) -> frozenset[int]:
    """Return the blocks of which the plan removes something by name."""
    found = (block_of(e) for e in plan.selection if e.ratio or e.channels)
    return frozenset(block for block in found if block is not None)


def _changed(plan: Plan, **values: Any) -> Plan:
    return plan.model_copy(update=values)


def set_ratio(plan: Plan, blocks: Iterable[int], ratio: float, scope: Scope = "all") -> Edit:
    """Ask for a ratio of some blocks; 0 takes them out of the plan."""
    from core.plan.schema import Entry

    wanted = sorted(set(blocks))
    ratio = set_by_hand(ratio)
    kept = [e for e in plan.selection if block_of(e) not in wanted]
    if ratio:
        for block in wanted:
            old = entry_of(plan, block)
            own = old.scope if old is not None else scope
            kept.append(Entry(block=block, ratio=ratio, scope=own))
    selection = _ordered(kept)
    text = (
        f"Prune {_named(wanted)} by {ratio:.0%}"
        if ratio
        else f"Remove {_named(wanted)} from the plan"
    )
    return Edit(text, _changed(plan, selection=selection), f"ratio {wanted}")


def _ordered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda e: (e.block is None, e.block or 0, e.layer or "")))


def step_ratio(
    plan: Plan, blocks: Iterable[int], step: float, share: Callable[[str], float]
) -> Edit:
    """Raise or lower the ratio of some blocks, each from what the plan asks of it.

    Parameters
    ----------
    plan : Plan
    blocks : iterable of int
    step : float
        Added to each ratio; what comes to nothing is taken out of the plan.
    share : callable
        Says what part of a layer goes, for layers that the plan names by exact channels.
    """
    from core.plan.schema import Entry

    wanted = sorted(set(blocks))
    kept = [e for e in plan.selection if block_of(e) not in wanted]
    own = [e for e in plan.selection if block_of(e) in wanted]
    own += [Entry(block=b, ratio=0.0) for b in wanted if b not in {block_of(e) for e in own}]
    ratios = []
    for entry in own:
        now = entry.ratio if entry.ratio is not None else share(str(entry.layer))
        ratio = set_by_hand(now + step, OFFERED)
        if ratio:
            kept.append(entry.model_copy(update={"ratio": ratio, "channels": None}))
            ratios.append(ratio)
    amount = f"by {max(ratios):.0%}" if ratios else ""
    text = (
        f"Prune {_named(wanted)} {amount}" if amount else f"Remove {_named(wanted)} from the plan"
    )
    return Edit(text, _changed(plan, selection=_ordered(kept)), f"ratio {wanted}")


def set_scope(plan: Plan, blocks: Iterable[int], scope: Scope) -> Edit:
    """Describe which channels of some blocks are meant."""
    wanted = set(blocks)
    selection = tuple(
        e.model_copy(update={"scope": scope}) if e.block in wanted else e for e in plan.selection
    )
    text = f"Prune {_named(wanted)}: {SCOPE_NAMES[scope]}"
    return Edit(text, _changed(plan, selection=selection))


def set_locked(plan: Plan, blocks: Iterable[int], locked: bool) -> Edit:
    """Lock blocks, or unlock them."""
    wanted = set(blocks)
    kept = tuple(item for item in plan.locked if item not in wanted)
    after = (*kept, *sorted(wanted)) if locked else kept
    return Edit(
        f"{'Lock' if locked else 'Unlock'} {_named(wanted)}", _changed(plan, locked=tuple(after))
    )


def set_strategy(plan: Plan, strategy: str) -> Edit:
    """Choose a strategy."""
    name = STRATEGY_NAMES[strategy].lower()
    return Edit(f"Strategy: {name}", _changed(plan, strategy=strategy))


def set_criterion(plan: Plan, criterion: str) -> Edit:
    """Choose what ranks the channels."""
    name = criteria.title(criterion)
    rankings = plan.rankings if criteria.by_images(criterion) else 1
    return Edit(f"Rank channels by {name}", _changed(plan, criterion=criterion, rankings=rankings))


def set_representative(plan: Plan, representative: str) -> Edit:
    """Choose which of several similar channels stays."""
    name = words.REPRESENTATIVES[representative][0]
    return Edit(f"Of similar channels, keep {name}", _changed(plan, representative=representative))


def set_allocation(plan: Plan, allocation: str) -> Edit:
    """Choose how a goal is spread over the network."""
    name = words.ALLOCATIONS[allocation][0]
    return Edit(f"Allocation: {name.lower()}", _changed(plan, allocation=allocation))


def set_depth(plan: Plan, on: bool) -> Edit:
    """Choose whether a goal may take whole units and scales as well as channels."""
    return Edit(
        "Also remove units and scales" if on else "Remove channels only", _changed(plan, depth=on)
    )


def set_device(plan: Plan, device: str, name: str) -> Edit:
    """Choose the device whose milliseconds count, by its address; this computer when empty."""
    return Edit(f"Milliseconds of {name}", _changed(plan, device=device))


def set_rankings(plan: Plan, count: int) -> Edit:
    """Choose how many rankings a suggestion tries."""
    text = "Try one ranking" if count == 1 else f"Try {count} rankings"
    return Edit(text, _changed(plan, rankings=count), "rankings")


def set_max_loss(plan: Plan, share: float) -> Edit:
    """Choose how much accuracy the strategy one by one may lose in all."""
    text = f"Lose at most {share:.1%}"
    return Edit(text, _changed(plan, max_loss=round(share, 4)), "max_loss")


def set_round_to(plan: Plan, multiple: int | str) -> Edit:
    """Choose the multiple that kept counts round to."""
    return Edit(f"Keep {rounding(multiple)}", _changed(plan, round_to=multiple))


def rounding(multiple: int | str) -> str:
    """Describe a rounding: multiples of 8."""
    if multiple == "auto":
        return "the measured step"
    return "any number" if multiple == 1 else f"multiples of {multiple}"


def set_minimum(plan: Plan, channels: int) -> Edit:
    """Choose the floor of every layer."""
    text = f"Keep at least {channels}"
    return Edit(text, _changed(plan, minimum_channels=channels), "minimum")


def remove_entries(plan: Plan, entries: Iterable[Entry], name: str) -> Edit:
    """Take some lines out of the plan."""
    gone = set(entries)
    selection = tuple(e for e in plan.selection if e not in gone)
    return Edit(f"Remove {name} from the plan", _changed(plan, selection=selection))


def suggest(plan: Plan, goal: Target, criterion: str) -> Edit:
    """Use the suggestion for a goal."""
    name = f"{wish(goal)} ({criteria.title(criterion)})"
    return Edit(f"Suggest {name}", plan)


def wish(goal: Target) -> str:
    """Write a goal: 70% of the GFLOPs."""
    kind, amount = goal_parts(goal)
    return words.TARGETS[kind].wish.format(f"{amount:g}")


def goal_parts(goal: Target) -> tuple[str, float]:
    """Return what a goal is about, and how much of it in the unit that people read."""
    kind, value = next((kind, value) for kind, value in goal if value is not None)
    return kind, round(value / words.TARGETS[kind].one, 4)


def goal_of(kind: str, amount: float) -> Target:
    """Return the goal of an amount, in the unit that people read."""
    from core.plan.schema import Target

    value = round(amount * words.TARGETS[kind].one, 4)
    return Target.model_validate({kind: round(value) if kind == "file_bytes" else value})


def clear(plan: Plan) -> Edit:
    """Take everything out of the plan; locks stay."""
    return Edit("Clear the plan", _changed(plan, selection=(), structure=(), classes=None))


def replace_plan(plan: Plan, text: str) -> Edit:
    """Use another plan altogether."""
    return Edit(text, plan)


def unbound(plan: Plan) -> Plan:
    """Return a plan that is of the open model, whatever file it was made for.

    Whether that was another one is said when it is taken over; a hash that stayed in it would have
    it refused for good, with nothing in the window to fix that by.
    """
    return plan.model_copy(update={"model_sha256": None})


def offending(plan: Plan, blocked: Blocked, block: int | None) -> Entry | None:
    """Find the line of the plan that was refused."""
    by_label = [e for e in plan.selection if blocked.layer in (e.label, f"{e.layer}")]
    by_name = [e for e in plan.selection if e.layer and blocked.layer.startswith(e.layer)]
    by_block = [e for e in plan.selection if e.block is not None and e.block == block]
    return next(iter([*by_label, *by_name, *by_block]), None)


def so_that(goal: Target) -> str:
    """Write the result of a goal: 70% of the GFLOPs are kept."""
    return words.TARGETS[goal_parts(goal)[0]].result.format(wish(goal))


def apply_nearest(plan: Plan, blocked: Blocked, block: int | None) -> Edit:
    """Put the nearest selection that works instead of what was refused."""
    wrong = offending(plan, blocked, block)
    taken = {e.label for e in blocked.nearest}
    kept = tuple(e for e in plan.selection if e != wrong and e.label not in taken)
    named = ", ".join(e.label for e in blocked.nearest)
    text = f"Use {named} instead" if named else f"Remove {blocked.layer} from the plan"
    return Edit(text, _changed(plan, selection=(*kept, *blocked.nearest)))


def asked_plan(plan: Plan, goal: Target, only: frozenset[int] = frozenset()) -> Plan:
    """Return what the engine is asked: the goal, the rules of the plan, and where to look."""
    from core.plan.schema import Entry

    selection = tuple(Entry(block=b, ratio=0.5) for b in sorted(only))
    ratios = tuple(e for e in plan.selection if e.ratio)
    if plan.allocation == "ratios" and ratios and not only:
        selection = ratios  # the user's own ratios, raised or lowered together
    strategy = "all_at_once" if plan.strategy == "one_by_one" else plan.strategy
    return plan.model_copy(update={"target": goal, "selection": selection, "strategy": strategy})
