"""What the drawing shows of the structure that a plan takes away."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from core.plan.left import block_named

if TYPE_CHECKING:
    from app.state.session import Session
    from core.plan.schema import Plan


def of(session: Session) -> dict[str, Any]:
    """Return the fields of the graph's state that speak of structure; none where it is whole."""
    model, left = session.model, session.structures.left
    if model is None or left is None or not left.sha256:
        return {}
    links = {
        (source, block.index)
        for block, now in zip(model.table.blocks, model.left.blocks, strict=True)
        for source in set(block.sources) - set(now.sources)
    }
    return {
        "gone": left.blocks,
        "gone_modules": left.modules,
        "gone_links": frozenset(links),
        "gone_texts": texts(session.plan, len(model.table.blocks) - 1, len(model.facts.classes)),
    }


def texts(plan: Plan, head: int, classes: int) -> dict[int, str]:
    """Return what goes of each block besides channels: −1 unit.

    Parameters
    ----------
    plan : Plan
    head : int
        Index of the head.
    classes : int
        How many the network has.
    """
    counts: dict[int, Counter[str]] = {}
    for entry in plan.structure:
        block, kind, number = entry.block, "unit", len(entry.units or ())
        if entry.scale is not None:
            block, kind, number = head, "scale", 1
        elif entry.branch is not None:
            block, number = block_named(entry.branch), 1
            kind = "branch" if block == head else "unit"
        if block is not None:
            counts.setdefault(block, Counter())[kind] += number
    if plan.classes is not None:
        counts.setdefault(head, Counter())["class"] += classes - len(plan.classes)
    return {
        block: ", ".join(f"−{number} {_plural(kind, number)}" for kind, number in own.items())
        for block, own in counts.items()
    }


def _plural(kind: str, number: int) -> str:
    return kind if number == 1 else {"branch": "branches", "class": "classes"}.get(kind, f"{kind}s")
