"""Classes: which layers put them out, and what a network says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from core.checkpoint import Loaded
from core.errors import UserError
from core.plan.schema import Plan
from core.structure.units import LEAVES

BRANCHES = ("cv3", "one2one_cv3")
"""Lists of a detection head, a part for every scale, that end in a layer with an output a class."""
ALSO = ("proto.semseg",)
"""Other parts of such a head that do; they run only in training."""
MAP_PARTS = ("classifier", "aux_head")
"""Parts of a head that finds the class of every pixel."""
BY_WORDS = {"WorldDetect", "YOLOEDetect"}
"""Heads that compare with words: their classes are no outputs of a layer."""


def chosen_classes(loaded: Loaded, plan: Plan) -> tuple[int, ...] | None:
    """Return the classes that a plan keeps, in their new order; None for all.

    Raises
    ------
    UserError
        For a class that there is not, all as they are, or a head that cannot lose any.
    """
    if plan.classes is None:
        return None
    known = loaded.facts.classes
    wrong = [n for n in plan.classes if n not in known]
    if wrong:
        raise UserError(
            f"The network has no class {wrong[0]}.",
            f"It has classes 0 to {len(known) - 1}: {_some(known)}.",
        )
    class_layers(loaded.model)
    if plan.classes == tuple(sorted(known)):
        raise UserError(
            "The plan keeps all classes as they are, so it removes none.",
            'Leave "classes" out, or keep fewer.',
        )
    return plan.classes


def _some(names: dict[int, str]) -> str:
    first = ", ".join(f"{n} {name}" for n, name in sorted(names.items())[:5])
    return first + (", …" if len(names) > 5 else "")


def class_layers(model: nn.Module) -> tuple[str, ...]:
    """Return the layers that have an output for every class.

    Raises
    ------
    UserError
        For a head whose classes cannot be told apart so.
    """
    head: Any = model.model[-1]  # type: ignore[index]
    prefix = f"model.{len(model.model) - 1}"  # type: ignore[arg-type]
    kinds = {kind.__name__ for kind in type(head).__mro__}
    if "Classify" in kinds:
        return (f"{prefix}.linear",)
    if "Detect" not in kinds or kinds & BY_WORDS:
        raise UserError(
            f"The classes of this network cannot be reduced: its head ({type(head).__name__}) "
            "does not have an output for each.",
            "Remove classes from the plan.",
        )
    parts = [f"{name}.{n}" for name in BRANCHES for n, _ in _parts(head, name)]
    parts += [name for name in ALSO if _has(head, name)]
    return tuple(f"{prefix}.{name}.{_last_leaf(head.get_submodule(name))}" for name in parts)


def class_outputs(model: nn.Module) -> tuple[str, ...]:
    """Return the layers that have an output for every class, those of a map of pixels as well.

    Raises
    ------
    UserError
        As for `class_layers`, which leaves maps out: of their classes none can be taken away, since
        every pixel has one.
    """
    head: Any = model.model[-1]  # type: ignore[index]
    if "SemanticSegment" not in {kind.__name__ for kind in type(head).__mro__}:
        return class_layers(model)
    prefix = f"model.{len(model.model) - 1}"  # type: ignore[arg-type]
    parts = [name for name in MAP_PARTS if _has(head, name)]
    return tuple(f"{prefix}.{name}.{_last_leaf(head.get_submodule(name))}" for name in parts)


def _parts(head: nn.Module, name: str) -> list[tuple[str, nn.Module]]:
    found = getattr(head, name, None)
    return [] if found is None else list(found.named_children())


def _has(head: nn.Module, name: str) -> bool:
    try:
        return isinstance(head.get_submodule(name), nn.Sequential)
    except AttributeError:
        return False


def _last_leaf(part: nn.Module) -> str:
    names = [name for name, module in part.named_modules() if isinstance(module, LEAVES)]
    return str(names[-1])


def tell(model: Any, kept: tuple[int, ...]) -> None:
    """Let a network say that it has these classes alone.

    Parameters
    ----------
    model : nn.Module
        Changed in place; its layers must have lost the other outputs.
    kept : tuple of int
        Indices of before, in their new order.
    """
    names = dict(model.names)
    set_classes(model, {new: names[old] for new, old in enumerate(kept)})


def set_classes(model: Any, names: Mapping[int, str]) -> None:
    """Let a network say which classes it has.

    Parameters
    ----------
    model : nn.Module
        Changed in place; its layers must have an output for each.
    names : mapping of int to str
    """
    head, count = model.model[-1], len(names)
    model.names = dict(names)
    if hasattr(head, "no"):
        head.no -= head.nc - count
    for owner in (head, model):
        if hasattr(owner, "nc"):
            owner.nc = count
    model.yaml = {**model.yaml, "nc": count}
