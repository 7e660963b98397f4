"""Whether the classes of a fork fit a network, or the network is one of the stock classes.

A fork's class has the name of a stock one, and a checkpoint stores no more than the name. What its
forward reads of itself tells them apart: a module without that was never an instance of it.
"""

from __future__ import annotations

import ast
from typing import Any

from core.errors import UserError
from core.trust.run import owner_of
from core.trust.store import Trusted, shares_name, verified


def fits(network: Any) -> bool:
    """Return whether every module of a fork's class has what the forward of that class reads.

    Parameters
    ----------
    network : torch.nn.Module
        As it came from a file, checked.
    """
    read: dict[type, frozenset[str]] = {}
    for module in network.modules():
        kind = type(module)
        if kind not in read:
            owner = owner_of(kind)
            forked = owner is not None and shares_name(owner.name)
            read[kind] = _read_by(owner, kind) if owner is not None and forked else frozenset()
        if any(not hasattr(module, name) for name in read[kind]):
            return False
    return True


def _read_by(owner: Trusted, kind: type) -> frozenset[str]:
    """Return the attributes that the forward of a class reads of itself, by its source."""
    try:
        source = verified(owner)
        texts = [source.code(name) for name in source.files if name.endswith(".py")]
        trees = [ast.parse(text) for text in texts]
    except (UserError, SyntaxError, ValueError):
        return frozenset()
    classes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    found: set[str] = set()
    for node in classes:
        if node.name == kind.__name__:
            for part in node.body:
                if isinstance(part, ast.FunctionDef) and part.name == "forward":
                    found |= _attributes(part)
    return frozenset(found)


def _attributes(function: ast.FunctionDef) -> set[str]:
    names = function.args.posonlyargs + function.args.args
    if not names:
        return set()
    return {
        node.attr
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id == names[0].arg
    }
