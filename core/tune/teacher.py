"""The teacher of a network that lost more than channels: its original, with the same outputs."""

from __future__ import annotations

from dataclasses import replace

from core.checkpoint import Loaded
from core.errors import UserError
from core.plan.schema import parse_plan
from core.structure.compact import compact
from core.structure.stage import stage_of


def fitted(teacher: Loaded, student: Loaded) -> Loaded:
    """Return a teacher without the scales and classes that its student lost; it keeps all units.

    Parameters
    ----------
    teacher : Loaded
        Not changed.
    student : Loaded
        Its history tells by which plan it was pruned from the teacher, if it was.

    Returns
    -------
    Loaded
        The teacher itself where the student lost channels alone, or was pruned from another file.
    """
    for record in reversed(student.facts.history):
        source = record.get("source") or {}
        if source.get("sha256") != teacher.facts.sha256 or "plan" not in record:
            continue
        try:
            plan = parse_plan(record["plan"])
        except UserError:
            return teacher
        if not plan.restructures:
            return teacher
        stage = stage_of(teacher, plan)
        model = stage.teacher(fresh=True)
        compact(model)
        return Loaded(
            model,
            replace(teacher.facts, classes=dict(stage.loaded.facts.classes)),
            teacher.train_args,
        )
    return teacher
