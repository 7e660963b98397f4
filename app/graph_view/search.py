"""Finds blocks by what the user may type. No Qt."""

from __future__ import annotations

from core.graph.table import ChannelTable


def find_blocks(table: ChannelTable, text: str) -> list[int]:
    """Return blocks whose index, type, stage or layers' names match, best first.

    A number finds the block of that index only; ``P4`` finds a row; words must all match.

    Parameters
    ----------
    table : ChannelTable
    text : str
    """
    words = text.strip().lower().split()
    if not words:
        return []
    if len(words) == 1 and words[0].isdigit():
        number = int(words[0])
        return [number] if number < len(table.blocks) else []
    found = []
    for block in table.blocks:
        names = [table.layers[n].name.lower() for n in table.layers_of(block.index)]
        facts = [
            str(block.index),
            block.type.lower(),
            block.stage,
            f"p{block.stride.bit_length() - 1}",
        ]
        ranks = []
        for word in words:
            if word in facts:
                ranks.append(0)
            elif any(fact.startswith(word) for fact in facts[1:3]):
                ranks.append(1)
            elif word in facts[1] or any(word in name for name in names):
                ranks.append(2)
            else:
                break
        if len(ranks) == len(words):
            found.append((max(ranks), block.index))
    return [index for _, index in sorted(found)]
