"""The few facts about modules that no trace of tensors can see.

Two tables, keyed by class name and resolved along the class's ancestors:

* ``STORED_WIDTHS``: numbers a module keeps next to its weights and that its other code paths
  (``forward_split``, ``fuse``, export) read; surgery rewrites them.
* ``ATTENTION``: attention modules whose heads can be removed whole, and how their channels are
  laid out. A class that multiplies matrices and is not listed here is locked as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredWidth:
    """An attribute that repeats a width.

    ``attribute`` equals the outputs (or inputs) of ``layer`` (a name relative to the module)
    divided by ``parts``.
    """

    attribute: str
    layer: str
    parts: int = 1
    side: str = "outputs"


STORED_WIDTHS: Mapping[str, tuple[StoredWidth, ...]] = {
    "C2": (StoredWidth("c", "cv1.conv", 2),),
    "C2f": (StoredWidth("c", "cv1.conv", 2),),
    "C2fAttn": (StoredWidth("c", "cv1.conv", 2),),
    "C3x": (StoredWidth("c_", "cv1.conv"),),
    "RepNCSPELAN4": (StoredWidth("c", "cv1.conv", 2),),
    "ADown": (StoredWidth("c", "cv1.conv"),),
    "SPPELAN": (StoredWidth("c", "cv1.conv"),),
    "PSA": (StoredWidth("c", "cv1.conv", 2),),
    "C2PSA": (StoredWidth("c", "cv1.conv", 2),),
    "RepConv": (
        StoredWidth("c1", "conv1.conv", side="inputs"),
        StoredWidth("c2", "conv1.conv"),
    ),
    "RepVGGDW": (StoredWidth("dim", "conv.conv"),),
}

STORED_SIZES: Mapping[str, tuple[str, str]] = {"CBLinear": ("c2s", "conv")}
"""Modules that split one layer's outputs by a stored list: class → (attribute, layer)."""


@dataclass(frozen=True, slots=True)
class HeadLayout:
    """How an attention module lays its heads out.

    Attributes
    ----------
    projection : str
        Layer that makes queries, keys and values; head ``h`` owns the rows
        ``h * per_head … (h + 1) * per_head - 1``.
    key_parts, value_parts : int
        Rows per head: ``key_parts * key_dim + value_parts * head_dim``.
    tied_to_input : bool
        Whether the forward takes its output width from the input's shape, so that the input must
        lose ``head_dim`` channels with each head.
    totals : tuple of str
        Attributes that hold heads times ``head_dim``.
    """

    projection: str
    key_parts: int
    value_parts: int
    tied_to_input: bool
    totals: tuple[str, ...] = ()

    def per_head(self, module: object) -> int:
        """Rows of the projection that one head owns."""
        head_dim = int(getattr(module, "head_dim"))  # noqa: B009
        key_dim = int(getattr(module, "key_dim", head_dim))
        return self.key_parts * key_dim + self.value_parts * head_dim


ATTENTION: Mapping[str, HeadLayout] = {
    "Attention": HeadLayout("qkv.conv", 2, 1, tied_to_input=True),
    "AAttn": HeadLayout("qkv.conv", 0, 3, tied_to_input=False, totals=("all_head_dim",)),
}


def lookup(table: Mapping[str, T], module: object) -> T | None:
    """Find the entry of a module's class or of its nearest ancestor.

    Only classes of Ultralytics count: a namesake elsewhere may work differently.
    """
    for cls in type(module).__mro__:
        if cls.__name__ in table and cls.__module__.startswith("ultralytics."):
            return table[cls.__name__]
    return None
