"""What a plan may not ask of a network, each worded once.

`core.plan.blocked` words what cannot be done of what may be asked.
"""

from __future__ import annotations

import difflib

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.schema import Entry, Plan


def find_layer(table: ChannelTable, name: str) -> int:
    """Return the number of a layer.

    Raises
    ------
    UserError
        When there is none; the hint names those that come close.
    """
    number = table.resolve_layer(name)
    if number is None:
        names = [layer.name for layer in table.layers if layer.mixes]
        inside = [n for n in names if n.startswith(name + ".")][:3]
        near = inside or difflib.get_close_matches(name, names, 3)
        hint = f"Did you mean {', '.join(near)}?" if near else "`inspect` lists all layers."
        raise UserError(f"The network has no layer {name}.", hint)
    return number


def check_block(table: ChannelTable, index: int) -> None:
    """Raise ``UserError`` unless the network has a block of that index."""
    if not 0 <= index < len(table.blocks):
        raise UserError(
            f"The network has no block {index}.", f"It has blocks 0 to {len(table.blocks) - 1}."
        )


def check_channels(table: ChannelTable, entry: Entry) -> None:
    """Raise ``UserError`` unless an entry's layer has the channels that it names."""
    count = int(table.out_counts[find_layer(table, str(entry.layer))])
    wrong = [c for c in entry.channels or () if c >= count]
    if wrong:
        raise UserError(
            f"{entry.layer} has no channel {wrong[0]}.",
            f"It has channels 0 to {count - 1}.",
            (str(entry.layer),),
        )


def check_names(table: ChannelTable, plan: Plan) -> None:
    """Raise ``UserError`` unless the network has all blocks, layers and channels of a plan."""
    for entry in plan.selection:
        if entry.block is not None:
            check_block(table, entry.block)
        if entry.layer is not None:
            check_channels(table, entry)
    for name in plan.locked:
        if isinstance(name, str):
            find_layer(table, name)
        else:
            check_block(table, name)


def check_channels_only(plan: Plan, what: str) -> None:
    """Raise ``UserError`` when a plan takes structure away where only channels can be pruned.

    Parameters
    ----------
    plan : Plan
    what : str
        What prunes channels only, as the subject of a sentence.
    """
    if plan.restructures:
        raise UserError(
            f"{what} prunes channels only, and this plan also removes units, branches, scales or "
            "classes.",
            "Remove them first with `secateur prune`, then use the pruned file.",
        )


def check_made_for(plan: Plan, sha256: str | None) -> None:
    """Raise ``UserError`` when a plan names another file, or asks for nothing.

    Parameters
    ----------
    plan : Plan
    sha256 : str, optional
        Of the model file that it is to be used with.
    """
    if plan.model_sha256 not in (None, sha256):
        raise UserError(
            "The plan was made for another model file (its SHA-256 differs).",
            "Open that model, or remove model_sha256 from the plan to use it with this one.",
        )
    if not plan.selection and plan.target is None and not plan.restructures:
        raise UserError("The plan is empty.", "Add at least one block or layer with a ratio.")
