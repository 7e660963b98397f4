"""Networks side by side layer by layer: widths, cost, and which of the original channels survived.

A pruned file reports which channels of the very first network each of its layers still has, through
every pruning and tuning since. Channels are only compared between networks that come
from one and the same file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.checkpoint import Loaded
from core.checkpoint.facts import origin_of
from core.compare.result import ComparedBlock, ComparedLayer, ComparedModel, LayerComparison
from core.graph.table import ChannelTable
from core.plan.widths import compute_widths, layer_costs
from core.ship.export.run import size_of
from core.ship.exported.metadata import is_network
from core.system.columns import laid_out

Model = tuple[Loaded, ChannelTable | None]
"""A network and its channels; an exported file has none that are known."""
Figure = Literal["inputs", "outputs", "parameters", "macs"]
FIGURES: tuple[Figure, ...] = ("inputs", "outputs", "parameters", "macs")


def model_entry(loaded: Loaded, table: ChannelTable | None) -> ComparedModel:
    """Return what is reported of every network: file, family, origin and cost."""
    widths = None
    if table is not None:
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
    facts = loaded.facts
    entry: ComparedModel = {
        "path": facts.path,
        "family": facts.family,
        "sha256": facts.sha256,
        "origin": origin_of(facts),
        "parameters": None if widths is None else widths.parameters,
        "macs": None if widths is None else widths.macs,
    }
    if is_network(facts.path):
        entry["bytes"] = size_of(Path(facts.path))
    return entry


def compare_channels(models: Sequence[Model]) -> list[ComparedLayer]:
    """Return the widths, costs and surviving channels of every layer, in order of execution."""
    costs: list[tuple[Any, ...]] = []
    for _, table in models:
        if table is None:
            costs.append(((),) * len(FIGURES))
            continue
        widths = compute_widths(table, np.zeros(table.atom_count, bool))
        parameters, macs = layer_costs(table, widths)
        costs.append((widths.inputs, widths.outputs, parameters, macs))
    origin = origin_of(models[0][0].facts)
    kin = [origin_of(loaded.facts) == origin for loaded, _ in models]
    tables = [table for _, table in models if table is not None]
    names = list(dict.fromkeys(layer.name for table in tables for layer in table.layers))
    rows: list[ComparedLayer] = []
    for name in names:
        row: ComparedLayer = {
            "layer": name,
            "block": -1,
            "original": None,
            "inputs": [],
            "outputs": [],
            "parameters": [],
            "macs": [],
            "survived": [],
        }
        for (loaded, table), figures, same in zip(models, costs, kin, strict=True):
            place = None if table is None else table.index.get(name)
            if table is not None and place is not None:
                row["block"] = table.layers[place].block
            for key, values in zip(FIGURES, figures, strict=True):
                row[key].append(None if place is None else int(values[place]))
            width = row["outputs"][-1]
            row["survived"].append(_survived(loaded, name, width) if same else None)
            if same and not loaded.facts.history:
                row["original"] = width
        rows.append(row)
    return rows


def compare_blocks(models: Sequence[Model]) -> list[ComparedBlock]:
    """Return the widths and costs of every block in every model, in order."""
    tables = [
        {block.index: block for block in table.blocks} if table is not None else {}
        for _, table in models
    ]
    rows: list[ComparedBlock] = []
    for index in sorted({index for blocks in tables for index in blocks}):
        found = [blocks.get(index) for blocks in tables]
        rows.append(
            {
                "block": index,
                "inputs": [block.in_channels if block else None for block in found],
                "outputs": [block.out_channels if block else None for block in found],
                "parameters": [block.parameters if block else None for block in found],
                "macs": [block.macs if block else None for block in found],
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


def compare_layers(models: Sequence[Model]) -> LayerComparison:
    """Compare networks without any images."""
    entries = [model_entry(loaded, table) for loaded, table in models]
    return {
        "models": entries,
        "channels": compare_channels(models),
        "blocks": compare_blocks(models),
    }


def layers_text(result: LayerComparison) -> str:
    """Return a comparison layer by layer as a table for people.

    Next to every later model are its width, its multiply-adds as a share of the first one's, and
    how many original channels the two have in common.
    """
    models = result["models"]
    rows = [["block", "layer", Path(models[0]["path"]).name]]
    for model in models[1:]:
        rows[0] += [Path(model["path"]).name, "GFLOPs", "in common"]
    for channel in result["channels"]:
        row = [str(channel["block"]), channel["layer"], _told(channel["outputs"][0])]
        for number in range(1, len(models)):
            row += [
                _told(channel["outputs"][number]),
                share(channel["macs"], number),
                _told(in_common(channel["survived"], 0, number)),
            ]
        rows.append(row)
    return laid_out(rows, "rl" + "r" * len(rows[0]))


def in_common(survived: Sequence[Sequence[int] | None], one: int, other: int) -> int | None:
    """Return how many original channels two models both have; None where that is not known."""
    first, second = survived[one], survived[other]
    if first is None or second is None:
        return None
    return len(set(first) & set(second))


def share(macs: Sequence[int | None], number: int) -> str:
    """Write the cost of a layer in a model as a share of its cost in the baseline."""
    first, here = macs[0], macs[number]
    return f"{here / first:.0%}" if first and here is not None else ""


def _told(value: int | None) -> str:
    return "" if value is None else str(value)
