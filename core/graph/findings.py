"""What passes on channel numbers gather, before it is laid out in a table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import nn

Numbers = NDArray[np.int64]


@dataclass(slots=True)
class LayerUse:
    """What the trace saw of one module with weights."""

    name: str
    module: nn.Module
    block: int
    mixes: bool
    ins: Numbers
    outs: Numbers
    groups: int
    kernel: int
    bias: bool


@dataclass(slots=True)
class RawStep:
    """A step of the pass, in terms of channel numbers (see ``core.graph.table.Step``)."""

    op: str
    block: int
    owner: str
    layer: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(slots=True)
class RawSplit:
    """Equal pieces seen by the trace."""

    owner: str
    block: int
    pieces: tuple[Numbers, ...]


@dataclass(slots=True)
class RawPort:
    """Channels that a module takes or returns (see ``core.graph.table.Port``)."""

    name: str
    side: str
    place: int
    numbers: Numbers


@dataclass(slots=True)
class Findings:
    """All that one or several passes gathered; numbers run over all passes.

    ``fixed_beside`` holds what is fixed where nothing else says so.
    """

    uses: dict[str, LayerUse] = field(default_factory=dict)
    edges: list[NDArray[np.int64]] = field(default_factory=list)
    fixed: list[tuple[Numbers, str]] = field(default_factory=list)
    fixed_beside: list[tuple[Numbers, str]] = field(default_factory=list)
    splits: list[RawSplit] = field(default_factory=list)
    steps: list[RawStep] = field(default_factory=list)
    tensors: list[Numbers] = field(default_factory=list)
    locked_modules: dict[str, str] = field(default_factory=dict)
    ports: dict[tuple[str, str, int], RawPort] = field(default_factory=dict)
    next_number: int = 1
