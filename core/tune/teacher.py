"""The teacher of a network that lost more than channels: its original, with the same outputs."""

from __future__ import annotations

from core.checkpoint import Loaded
from core.errors import UserError
from core.plan.schema import Plan, Removal, parse_plan
from core.structure.compact import compact
from core.structure.scales import strides_of
from core.structure.working import restructure


def fitted(teacher: Loaded, student: Loaded) -> Loaded:
    """Return a teacher without the scales and classes that its student lacks; it keeps all units.

    Parameters
    ----------
    teacher : Loaded
        Not changed.
    student : Loaded
        Where it was pruned from the teacher, its history has the plan; else strides and names of
        classes are compared.

    Returns
    -------
    Loaded
        The teacher itself where the student lost channels alone, or has what the teacher lacks.
    """
    made = _without(teacher, _plan_between(teacher, student))
    return _without(made, _difference(made, student))


def _without(teacher: Loaded, plan: Plan | None) -> Loaded:
    """Return a teacher without the scales and classes that a plan takes away."""
    if plan is None:
        return teacher
    scales = tuple(entry for entry in plan.structure if entry.scale is not None)
    plan = plan.model_copy(update={"structure": scales})
    if not plan.restructures:
        return teacher
    try:
        left, _ = restructure(teacher, plan)
    except UserError:  # they cannot go: the check that follows says what does not fit
        return teacher
    compact(left.model)
    return left


def _plan_between(teacher: Loaded, student: Loaded) -> Plan | None:
    """Return the plan by which the student was pruned from the teacher, if it was."""
    for record in reversed(student.facts.history):
        source = record.get("source") or {}
        if source.get("sha256") == teacher.facts.sha256 and "plan" in record:
            try:
                return parse_plan(record["plan"])
            except UserError:
                return None
    return None


def _difference(teacher: Loaded, student: Loaded) -> Plan | None:
    """Return a plan that takes away what the student lacks; None where it has other outputs."""
    if teacher.facts.task != student.facts.task:
        return None
    told, wanted = strides_of(teacher.model), strides_of(student.model)
    if not set(wanted) <= set(told):
        return None
    scales = tuple(Removal(scale=stride) for stride in told if stride not in wanted)
    names, kept = teacher.facts.classes, student.facts.classes
    if names == kept:
        return Plan(structure=scales)
    numbers = {name: number for number, name in names.items()}
    if len(numbers) < len(names) or not set(kept.values()) <= set(numbers):
        return None
    classes = tuple(numbers[kept[number]] for number in sorted(kept))
    return Plan(structure=scales, classes=classes)
