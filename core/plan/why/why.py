"""“Why?” for any two blocks or layers: one true sentence, and the same as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.graph.table import ChannelTable
from core.plan.refusals import check_block, find_layer
from core.plan.why.reasons import Explainer, Path


@dataclass(frozen=True, slots=True)
class Answer:
    """The relation between two places of a network.

    Attributes
    ----------
    coupled : bool
        Whether removing outputs of ``source`` changes anything in ``target``.
    relation : str
        ``reads``, ``shares`` or ``none``.
    paths : tuple of Path
        One for each layer of the target that changes.
    changes : tuple of str
        Every layer, anywhere, that removing outputs of ``source`` does change.
    """

    source: str
    target: str
    coupled: bool
    relation: str
    paths: tuple[Path, ...]
    changes: tuple[str, ...]
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {
            "from": self.source,
            "to": self.target,
            "coupled": self.coupled,
            "relation": self.relation,
            "sentence": self.sentence,
            "paths": [path.to_json() for path in self.paths],
            "changes": list(self.changes),
        }


def explain(table: ChannelTable, source: str, target: str) -> Answer:
    """Describe whether, how and by which path pruning one place changes another.

    Parameters
    ----------
    source, target : str
        A block's index or a layer's dotted name.

    Raises
    ------
    UserError
        For a block or layer the network does not have.
    """
    explainer = Explainer(table)
    atoms, makers, source_name = _place(table, source)
    _, _, target_name = _place(table, target)
    readers, sharers = affected(table, atoms, set(makers))
    changes = tuple(table.layers[n].name for n in sorted(readers | sharers))
    inside = _layers(table, target)
    paths = []
    for layer in inside:
        if layer not in readers | sharers:
            continue
        found = [p for maker in makers if (p := explainer.path(maker, layer, atoms)) is not None]
        if found:
            paths.append(min(found, key=lambda p: len(p.hops)))
    relation = "none"
    if paths:
        relation = "shares" if any(p.relation == "shares" for p in paths) else "reads"
    sentence = _sentence(table, source_name, target_name, paths, changes, source, target)
    return Answer(source_name, target_name, bool(paths), relation, tuple(paths), changes, sentence)


def affected(table: ChannelTable, atoms: set[int], makers: set[int]) -> tuple[set[int], set[int]]:
    """Layers that read some of the atoms, and layers whose outputs are among them."""
    readers, sharers = set(), set()
    for number, layer in enumerate(table.layers):
        if number in makers:
            continue
        if layer.mixes:
            if atoms & set(table.inputs(number).tolist()):
                readers.add(number)
            if atoms & set(table.outputs(number).tolist()):
                sharers.add(number)
        elif layer.kind.startswith("Conv") and atoms & set(table.outputs(number).tolist()):
            sharers.add(number)
    return readers, sharers


def _layers(table: ChannelTable, place: str) -> list[int]:
    if place.isdigit():
        return table.layers_of(int(place))
    number = table.resolve_layer(place)
    return [] if number is None else [number]


def _place(table: ChannelTable, place: str) -> tuple[set[int], list[int], str]:
    """Atoms a place puts out, the layers that make them, and how to call it."""
    if place.isdigit():
        index = int(place)
        check_block(table, index)
        block = table.blocks[index]
        atoms = set(block.out_atoms.tolist()) - {-1}
        makers = [
            n
            for n, layer in enumerate(table.layers)
            if layer.mixes and atoms & set(table.outputs(n).tolist())
        ]
        own = [n for n in makers if table.layers[n].block == index]
        return atoms, own or makers, f"block {index}"
    number = find_layer(table, place)
    return set(table.outputs(number).tolist()) - {-1}, [number], table.layers[number].name


def _sentence(
    table: ChannelTable,
    source_name: str,
    target_name: str,
    paths: list[Path],
    changes: tuple[str, ...],
    source: str,
    target: str,
) -> str:
    if paths:
        more = f" (and {len(paths) - 1} more layers)" if len(paths) > 1 else ""
        return f"Pruning {source_name} changes {target_name}: {paths[0].text}{more}."
    named = ", ".join(changes[:6]) + (f" and {len(changes) - 6} more" if len(changes) > 6 else "")
    what = f"it changes {named} only" if changes else "it changes no other layer"
    text = f"Pruning {source_name} does not change {target_name}: they share no channels; {what}."
    back, makers, _ = _place(table, target)
    readers, _ = affected(table, back, set(makers))
    if readers & set(_layers(table, source)):
        text += f" In the other direction it does: {source_name} reads {target_name}."
    return text
