"""Units: modules that a network runs without, found by running it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from core.graph.drive import image_channels, untouched
from core.graph.tensors import tensors_in
from core.pruning.verify import comparison_sides

LEAVES = (nn.modules.conv._ConvNd, nn.Linear)


@dataclass(frozen=True, slots=True)
class Columns:
    """Inputs of a layer that go with a unit.

    Attributes
    ----------
    layer : str
    start, stop : int
        The first of them, and the one after the last.
    """

    layer: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A module whose input and output fit, so that it can be taken out.

    Attributes
    ----------
    name : str
        Dotted name in the network.
    block : int
    type : str
    place : int
        Among the repeated modules of its block, in the order in which they run; -1 for any other,
        which is taken out by its name.
    columns : tuple of Columns
        Inputs that its readers lose: its part of a Concat.
    """

    name: str
    block: int
    type: str
    place: int
    columns: tuple[Columns, ...]


@dataclass(slots=True)
class _Call:
    """A module as it ran: its first input and its output, both kept so that ids stay unique."""

    order: int
    source: Tensor
    result: Tensor


class Recorder(TorchFunctionMode):
    """Runs a network, and remembers what its modules and its Concats took and made."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.calls: dict[str, _Call] = {}
        self.times: Counter[str] = Counter()
        self.joined: list[tuple[list[Tensor], Tensor]] = []
        hooks = [
            module.register_forward_hook(partial(self._ran, name))
            for name, module in model.named_modules()
            if name
        ]
        image = torch.rand(1, image_channels(model), *comparison_sides(model)[0])
        try:
            with untouched(model), torch.no_grad(), self:
                model.eval()(image)
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.cat, torch.concat) and args:
            along = args[1] if len(args) > 1 else (kwargs or {}).get("dim", 0)
            if along in (1, 1 - result.ndim):
                self.joined.append((list(args[0]), result))
        return result

    def _ran(self, name: str, _module: nn.Module, inputs: Any, output: Any) -> None:
        self.times[name] += 1
        read = tensors_in(inputs)
        if read and isinstance(output, Tensor):
            self.calls[name] = _Call(len(self.calls), read[0], output)


def record(model: nn.Module) -> Recorder:
    """Run a network once and return what its modules took and made."""
    return Recorder(model)


def find_units(model: nn.Module) -> tuple[Unit, ...]:
    """Find the modules that may be taken out of a network, in the order in which they run.

    A module in an ``nn.Sequential`` may where it keeps the shape of what it reads; what comes
    before it then feeds what comes after it. So may one in an ``nn.ModuleList`` whose output goes
    to the next in the list, to a Concat, or both; its part of the Concat then goes as well.

    Parameters
    ----------
    model : nn.Module
        Left as it is.

    Returns
    -------
    tuple of Unit
        Whether the network without one is what it should be, `core.structure.proof` tells.
    """
    seen = record(model)
    modules = dict(model.named_modules())
    readers: dict[int, list[str]] = {}
    for name, call in seen.calls.items():
        if isinstance(modules[name], LEAVES) and getattr(modules[name], "groups", 1) == 1:
            readers.setdefault(id(call.source), []).append(name)
    head = f"model.{len(model.model) - 1}."  # type: ignore[arg-type]
    read = {id(call.source) for call in seen.calls.values()}
    found: list[tuple[int, str, tuple[Columns, ...]]] = []
    for name, container in modules.items():
        if name == "model":  # the list of blocks
            continue
        if type(container) is nn.Sequential and name in seen.calls:
            found += [(order, own, ()) for order, own in _fitting(name, container, seen)]
        elif isinstance(container, nn.ModuleList):
            found += _of_list(name, container, seen, readers)
    inner = [
        one
        for one in sorted(found)
        # What a head puts out is no layer on the way.
        if not one[1].startswith(head) or id(seen.calls[one[1]].result) in read
    ]
    return tuple(_numbered(inner, modules, head))


def _fitting(name: str, container: nn.Module, seen: Recorder) -> Iterator[tuple[int, str]]:
    """Yield the children that ran once and keep the shape of what they read."""
    for key, child in container.named_children():
        own = f"{name}.{key}"
        call = seen.calls.get(own)
        if call is None or seen.times[own] > 1 or not any(True for _ in child.parameters()):
            continue
        if call.source is not call.result and call.source.shape == call.result.shape:
            yield call.order, own


def _of_list(
    name: str, container: nn.Module, seen: Recorder, readers: dict[int, list[str]]
) -> Iterator[tuple[int, str, tuple[Columns, ...]]]:
    sources = {id(call.source) for n, call in seen.calls.items() if n.rpartition(".")[0] == name}
    for order, own in _fitting(name, container, seen):
        result = seen.calls[own].result
        columns: list[Columns] = []
        known = id(result) in sources
        for parts, joined in seen.joined:
            places = [n for n, part in enumerate(parts) if part is result]
            if not places:
                continue
            start = sum(part.shape[1] for part in parts[: places[0]])
            for reader in readers.get(id(joined), ()):
                columns.append(Columns(reader, start, start + result.shape[1]))
                known = True
        if known:
            yield order, own, tuple(columns)


def _numbered(
    found: list[tuple[int, str, tuple[Columns, ...]]], modules: dict[str, nn.Module], head: str
) -> Iterator[Unit]:
    """Number the outermost repeated modules of each block; the head's are branches."""
    names = {name for _, name, _ in found}
    repeated = {name for name in names if not name.startswith(head) and _repeats(name, modules)}
    places: Counter[int] = Counter()
    for _, name, columns in found:
        block = int(name.split(".")[1])
        steps = name.split(".")
        inside = any(".".join(steps[:n]) in repeated for n in range(3, len(steps)))
        place = -1
        if name in repeated and not inside:
            place = places[block]
            places[block] += 1
        yield Unit(name, block, type(modules[name]).__name__, place, columns)


def _repeats(name: str, modules: dict[str, nn.Module]) -> bool:
    """Whether a module is one of a list of the same class."""
    return len({type(other) for other in modules[name.rpartition(".")[0]].children()}) == 1
