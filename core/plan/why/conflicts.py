"""Naive conflicts: what breaks when only the selected layers' own outputs are cut.

The forward pass is replayed on channel counts alone. It stops where PyTorch would raise; that
layer is repaired, and the pass runs again, until it runs through. The layers repaired, in that
order, are the conflicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from core.graph.table import ChannelTable, Ints, Step
from core.plan.resolve import Resolution
from core.plan.why.reasons import Explainer
from core.plan.widths import kept_of

_STATISTICS = "running_mean should contain {got} elements not {expected}"
_SCALE = "weight should contain {got} elements not {expected}"
NORM_ERRORS = {
    "GroupNorm": "Expected weight to be a vector of size equal to the number of channels in input, "
    "but got weight of shape [{expected}] and input of shape [1, {got}, H, W]",
    "InstanceNorm2d": "expected input's size at dim=1 to match num_features ({expected}), "
    "but got: {got}.",
    "PReLU": "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
    "{expected} and channel size = {got}.",
}
"""What PyTorch says of an input that has other channels than a layer that follows it, by kind."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One failure of the naive cut.

    Attributes
    ----------
    layer : str
        The layer (or, for a stored width, the module) that must be repaired.
    kind : str
        ``input``, ``normalisation``, ``depthwise``, ``shortcut`` or ``stored width``.
    expected, got : int
        Channels it was built for, and channels it meets.
    error : str
        What PyTorch would say.
    reason : str
        Why it is affected: the path from a selected layer.
    """

    layer: str
    kind: str
    expected: int
    got: int
    error: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Failure:
    layer: int
    owner: str
    kind: str
    expected: int
    got: int
    error: str
    arriving: Ints | None


def naive_conflicts(
    table: ChannelTable,
    resolution: Resolution,
    *,
    reason: Callable[[int, str], str] | None = None,
    check: Callable[[], None] = lambda: None,
) -> tuple[Conflict, ...]:
    """List the naive conflicts of a resolved plan, in the order the failures would come.

    Parameters
    ----------
    table : ChannelTable
    resolution : Resolution
    reason : callable, optional
        Says why a layer, or a module where that is -1, is affected, in the place of
        `core.plan.why.reasons.Explainer`, which takes most of the time.
    check : callable
        Called every one or two milliseconds; it may wait or raise.
    """
    if not resolution.removed.any():
        return ()
    replay = _Replay(table, resolution)
    check()
    reason = reason or partial(Explainer(table).reason, resolution)
    found: dict[str, Conflict] = {}
    for _ in range(8 * len(table.steps) + 8):
        check()
        failure = replay.run()
        if failure is None:
            break
        replay.repair(failure)
        name = table.layers[failure.layer].name if failure.layer >= 0 else failure.owner
        if name not in found:
            found[name] = Conflict(
                name,
                failure.kind,
                failure.expected,
                failure.got,
                failure.error,
                reason(failure.layer, failure.owner),
            )
    return tuple(found.values())


class _Replay:
    """Channel counts of every tensor while layers are cut and repaired.

    Each tensor holds the atoms in its channel slots; a naive ``chunk`` in the wrong place shows
    as it would in PyTorch, in counts.
    """

    def __init__(self, table: ChannelTable, resolution: Resolution) -> None:
        self.table = table
        self.kept = kept_of(resolution.removed)
        self.ins = [table.inputs(n) for n in range(len(table.layers))]
        self.outs = [table.outputs(n) for n in range(len(table.layers))]
        self.producer: dict[int, Step] = {}
        for step in table.steps:
            if step.op != "heads" and not (step.op == "follow" and step.inputs == step.outputs):
                for tensor in step.outputs:
                    self.producer.setdefault(tensor, step)
        self.norms = self._norms()
        self.sizes = {
            n: [len(table.tensors[t]) for t in step.outputs]
            for n, step in enumerate(table.steps)
            if step.op == "split"
        }
        self.heads = {
            n: len(table.tensors[step.inputs[0]])
            for n, step in enumerate(table.steps)
            if step.op == "heads"
        }
        self.first_step: dict[int | str, int] = {}
        for number, step in enumerate(table.steps):
            if step.layer >= 0:
                self.first_step.setdefault(step.layer, number)
            if step.op in ("heads", "split", "chunk"):
                self.first_step.setdefault(step.owner, number)
        self.tensors: dict[int, Ints] = {}
        self.start = 0
        for number in resolution.selected:
            self.cut(number)

    def _norms(self) -> dict[int, int]:
        """The normalisation that goes with a convolution: the step right behind it."""
        norms = {}
        steps = self.table.steps
        for first, second in pairwise(steps):
            if (
                first.layer >= 0
                and second.op == "follow"
                and second.inputs == first.outputs
                and not self.table.layers[second.layer].kind.startswith("Conv")
            ):
                norms[first.layer] = second.layer
        return norms

    def cut(self, layer: int) -> None:
        """Cut a layer's own outputs, with its normalisation, to what the plan keeps."""
        self.set_outputs(layer, self.outs[layer][self.kept[self.outs[layer]]])

    def set_outputs(self, layer: int, atoms: Ints) -> None:
        """Give a layer and its normalisation other outputs (a follower's inputs with them)."""
        self.outs[layer] = atoms
        if not self.table.layers[layer].mixes:
            self.ins[layer] = atoms
        norm = self.norms.get(layer)
        if norm is not None:
            self.ins[norm] = self.outs[norm] = atoms

    def run(self) -> _Failure | None:
        """Run the pass, or what follows the last repair; return the first failure, or None."""
        tensors = self.tensors
        for number in range(self.start, len(self.table.steps)):
            step = self.table.steps[number]
            arriving = [tensors.get(t, self.table.tensors[t]) for t in step.inputs]
            failure = self._execute(number, step, arriving, tensors)
            if failure is not None:
                return failure
        return None

    def _execute(
        self, number: int, step: Step, arriving: list[Ints], tensors: dict[int, Ints]
    ) -> _Failure | None:
        if step.op in ("layer", "follow"):
            return self._layer(step, arriving[0], tensors)
        if step.op == "parameter":
            tensors[step.outputs[0]] = self.outs[step.layer]
        elif step.op == "join":
            return self._join(step, arriving, tensors)
        elif step.op == "pick":
            own = self.table.tensors[step.outputs[0]]
            whole = self.table.tensors[step.inputs[0]]
            present = len(arriving[0]) == len(whole) or np.isin(own, arriving[0])
            tensors[step.outputs[0]] = own[present] if present is not True else own
        elif step.op == "cat":
            tensors[step.outputs[0]] = np.concatenate(arriving)
        elif step.op == "chunk":
            return self._chunk(step, arriving[0], tensors)
        elif step.op == "split":
            return self._split(number, step, arriving[0], tensors)
        elif step.op == "heads" and len(arriving[0]) != self.heads[number]:
            expected, got = self.heads[number], len(arriving[0])
            error = f"shape for {expected} channels is invalid for input of {got} channels"
            return _Failure(-1, step.owner, "stored width", expected, got, error, None)
        return None

    def _layer(self, step: Step, x: Ints, tensors: dict[int, Ints]) -> _Failure | None:
        expected = self.ins[step.layer]
        if len(x) == len(expected):
            tensors[step.outputs[0]] = self.outs[step.layer] if step.op == "layer" else x
            return None
        layer = self.table.layers[step.layer]
        if not layer.sized:
            tensors[step.outputs[0]] = x
            return None
        if step.op == "follow" and len(x) > len(expected):
            maker = self._uncut(step.inputs[0], tensors)
            if maker >= 0:
                error = self._error(step.layer, len(expected), len(x))
                return _Failure(
                    maker, "", "depthwise", len(self.outs[maker]), len(expected), error, None
                )
        kind = (
            "input"
            if step.op == "layer"
            else ("depthwise" if layer.kind.startswith("Conv") else "normalisation")
        )
        error = self._error(step.layer, len(expected), len(x))
        return _Failure(step.layer, step.owner, kind, len(expected), len(x), error, x)

    def _error(self, number: int, expected: int, got: int) -> str:
        layer = self.table.layers[number]
        if not layer.kind.startswith("Conv"):
            if layer.kind == "Linear":
                outs = len(self.outs[number])
                return f"mat1 and mat2 shapes cannot be multiplied (1x{got} and {expected}x{outs})"
            kind = layer.kind if layer.kernel else ""
            usual = _STATISTICS if layer.at_rest or not layer.kernel else _SCALE
            return NORM_ERRORS.get(kind, usual).format(got=got, expected=expected)
        side = round(layer.kernel**0.5)
        groups = layer.groups if layer.mixes else expected
        weight = f"[{len(self.outs[number])}, {expected // groups}, {side}, {side}]"
        return (
            f"Given groups={groups}, weight of size {weight}, expected input[1, {got}, H, W] to "
            f"have {expected} channels, but got {got} channels instead"
        )

    def _join(self, step: Step, arriving: list[Ints], tensors: dict[int, Ints]) -> _Failure | None:
        lengths = [len(a) for a in arriving]
        wide = {n for n in lengths if n > 1}
        if len(wide) <= 1:
            tensors[step.outputs[0]] = max(arriving, key=len)
            return None
        error = (
            f"The size of tensor a ({lengths[0]}) must match the size of tensor b ({lengths[1]}) "
            "at non-singleton dimension 1"
        )
        for tensor in step.inputs:
            maker = self._uncut(tensor, tensors)
            if maker >= 0:
                expected = len(self.outs[maker])
                got = int(self.kept[self.outs[maker]].sum())
                return _Failure(maker, "", "shortcut", expected, got, error, None)
        return None

    def _uncut(self, tensor: int, tensors: dict[int, Ints]) -> int:
        """First layer upstream of a tensor whose outputs still hold channels that should go."""
        seen: set[int] = set()
        open_tensors, found = [tensor], []
        while open_tensors:
            current = open_tensors.pop()
            step = self.producer.get(current)
            if current in seen or step is None:
                continue
            seen.add(current)
            if step.op in ("layer", "parameter"):
                if not self.kept[self.outs[step.layer]].all():
                    found.append(step.layer)
            else:
                open_tensors.extend(step.inputs)
        return min(found, default=-1)

    def _chunk(self, step: Step, x: Ints, tensors: dict[int, Ints]) -> _Failure | None:
        count = len(step.outputs)
        size = -(-len(x) // count)
        if size * (count - 1) >= len(x):
            error = f"not enough values to unpack (expected {count})"
            return _Failure(-1, step.owner, "stored width", count, len(x), error, None)
        for place, tensor in enumerate(step.outputs):
            tensors[tensor] = x[place * size : (place + 1) * size]
        return None

    def _split(self, number: int, step: Step, x: Ints, tensors: dict[int, Ints]) -> _Failure | None:
        sizes = self.sizes[number]
        if sum(sizes) != len(x):
            error = (
                f"split_with_sizes expects split_sizes to sum exactly to {len(x)} (input tensor's "
                f"size at dimension 1), but got split_sizes={sizes}"
            )
            return _Failure(-1, step.owner, "stored width", sum(sizes), len(x), error, x)
        for part, tensor in zip(np.split(x, np.cumsum(sizes)[:-1]), step.outputs, strict=True):
            tensors[tensor] = part
        return None

    def repair(self, failure: _Failure) -> None:
        """Repair the layer that failed, as far as this failure goes."""
        self.start = self.first_step[failure.layer if failure.layer >= 0 else failure.owner]
        if failure.layer < 0:
            self._repair_module(failure.owner, failure.got)
        elif failure.arriving is None:
            self.cut(failure.layer)
        elif failure.kind == "input":
            self.ins[failure.layer] = failure.arriving
        else:
            self.set_outputs(failure.layer, failure.arriving)

    def _repair_module(self, owner: str, got: int) -> None:
        for number, step in enumerate(self.table.steps):
            if step.owner == owner and step.op == "heads":
                self.heads[number] = got
            elif step.owner == owner and step.op == "split":
                sizes = [int(self.kept[self.table.tensors[t]].sum()) for t in step.outputs]
                if sum(sizes) != got:
                    share, rest = divmod(got, len(sizes))
                    sizes = [share + (place < rest) for place in range(len(sizes))]
                self.sizes[number] = sizes
