"""Networks side by side layer by layer: widths, cost, and which of the original channels survived.

A pruned file tells which channels of the very first network each of its layers still has, through
every pruning and tuning since. Channels are only held against each other between networks that come
from one and the same file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.checkpoint import Loaded
from core.checkpoint.facts import origin_of
from core.graph.table import ChannelTable
from core.plan.widths import compute_widths, layer_costs

Model = tuple[Loaded, ChannelTable]
FIGURES = ("inputs", "outputs", "parameters", "macs")


def model_entry(loaded: Loaded, table: ChannelTable) -> dict[str, Any]:
    """Return what is told of every network: ``path``, ``family``, ``sha256``, ``origin``, cost."""
    widths = compute_widths(table, np.zeros(table.atom_count, bool))
    facts = loaded.facts
    return {
        "path": facts.path,
        "family": facts.family,
        "sha256": facts.sha256,
        "origin": origin_of(facts),
        "parameters": widths.parameters,
        "macs": widths.macs,
    }


def compare_channels(models: Sequence[Model]) -> list[dict[str, Any]]:
    """Say for every layer how wide it is in every model, what it costs, and what survived.

    Returns
    -------
    list of dict
        In order of execution: ``layer``, ``block``, ``inputs``, ``outputs``, ``parameters`` and
        ``macs`` (one a model; None where it has no such layer), ``original`` (its width in the
        unpruned network; None where none of the models is that) and ``survived``: for every model
        the output channels of the unpruned network that are still there, or None where the file
        does not tell, or comes from another network than the first model.
    """
    costs: list[tuple[Any, ...]] = []
    for _, table in models:
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
        parameters, macs = layer_costs(table, widths)
        costs.append((widths.inputs, widths.outputs, parameters, macs))
    origin = origin_of(models[0][0].facts)
    kin = [origin_of(loaded.facts) == origin for loaded, _ in models]
    names = list(dict.fromkeys(layer.name for _, table in models for layer in table.layers))
    rows = []
    for name in names:
        row: dict[str, Any] = {"layer": name, "block": -1, "original": None}
        for key in (*FIGURES, "survived"):
            row[key] = []
        for (loaded, table), figures, same in zip(models, costs, kin, strict=True):
            place = table.index.get(name)
            if place is not None:
                row["block"] = table.layers[place].block
            for key, values in zip(FIGURES, figures, strict=True):
                row[key].append(None if place is None else int(values[place]))
            width = row["outputs"][-1]
            row["survived"].append(_survived(loaded, name, width) if same else None)
            if same and not loaded.facts.history:
                row["original"] = width
        rows.append(row)
    return rows


def compare_blocks(models: Sequence[Model]) -> list[dict[str, Any]]:
    """Say for every block how wide it is in every model, and what it costs.

    Returns
    -------
    list of dict
        In order: ``block``, ``inputs``, ``outputs``, ``parameters`` and ``macs`` (one a model; None
        where it has no such block).
    """
    tables = [{block.index: block for block in table.blocks} for _, table in models]
    rows = []
    for index in sorted({index for blocks in tables for index in blocks}):
        found = [blocks.get(index) for blocks in tables]
        rows.append(
            {
                "block": index,
                "inputs": [block and block.in_channels for block in found],
                "outputs": [block and block.out_channels for block in found],
                "parameters": [block and block.parameters for block in found],
                "macs": [block and block.macs for block in found],
            }
        )
    return rows


def _survived(loaded: Loaded, layer: str, width: int | None) -> list[int] | None:
    """Return the original channels of a layer; all it has where no pruning touched it."""
    if width is None:
        return None
    for record in reversed(loaded.facts.history):
        if "original" in record:
            sides = record["original"].get(layer)
            if sides is not None:
                return [int(channel) for channel in sides["outputs"]]
            return list(range(width))
    return None if loaded.facts.history else list(range(width))


def compare_layers(models: Sequence[Model]) -> dict[str, Any]:
    """Compare networks without any images.

    Returns
    -------
    dict
        ``models`` (see `model_entry`), ``channels`` (see `compare_channels`) and ``blocks`` (see
        `compare_blocks`).
    """
    entries = [model_entry(loaded, table) for loaded, table in models]
    return {
        "models": entries,
        "channels": compare_channels(models),
        "blocks": compare_blocks(models),
    }


def layers_text(result: Mapping[str, Any]) -> str:
    """Return a comparison layer by layer as a table for people.

    Beside every later model stand its width, its multiply-adds as a share of the first one's, and
    how many original channels the two have in common.
    """
    models = result["models"]
    rows = [["block", "layer", Path(models[0]["path"]).name]]
    for model in models[1:]:
        rows[0] += [Path(model["path"]).name, "cost", "in common"]
    for channel in result["channels"]:
        row = [str(channel["block"]), channel["layer"], _told(channel["outputs"][0])]
        for number in range(1, len(models)):
            row += [
                _told(channel["outputs"][number]),
                share(channel["macs"], number),
                _told(in_common(channel["survived"], 0, number)),
            ]
        rows.append(row)
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if n == 1 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def in_common(survived: Sequence[Sequence[int] | None], one: int, other: int) -> int | None:
    """Return how many original channels two models both have; None where that is not known."""
    first, second = survived[one], survived[other]
    if first is None or second is None:
        return None
    return len(set(first) & set(second))


def share(macs: Sequence[int | None], number: int) -> str:
    """Write what a layer costs in a model as a share of what it costs in the first."""
    first, here = macs[0], macs[number]
    return f"{here / first:.0%}" if first and here is not None else ""


def _told(value: int | None) -> str:
    return "" if value is None else str(value)
