"""Repair without labels: steps registered by name, each kept only when it helps.

A step is a module with a function ``apply(context, student)``; it returns a changed copy and a
note. A new one is a new file and a line in ``STEPS``.
"""

from __future__ import annotations

from core.repair.context import RepairSettings
from core.repair.run import (
    AUTO,
    STEPS,
    Repaired,
    StepReport,
    check_request,
    parse_steps,
    repair,
    repair_stage,
)

__all__ = [
    "AUTO",
    "STEPS",
    "RepairSettings",
    "Repaired",
    "StepReport",
    "check_request",
    "parse_steps",
    "repair",
    "repair_stage",
]
