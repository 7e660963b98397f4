"""What can be done to the part in focus, by menu, key and palette."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from app.feature import Choice
from app.state.session import Session
from app.state.structure import edits
from app.state.structure.parts import Part, Parts, is_gone, reason_to_stay

PICK = "Open a block, click a layer inside it, then remove the unit or branch that it is in"
NO_PART = "carries the only path, or what it returns does not fit what it takes"
LOOKING = "Looking for units…"
NOTHING = "Nothing but channels can be removed here"


def part_in_focus(session: Session) -> Part | None:
    """Return the unit, branch or scale of the layer in focus, or the only part of the block."""
    parts = session.structures.parts
    if parts is None or session.focused is None:
        return None
    if session.focused_layer:
        layer = session.focused_layer
        return parts.with_layer(layer) or parts.scale_of(layer)
    own = parts.of_block(session.focused)
    return own[0] if len(own) == 1 else None


def toggle_words(session: Session) -> tuple[str, str]:
    """Return the text of the action that removes a part or puts it back, and its tip."""
    part, parts = part_in_focus(session), session.structures.parts
    if part is None or parts is None:
        layer = session.focused_layer
        cannot = parts is not None and bool(layer)
        tip = f"{layer.removesuffix('.conv')} cannot be removed: it {NO_PART}" if cannot else PICK
        return "Remove the &unit, branch or scale", tip
    if is_gone(part, session.plan):
        return f"Put back {part.label}", f"Keep {part.label}"
    reason = reason_to_stay(part, parts, session.plan)
    return f"Remove {part.label}", reason or f"Remove {part.label}, and what it needs alone"


def can_toggle(session: Session) -> bool:
    """Whether the part in focus can go, or be put back."""
    part, parts = part_in_focus(session), session.structures.parts
    return part is not None and parts is not None and is_free(part, parts, session)


def is_free(part: Part, parts: Parts, session: Session) -> bool:
    """Whether a part can go, or be put back."""
    return is_gone(part, session.plan) or not reason_to_stay(part, parts, session.plan)


def toggle(session: Session, part: Part) -> None:
    """Remove a part, or put it back."""
    session.edit(edits.toggle(session.plan, part))


def choices(session: Session, keep_classes: Callable[[], object]) -> Sequence[Choice]:
    """Return a line for every part of the selected block, for a menu.

    Parameters
    ----------
    session : Session
    keep_classes : callable
        Asks which classes stay; offered with the parts of the head.
    """
    parts = session.structures.parts
    if parts is None:
        session.structures.want_parts()
        return (Choice(LOOKING, lambda: None, reason=LOOKING),)
    own = [] if session.focused is None else parts.of_block(session.focused)
    head = session.table is not None and session.focused == len(session.table.blocks) - 1
    classes = [Choice("Keep only some classes…", keep_classes)] if head and parts.classes else []
    if not own and not classes:
        return (Choice(NOTHING, lambda: None, reason=NOTHING),)
    lines = [
        Choice(
            ("Put back " if is_gone(part, session.plan) else "Remove ") + part.short,
            partial(toggle, session, part),
            "" if is_free(part, parts, session) else reason_to_stay(part, parts, session.plan),
        )
        for part in own
    ]
    return [*lines, *classes]
