"""Secateur's engine: load, understand, plan, prune, verify. No Qt, and no torch until it is used.

>>> import core
>>> loaded = core.load("yolov8n.pt")
>>> plan = core.Plan(selection=({"block": 5, "ratio": 0.5},))
>>> core.predict(loaded, plan).after.parameters
>>> core.prune(loaded, plan, "pruned.pt").verification.relative_error
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.checkpoint.environment import prepare

if TYPE_CHECKING:
    from core.errors import UserError
    from core.graph.modules import register_module
    from core.graph.rules import StoredWidth
    from core.pipeline import analyse, load, predict, prune, suggest, verify
    from core.plan.schema import Plan, parse_plan, read_plan

__all__ = [
    "Plan",
    "StoredWidth",
    "UserError",
    "analyse",
    "load",
    "parse_plan",
    "predict",
    "prune",
    "read_plan",
    "register_module",
    "suggest",
    "verify",
]

prepare()  # before anything here, or after it, imports ultralytics

_HOMES = {
    "Plan": "core.plan.schema",
    "StoredWidth": "core.graph.rules",
    "UserError": "core.errors",
    "parse_plan": "core.plan.schema",
    "read_plan": "core.plan.schema",
    "register_module": "core.graph.modules",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES.get(name, "core.pipeline")), name)
