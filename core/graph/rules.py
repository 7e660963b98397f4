"""What is said of a class of modules: how it carries channels, and which widths it stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Side = Literal["inputs", "outputs"]


@dataclass(frozen=True, slots=True)
class StoredWidth:
    """An attribute that repeats a width.

    A number equals the outputs (or inputs) of a layer divided by ``parts``; a list holds how many
    of them each part has; a tensor has an entry for each of them along ``axis``.

    Attributes
    ----------
    attribute : str
    layer : str
        Relative to the module. Empty for the module itself: its own weights where it has some,
        the tensors that it takes and returns otherwise.
    parts : int
    side : str
        ``outputs`` or ``inputs``.
    place : int
        Which of the tensors that the module takes or returns, from 0.
    axis : int
    """

    attribute: str
    layer: str
    parts: int = 1
    side: Side = "outputs"
    place: int = 0
    axis: int = 0


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


@dataclass(frozen=True, slots=True)
class ModuleRule:
    """What is known of a class of modules.

    Attributes
    ----------
    carries : callable, str or None
        Takes the module and what its forward takes, and returns what that returns: tensors of the
        same shapes whose channels come from the same places, made by operations of PyTorch that
        can be traced and by the module's own layers and weights. Values do not matter. As a
        string, it is the name of that function, ``module:function``.
    stores : tuple of StoredWidth
    heads : HeadLayout or None
    """

    carries: Callable[..., Any] | str | None = None
    stores: tuple[StoredWidth, ...] = ()
    heads: HeadLayout | None = None

    @property
    def knows_splits(self) -> bool:
        """Whether the sizes by which the module cuts its channels are rewritten by surgery."""
        return bool(self.stores) or self.heads is not None

    def stores_tensors(self, module: object) -> bool:
        """Whether the module stores tensors that surgery shortens."""
        stored = (getattr(module, one.attribute, None) for one in self.stores)
        return any(hasattr(value, "dtype") for value in stored)

    def lists_sizes(self, module: object) -> bool:
        """Whether the module stores the sizes of the parts that it cuts its channels into."""
        stored = (getattr(module, one.attribute, None) for one in self.stores)
        return any(isinstance(value, (list, tuple)) for value in stored)
