"""Shapes of what lists and reports read of any job: its kind checks the rest."""

from __future__ import annotations

from core.system.records import Shape


class Told(Shape):
    """What lists and reports read of any job's arguments; its kind checks them all."""

    model: str | None = None
    teacher: str | None = None
    preset: str | None = None


class Turn(Shape):
    """What they read of a step of an iterative pruning."""

    step: int
    parameters: int
    macs: int
    after: dict[str, float]
    accepted: bool


class Found(Shape):
    """What lists and reports read of any job's result."""

    output: str | None = None
    text: str | None = None
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None
    final: dict[str, float] | None = None
    baseline: dict[str, float] | None = None
    parameters: int | None = None
    epochs: int | None = None
    seconds: float | None = None
    steps: list[Turn] | None = None
