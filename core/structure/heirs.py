"""Heirs: the layer before a unit that goes, which repair has deliver what the unit delivered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from core.structure.units import LEAVES, Recorder, Unit, record


def heirs(model: nn.Module, units: Sequence[Unit]) -> dict[str, str]:
    """Find layers that can take the place of those that units end in.

    A unit in a row of convolutions hands its input on once it is gone. What is left then fits
    best where the layer before it gives what the unit gave, as far as it can.

    Parameters
    ----------
    model : nn.Module
        With all its units.
    units : sequence of Unit
        Those that go.

    Returns
    -------
    dict of str to str
        The last layer of a unit, by the layer before it that can deliver the same: the same kind
        of module around it, and nothing else that reads it.
    """
    if not units:
        return {}
    seen = record(model)
    found: dict[str, str] = {}
    for unit in units:
        call = seen.calls[unit.name]
        if unit.columns or _read_elsewhere(seen, model, unit):
            continue
        before, last = _maker(seen, model, id(call.source)), _maker(seen, model, id(call.result))
        if before is not None and last is not None and _alike(model, before, last):
            found[before] = last
    return _followed(found, units)


def _followed(found: dict[str, str], units: Iterable[Unit]) -> dict[str, str]:
    """Pass over layers that go themselves: of a row of units, the layer before the first is it."""
    gone = tuple(f"{unit.name}." for unit in units)
    result = {}
    for before, last in found.items():
        if before.startswith(gone):
            continue
        while last in found:
            last = found[last]
        result[before] = last
    return result


def _maker(seen: Recorder, model: nn.Module, tensor: int) -> str | None:
    """Return the convolution whose module, its normalisation and activation included, made it."""
    makers = {name for name, call in seen.calls.items() if id(call.result) == tensor}
    layers = [
        name
        for name in seen.calls
        if name.rpartition(".")[0] in makers and isinstance(model.get_submodule(name), LEAVES)
    ]
    return layers[0] if len(layers) == 1 else None


def _read_elsewhere(seen: Recorder, model: nn.Module, unit: Unit) -> bool:
    source = seen.calls[unit.name].source
    outside = (
        name
        for name, call in seen.calls.items()
        if call.source is source and not f"{name}.".startswith(f"{unit.name}.")
    )
    leaves = (model.get_submodule(name) for name in outside)
    return any(isinstance(leaf, LEAVES) for leaf in leaves) or any(
        part is source for parts, _ in seen.joined for part in parts
    )


def _alike(model: nn.Module, one: str, other: str) -> bool:
    """Whether what follows two convolutions in their modules is of the same kind."""
    around = [model.get_submodule(name.rpartition(".")[0]) for name in (one, other)]
    kinds = [[(n, type(child)) for n, child in m.named_children()] for m in around]
    return type(around[0]) is type(around[1]) and kinds[0] == kinds[1]
