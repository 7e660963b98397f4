"""New class outputs: a network made ready to learn the classes of another dataset.

Everything but the last layers of the class branches stays as it is. Ultralytics builds the whole
branch anew where its width depends on the number of classes; here it is kept.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.checkpoint import Loaded, record_head, save
from core.data.dense import DENSE
from core.errors import UserError
from core.structure.classes import BRANCHES, class_outputs, set_classes

PRIOR = 5
"""Objects that an image of 640 pixels is expected to hold, by which Ultralytics sets the biases."""


@dataclass(frozen=True, slots=True)
class Retargeted:
    """A network with the classes of a dataset.

    Attributes
    ----------
    loaded : Loaded
    copied : tuple of str
        Classes whose outputs are those that the network had for them.
    new : tuple of str
        Classes that start untrained.
    gone : tuple of str
        Classes that the network had and has no more.
    """

    loaded: Loaded
    copied: tuple[str, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        classes = {str(number): name for number, name in self.loaded.facts.classes.items()}
        told = {"copied": list(self.copied), "new": list(self.new), "gone": list(self.gone)}
        return {"classes": classes, **told}

    @property
    def text(self) -> str:
        """What happened, for people."""
        parts = [
            f"{len(some)} {word}: {_some(some)}"
            for some, word in ((self.copied, "copied"), (self.new, "new"), (self.gone, "removed"))
            if some
        ]
        end = " Train it before you measure it." if self.new else ""
        return f"Classes: {'; '.join(parts)}.{end}"


def retarget(loaded: Loaded, names: Mapping[int, str], seed: int = 0) -> Retargeted:
    """Give a copy of a network outputs for other classes.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    names : mapping of int to str
        The new classes, numbered from 0. One that the network has, whatever the case of its
        letters, keeps its weights; the others are initialised as Ultralytics initialises them.
    seed : int
        Of the new weights.

    Raises
    ------
    UserError
        When these are the classes it has, or its head has no output for each class.
    """
    old = {int(number): str(name) for number, name in loaded.facts.classes.items()}
    new = {number: str(names[number]) for number in sorted(names)}
    if old == new:
        raise UserError(
            "The model has the classes of the dataset already.", "Prune or fine-tune it as it is."
        )
    known = {name.casefold(): number for number, name in reversed(old.items())}
    rows = {n: known[name.casefold()] for n, name in new.items() if name.casefold() in known}
    if loaded.facts.task in DENSE and 1 in (len(old), len(new)):
        rows = {}  # the output for one class alone says something else: it, or none
    try:
        layers = class_outputs(loaded.model)
    except UserError as error:
        raise UserError(
            "The head of this network does not have an output for each class, so it cannot get "
            "others.",
            "Train it on the dataset with Ultralytics.",
        ) from error
    model = copy.deepcopy(loaded.model)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        for name in layers:
            layer = model.get_submodule(name)
            made = _made(layer, len(new), rows, _bias(model, name, len(new)))
            owner, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(owner), leaf, made)
    set_classes(model, new)
    return Retargeted(
        Loaded(model, replace(loaded.facts, classes=new), loaded.train_args),
        tuple(new[n] for n in rows),
        tuple(name for n, name in new.items() if n not in rows),
        tuple(name for n, name in old.items() if n not in set(rows.values())),
    )


def save_retargeted(loaded: Loaded, done: Retargeted, output: str | Path) -> None:
    """Write a network with new classes; its history says which.

    Raises
    ------
    UserError
        When the file cannot be written.
    """
    facts = loaded.facts
    record = {
        **record_head(facts),
        "kind": "retarget",
        **done.to_json(),
        "original": facts.history[-1].get("original", {}) if facts.history else {},
    }
    save(
        done.loaded.model,
        output,
        train_args=loaded.train_args,
        history=[*facts.history, record],
        forbidden=[facts.path],
        dtype=facts.dtype,
    )


def _made(layer: nn.Module, count: int, rows: Mapping[int, int], bias: float | None) -> nn.Module:
    """Return a layer with another number of outputs; ``rows`` are old ones by the new."""
    if isinstance(layer, nn.Conv2d):
        made: nn.Conv2d | nn.Linear = nn.Conv2d(
            layer.in_channels,
            count,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            layer.dilation,  # type: ignore[arg-type]
            bias=layer.bias is not None,
        )
    else:
        assert isinstance(layer, nn.Linear)
        made = nn.Linear(layer.in_features, count, bias=layer.bias is not None)
    made = made.to(layer.weight.device, layer.weight.dtype)
    if bias is not None and made.bias is not None:
        made.bias.fill_(bias)
    for new, old in rows.items():
        made.weight[new] = layer.weight[old]
        if made.bias is not None and layer.bias is not None:
            made.bias[new] = layer.bias[old]
    made.weight.requires_grad_(layer.weight.requires_grad)
    if made.bias is not None and layer.bias is not None:
        made.bias.requires_grad_(layer.bias.requires_grad)
    return made.train(layer.training)


def _bias(model: nn.Module, name: str, count: int) -> float | None:
    """Return what a class's output begins with in a branch of a detection head; else None."""
    head: Any = model.model[-1]  # type: ignore[index]
    for branch in BRANCHES:
        for number, part in enumerate(getattr(head, branch, None) or ()):
            if any(module is model.get_submodule(name) for module in part.modules()):
                return math.log(PRIOR / count / (640 / float(head.stride[number])) ** 2)
    return None


def _some(names: tuple[str, ...], shown: int = 5) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
