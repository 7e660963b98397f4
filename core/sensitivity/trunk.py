"""Accuracy of many cuts of one network, without running again what none of them changes.

A cut changes layers from some block on. Everything before is the same for all cuts that begin
there or later: its activations are computed once per batch of images and moved forward block by
block. Behind, a branch of the head whose input is among them (``cv2[0]``, ``cv3[0]`` …) is computed
once as well. Each cut network is made and fused from its first changed block on only. What is left
out would give the same tensors, so the figures are those of an evaluation from scratch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from core.data.stream import Batch, _quiet
from core.data.validation import Accuracy, Measure, Validation
from core.graph.prompts import Prompts
from core.graph.table import ChannelTable
from core.graph.tensors import tensors_in
from core.plan.widths import Mask, kept_of
from core.progress import Progress
from core.pruning.surgery import cut_network

SHARE_OF_MEMORY = 0.25
"""Of the free memory (of the device) that activations may fill."""


def changed_layers(table: ChannelTable, removed: Mask) -> list[int]:
    """Return the layers whose inputs or outputs a cut makes fewer, in the table's order."""
    kept = kept_of(removed)
    return [
        n
        for n in range(len(table.layers))
        if not (kept[table.inputs(n)].all() and kept[table.outputs(n)].all())
    ]


def first_change(table: ChannelTable, removed: Mask) -> int:
    """Return the first block that a cut changes; the number of blocks when it changes none.

    A removed atom may reach blocks before the one it was chosen in.
    """
    blocks = [table.layers[n].block for n in changed_layers(table, removed)]
    return min(blocks, default=len(table.blocks))


@dataclass
class State:
    """A batch of images, as far as the uncut network has been run on it.

    Attributes
    ----------
    batch : dict
        Labels and the images' shape.
    position : int
        Blocks run.
    x : Tensor or nested
        The last block's output.
    saved : dict of int to Tensor
        Outputs of blocks that a later one reads.
    prompts : Prompts
        What open-vocabulary networks hand on besides.
    branches : dict of str to (Tensor, Any)
        Input and output of the head's branches that were computed.
    """

    batch: Batch
    position: int
    x: Any
    saved: dict[int, Any]
    prompts: Prompts
    branches: dict[str, tuple[Tensor, Any]] = field(default_factory=dict)

    def copy(self) -> State:
        """Return a copy that can be run on; branches are shared."""
        prompts = copy.copy(self.prompts)
        return State(self.batch, self.position, self.x, dict(self.saved), prompts, self.branches)

    def knows(self, tensor: Tensor) -> bool:
        """Whether a tensor is one of this state's, or a view of the whole of one."""
        known = tensors_in([self.x, list(self.saved.values())])
        return any(_same(tensor, other) for other in known)

    def nbytes(self) -> int:
        """Memory the activations take."""
        held = {t.data_ptr(): t.nbytes for t in tensors_in([self.x, list(self.saved.values())])}
        return sum(held.values())


def _same(one: Tensor, other: Tensor) -> bool:
    return (
        one.data_ptr() == other.data_ptr()
        and one.shape == other.shape
        and one.stride() == other.stride()
    )


def run_blocks(network: Any, state: State, stop: int) -> None:
    """Run blocks up to ``stop`` as ``_predict_once`` does; drop what no later block reads."""
    blocks = list(network.model)
    for block in blocks[state.position : stop]:
        if block.f != -1:
            state.x = (
                state.saved[block.f % block.i]
                if isinstance(block.f, int)
                else [state.x if j == -1 else state.saved[j % block.i] for j in block.f]
            )
        state.x = block(*state.prompts.arguments(block, state.x))
        state.prompts.note(block, state.x)
        if block.i in network.save:
            state.saved[block.i] = state.x
    state.position = stop
    read = {
        j % block.i
        for block in blocks[stop:]
        for j in ([block.f] if isinstance(block.f, int) else block.f)
        if j != -1
    }
    state.saved = {number: x for number, x in state.saved.items() if number in read}


class Trunk:
    """The uncut network, run block by block over a split.

    Parameters
    ----------
    validation : Validation
    model : nn.Module
        Not changed.
    room : int, optional
        Bytes that activations may take; batches beyond are run again from the image.
    """

    def __init__(self, validation: Validation, model: nn.Module, room: int | None = None) -> None:
        self.validation = validation
        self.model = model
        self._measure = validation.measure(copy.deepcopy(model).float().eval())
        self._states: list[State | None] = [None] * len(validation)
        self._room = _free_memory(validation.device) if room is None else room

    def baseline(self, progress: Progress) -> Accuracy:
        """Return the accuracy of the uncut network."""
        with torch.inference_mode(), _quiet():
            for number in range(len(self.validation)):
                batch = self._measure.prepare(number)
                self._measure.add(self._measure.network(batch["img"]), batch)
                progress((number + 1) / len(self.validation), "Evaluating the unpruned network")
        return self._measure.result()

    def state(self, number: int, position: int) -> State:
        """Return a batch run up to a block."""
        state = self._states[number]
        if state is None or state.position > position:
            batch = self._measure.prepare(number)
            images = batch["img"]
            prompts = Prompts.of(self._measure.model, images)
            state = State(batch, 0, images, {}, prompts)
            # Figures need the images' shape, not the images.
            batch["img"] = batch["img"].new_empty(1).expand(batch["img"].shape)
        if state.position < position:
            self._room += 0 if self._states[number] is None else state.nbytes()
            run_blocks(self._measure.model, state, position)
            fits = state.nbytes() <= self._room
            self._room -= state.nbytes() if fits else 0
            self._states[number] = state if fits else None
        return state.copy()

    def snapshot(self, position: int, progress: Progress) -> list[State] | None:
        """Return all batches run up to a block, or None where they do not fit into memory."""
        batches = len(self.validation)
        states = []
        with torch.inference_mode(), _quiet():
            for number in range(batches):
                states.append(self.state(number, position))
                progress((number + 1) / batches, f"Running the network up to block {position}")
                if position and self._states[number] is None:
                    return None
        return states


def _free_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(SHARE_OF_MEMORY * torch.cuda.mem_get_info(device)[0])
    return int(SHARE_OF_MEMORY * psutil.virtual_memory().available)


class Tail:
    """A cut network from its first changed block on, being evaluated.

    Parameters
    ----------
    trunk : Trunk
    table : ChannelTable
    removed : bool array, shape (atoms,)
    first : int
        The block it begins at: none before it changes.
    """

    def __init__(self, trunk: Trunk, table: ChannelTable, removed: Mask, first: int) -> None:
        shell = _without_blocks(trunk.model, first)
        cut = cut_network(shell, table, removed).float().eval()
        self._measure: Measure = trunk.validation.measure(cut)
        names = [table.layers[n].name for n in changed_layers(table, removed)]
        self._branches = wrap_branches(self._measure.model.model[-1], names)

    def add(self, state: State) -> None:
        """Run it on a batch that is at its first block."""
        for branch in self._branches:
            branch.meet(state)
        network = self._measure.model
        own = state.copy()
        run_blocks(network, own, len(network.model))
        self._measure.add(own.x, state.batch)

    def result(self) -> Accuracy:
        """Return the accuracy over all batches."""
        return self._measure.result()


class _Gone(nn.Module):
    """Stands for a block that is never run."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.f, self.i = block.f, block.i


def _without_blocks(model: Any, first: int) -> Any:
    """Return a shallow copy of a network whose first blocks are missing."""
    shell = copy.copy(model)
    blocks = list(model.model)
    stripped = nn.Sequential(*[_Gone(block) for block in blocks[:first]], *blocks[first:])
    shell.__dict__["_modules"] = {**model._modules, "model": stripped}
    return shell


class _Branch(nn.Module):
    """A branch of the head that is as in the uncut network: run once for an input that is, too."""

    def __init__(self, name: str, branch: nn.Module) -> None:
        super().__init__()
        self.name, self.branch = name, branch
        self._state: State | None = None

    def meet(self, state: State) -> None:
        """Set the batch that the next inputs belong to."""
        self._state = state

    def forward(self, x: Any, *more: Any) -> Any:
        """Return the branch's output."""
        state = self._state
        if more or state is None or not isinstance(x, Tensor) or not state.knows(x):
            return self.branch(x, *more)
        known = state.branches.get(self.name)
        if known is None or not _same(known[0], x):
            known = state.branches[self.name] = (x, self.branch(x))
        return known[1]


def wrap_branches(head: Any, changed: Sequence[str]) -> list[_Branch]:
    """Wrap the members of the head's module lists that no changed layer is in."""
    wrapped = []
    for name, children in head.named_children():
        if not isinstance(children, nn.ModuleList):
            continue
        for number, branch in enumerate(children):
            path = f"model.{head.i}.{name}.{number}"
            if not any(layer == path or layer.startswith(f"{path}.") for layer in changed):
                wrapped.append(_Branch(path, branch))
                children[number] = wrapped[-1]
    return wrapped
