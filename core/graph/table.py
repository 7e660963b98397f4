"""The channel table: for every layer, which coupled channels its inputs and outputs are.

Plain numpy; no torch. Prediction, cost, surgery and explanation all read it and nothing else.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.system.size import ImageSize

Ints = NDArray[np.int32]
NO_ATOM = -1
"""Stands where a channel is a constant or an image channel: it can never be removed."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A module with weights.

    Attributes
    ----------
    name : str
        Dotted module name, for example ``model.6.cv1.conv``.
    kind : str
        Class of the module, for example ``Conv2d``, ``BatchNorm2d`` or ``Linear``.
    block : int
        Index of the block that holds it.
    mixes : bool
        Whether every output is made from all inputs (a convolution, a linear layer). Layers that
        work channel by channel (depthwise convolution, normalisation, scale) follow their input.
    kernel : int
        Number of kernel positions (9 for 3 x 3); 0 for a normalisation without a scale.
    groups : int
        Groups of a convolution, 1 otherwise.
    bias : bool
        Whether it has one bias per output.
    positions : int
        How often the kernel is applied at the model's image size, batch 1.
    followed : bool
        False where the module around it is described instead of traced (`core.graph.modules`): it
        may never run as a module of its own, so that nobody can look at what it reads.
    at_rest : bool
        False for a normalisation without a scale or without stored statistics: no other layer can
        take it over, and nothing can be written into it.
    sized : bool
        False for a normalisation that holds nothing for each channel, and runs on any number.
    """

    name: str
    kind: str
    block: int
    mixes: bool
    kernel: int
    groups: int
    bias: bool
    positions: int
    followed: bool = True
    at_rest: bool = True
    sized: bool = True


@dataclass(frozen=True, slots=True)
class Split:
    """Channels cut into pieces that must keep equal counts (a ``chunk`` or equal ``split``).

    ``pieces`` holds one array of atoms per piece, in channel order.
    """

    owner: str
    block: int
    pieces: tuple[Ints, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the traced forward pass that moves or joins channels.

    Attributes
    ----------
    op : str
        ``layer``, ``parameter`` (a bare weight), ``follow``, ``join`` (element-wise), ``cat``,
        ``chunk`` (into equal parts), ``split`` (by sizes the module stores),
        ``heads`` (attention's view by stored heads) or
        ``pick`` (some of a tensor's channels, rearranged by shape).
    block : int
        Index of the block whose forward ran it.
    owner : str
        Dotted name of the innermost module that ran it.
    layer : int
        Index into ``ChannelTable.layers``, or -1.
    inputs, outputs : tuple of int
        Tensors read and made, as indices into ``ChannelTable.tensors``.
    """

    op: str
    block: int
    owner: str
    layer: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """Channels that a module takes or returns, where the module stores how many there are.

    Attributes
    ----------
    name : str
        Dotted name of the module.
    side : str
        ``inputs`` or ``outputs``.
    place : int
        Which of its tensors, from 0.
    atoms : int32 array
    """

    name: str
    side: str
    place: int
    atoms: Ints


@dataclass(frozen=True, slots=True)
class Block:
    """An entry of the model's top list."""

    index: int
    type: str
    stage: str
    stride: int
    sources: tuple[int, ...]
    source_channels: tuple[int, ...]
    out_channels: int
    out_atoms: Ints
    parameters: int
    macs: int
    spatial: bool
    reason: str = ""

    @property
    def in_channels(self) -> int:
        """Channels read, summed over all sources."""
        return sum(self.source_channels)


@dataclass(frozen=True)
class ChannelTable:
    """Everything a trace learned about the channels of one network.

    Attributes
    ----------
    layers : tuple of Layer
        In order of execution.
    in_atoms, out_atoms : int32 arrays
        Atoms of all inputs and outputs, layer after layer; ``NO_ATOM`` if there is none.
    in_offsets, out_offsets : int32 arrays, shape (layers + 1,)
        Where each layer's part begins.
    fixed : int32 array, shape (atoms,)
        Index into ``reasons`` of why the atom may not go, or -1.
    reasons : tuple of str
        Sentences for ``fixed``.
    splits : tuple of Split
        Pieces that keep equal counts.
    steps : tuple of Step
        The forward pass in evaluation mode.
    tensors : tuple of int32 arrays
        Atoms along the channel axis of every tensor the steps name.
    blocks : tuple of Block
        The model's blocks.
    image_size : ImageSize
        Of the image at which multiply-adds are counted.
    other_parameters : int
        Parameters outside the listed layers, which no plan changes.
    unfollowed : tuple of str
        Modules with weights that no forward pass reached; they stay as they are.
    ports : tuple of Port
        Of the modules that store how many channels they take or return.
    whole : tuple of int, or None
        Parameters and multiply-adds of the network that this is a part of, which shares are of;
        None where it is the whole.
    """

    layers: tuple[Layer, ...]
    in_atoms: Ints
    in_offsets: Ints
    out_atoms: Ints
    out_offsets: Ints
    fixed: Ints
    reasons: tuple[str, ...]
    splits: tuple[Split, ...]
    steps: tuple[Step, ...]
    tensors: tuple[Ints, ...]
    blocks: tuple[Block, ...]
    image_size: ImageSize
    other_parameters: int
    unfollowed: tuple[str, ...] = field(default=())
    ports: tuple[Port, ...] = field(default=())
    whole: tuple[int, int] | None = None

    @property
    def atom_count(self) -> int:
        """Number of coupled channel sets."""
        return len(self.fixed)

    @cached_property
    def index(self) -> dict[str, int]:
        """Layer index by dotted name."""
        return {layer.name: number for number, layer in enumerate(self.layers)}

    def inputs(self, layer: int) -> Ints:
        """Atoms of a layer's inputs, shape (in_channels,)."""
        return self.in_atoms[self.in_offsets[layer] : self.in_offsets[layer + 1]]

    def outputs(self, layer: int) -> Ints:
        """Atoms of a layer's outputs, shape (out_channels,)."""
        return self.out_atoms[self.out_offsets[layer] : self.out_offsets[layer + 1]]

    @cached_property
    def gather(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Atoms of all inputs, then of all outputs, and where each layer's part begins.

        Counting kept channels is the inner loop of prediction; these are laid out for it.
        """
        atoms = np.concatenate([self.in_atoms, self.out_atoms]).astype(np.int64)
        starts = np.concatenate(
            [self.in_offsets[:-1], self.out_offsets[:-1].astype(np.int64) + len(self.in_atoms)]
        )
        return atoms, starts.astype(np.int64)

    @cached_property
    def block_gather(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Atoms that all blocks put out, and where each block's part ends, beginning with 0."""
        ends = np.cumsum([0, *(len(block.out_atoms) for block in self.blocks)])
        atoms = np.concatenate([np.zeros(0, np.int32), *(b.out_atoms for b in self.blocks)])
        return atoms.astype(np.int64), ends.astype(np.int64)

    @cached_property
    def in_counts(self) -> Ints:
        """Input channels of every layer."""
        return np.diff(self.in_offsets).astype(np.int32)

    @cached_property
    def out_counts(self) -> Ints:
        """Output channels of every layer."""
        return np.diff(self.out_offsets).astype(np.int32)

    @cached_property
    def coefficients(self) -> NDArray[np.int64]:
        """Cost of every layer, shape (4, layers).

        Rows: parameters per (input, output) pair, parameters per output, multiply-adds per pair,
        multiply-adds per output. Multiply-adds are those of convolutions and linear layers.
        """
        table = np.zeros((4, len(self.layers)), dtype=np.int64)
        for number, layer in enumerate(self.layers):
            convolves = layer.mixes or layer.kind.startswith("Conv")
            if layer.mixes and layer.groups == 1:
                table[0, number] = layer.kernel
                table[2, number] = layer.kernel * layer.positions
                table[1, number] = layer.bias
            elif convolves:
                each = layer.kernel * (int(self.in_counts[number]) // layer.groups)
                table[1, number] = each + layer.bias
                table[3, number] = each * layer.positions
            else:
                table[1, number] = layer.kernel + layer.bias
        return table

    def layers_of(self, block: int) -> list[int]:
        """Indices of the layers inside a block, in order of execution."""
        return self._by_block.get(block, [])

    @cached_property
    def _by_block(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for number, layer in enumerate(self.layers):
            found.setdefault(layer.block, []).append(number)
        return found

    def resolve_layer(self, name: str) -> int | None:
        """Find a layer by its dotted name or by that of the block right around it.

        ``model.6.cv1`` is accepted for ``model.6.cv1.conv``. Returns None when unknown.
        """
        if name in self.index:
            return self.index[name]
        inside = [
            number
            for number, layer in enumerate(self.layers)
            if layer.name.startswith(name + ".")
            and (layer.mixes or layer.kind.startswith("Conv"))
            and layer.name.count(".") == name.count(".") + 1
        ]
        return inside[0] if len(inside) == 1 else None

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Split into plain data and arrays, for one versioned file (see ``core.graph.cache``)."""
        plain_fields = [field.name for field in fields(Block) if field.name != "out_atoms"]
        plain: dict[str, Any] = {
            "layers": [astuple(layer) for layer in self.layers],
            "reasons": list(self.reasons),
            "ports": [[p.name, p.side, p.place] for p in self.ports],
            "splits": [[s.owner, s.block, len(s.pieces)] for s in self.splits],
            "steps": [astuple(step) for step in self.steps],
            "blocks": [{name: getattr(b, name) for name in plain_fields} for b in self.blocks],
            "image_size": self.image_size.plain,
            "other_parameters": self.other_parameters,
            "unfollowed": list(self.unfollowed),
        }
        arrays = {
            "in_atoms": self.in_atoms,
            "in_offsets": self.in_offsets,
            "out_atoms": self.out_atoms,
            "out_offsets": self.out_offsets,
            "fixed": self.fixed,
            **_ragged("tensors", self.tensors),
            **_ragged("port_atoms", tuple(p.atoms for p in self.ports)),
            **_ragged("pieces", tuple(p for s in self.splits for p in s.pieces)),
            **_ragged("block_atoms", tuple(b.out_atoms for b in self.blocks)),
        }
        return plain, arrays

    @classmethod
    def from_arrays(cls, plain: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ChannelTable:
        """Rebuild what ``to_arrays`` took apart."""
        pieces = iter(_unragged("pieces", arrays))
        atoms = _unragged("block_atoms", arrays)
        return cls(
            layers=tuple(Layer(*row) for row in plain["layers"]),
            in_atoms=arrays["in_atoms"],
            in_offsets=arrays["in_offsets"],
            out_atoms=arrays["out_atoms"],
            out_offsets=arrays["out_offsets"],
            fixed=arrays["fixed"],
            reasons=tuple(plain["reasons"]),
            splits=tuple(
                Split(owner, block, tuple(next(pieces) for _ in range(count)))
                for owner, block, count in plain["splits"]
            ),
            steps=tuple(
                Step(op, block, owner, layer, tuple(inputs), tuple(outputs))
                for op, block, owner, layer, inputs, outputs in plain["steps"]
            ),
            tensors=_unragged("tensors", arrays),
            blocks=tuple(
                Block(
                    **{
                        **row,
                        "sources": tuple(row["sources"]),
                        "source_channels": tuple(row["source_channels"]),
                    },
                    out_atoms=own,
                )
                for row, own in zip(plain["blocks"], atoms, strict=True)
            ),
            image_size=ImageSize.of(plain["image_size"]),
            other_parameters=plain["other_parameters"],
            unfollowed=tuple(plain["unfollowed"]),
            ports=tuple(
                Port(name, side, place, atoms)
                for (name, side, place), atoms in zip(
                    plain["ports"], _unragged("port_atoms", arrays), strict=True
                )
            ),
        )


def _ragged(name: str, parts: tuple[Ints, ...]) -> dict[str, NDArray[Any]]:
    lengths = np.array([len(part) for part in parts], dtype=np.int32)
    flat = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    return {name: flat.astype(np.int32), f"{name}_lengths": lengths}


def _unragged(name: str, arrays: dict[str, NDArray[Any]]) -> tuple[Ints, ...]:
    ends = np.cumsum(arrays[f"{name}_lengths"])
    return tuple(np.split(arrays[name], ends[:-1])) if len(ends) else ()
