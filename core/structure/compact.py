"""Numbers what is left of a network as Ultralytics does, and lets it say what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from core.graph.drive import block_sources
from core.structure.working import Gaps, Gone


def compact(model: nn.Module) -> dict[str, str]:
    """Close the gaps that a network's structure has, in place.

    Parameters
    ----------
    model : nn.Module
        Made by `core.structure.working`, pruned or not.

    Returns
    -------
    dict of str to str
        The new name of every module that has another now, by its name of before.
    """
    names = {id(module): name for name, module in model.named_modules()}
    _close_blocks(model)
    for module in model.modules():
        if isinstance(module, (nn.ModuleList, nn.Sequential)):
            if isinstance(module, Gaps):
                module.__class__ = nn.ModuleList  # type: ignore[assignment]
            parts = list(module._modules.values())
            module._modules.clear()
            module._modules.update({str(n): part for n, part in enumerate(parts)})
    renamed = {names[id(module)]: name for name, module in model.named_modules()}
    return {old: new for old, new in renamed.items() if old != new}


def _close_blocks(model: Any) -> None:
    """Take out what stands for blocks that are gone; rewrite what the others say of their places.

    ``i`` is a block's own index, ``f`` those that it reads (-1 for the one before), ``save`` those
    whose outputs are kept for later.
    """
    blocks = list(model.model)
    left = [block for block in blocks if not isinstance(block, Gone)]
    if len(left) == len(blocks):
        _tell_head(model, len(blocks))
        return
    place = {blocks.index(block): n for n, block in enumerate(left)}
    place[-1] = -1
    sources = [
        list(zip(_listed(block.f), block_sources(block, blocks.index(block)), strict=True))
        for block in left
    ]
    model.model._modules.clear()
    for new, (block, own) in enumerate(zip(left, sources, strict=True)):
        # Ultralytics reads a head's sources as indices: -1 stays where it was, and comes nowhere.
        moved = [-1 if told == -1 and place[s] == new - 1 else place[s] for told, s in own]
        block.i, block.f = new, moved if isinstance(block.f, list) else moved[0]
        model.model._modules[str(new)] = block
    model.save = sorted({source for block in left for source in _listed(block.f)} - {-1})
    model.yaml = _described(model.yaml, {place[n]: n for n in place if n >= 0}, left)


def _listed(sources: int | list[int]) -> list[int]:
    return sources if isinstance(sources, list) else [sources]


def _tell_head(model: Any, count: int) -> None:
    """Write what the last block reads into the description, where it changed."""
    model.yaml = _described(model.yaml, {n: n for n in range(count)}, list(model.model))


def _described(
    yaml: Mapping[str, Any], before: Mapping[int, int], blocks: list[Any]
) -> dict[str, Any]:
    """Return a description with a row for every block that is left, and what each reads."""
    rows = [*yaml.get("backbone", ()), *yaml.get("head", ())]
    first = len(yaml.get("backbone", ()))
    if len(rows) <= max(before.values()):  # made by hand: it never had a row for each block
        return dict(yaml)
    made = [[block.f, *rows[before[new]][1:]] for new, block in enumerate(blocks)]
    cut = sum(1 for old in before.values() if old < first)
    return {**yaml, "backbone": made[:cut], "head": made[cut:]}
