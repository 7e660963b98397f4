"""A target as a cost to come down to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.errors import UserError
from core.graph.table import ChannelTable
from core.plan.cost import CostModel, MultiplyAdds, Parameters
from core.plan.memory import PeakMemory
from core.plan.schema import Target

TOLERANCE = 0.01
"""How near a target must be met to count as met, as a share of it."""

MODELS: dict[str, type[CostModel]] = {
    model.key: model for model in (MultiplyAdds, Parameters, PeakMemory)
}
"""Costs that follow from the table alone, by their key in a target."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A cost to come down to: ``amount`` of a model's unit."""

    model: CostModel
    amount: float

    @classmethod
    def of(
        cls,
        table: ChannelTable,
        target: Target,
        share: float = 1.0,
        model: CostModel | None = None,
    ) -> Goal:
        """Return a target of a plan as a cost; ``share`` of the way to it.

        Parameters
        ----------
        model : CostModel, optional
            For a target in milliseconds: what tells them.

        Raises
        ------
        UserError
            For a target in milliseconds without a model of them.
        """
        if target.latency_ms is not None:
            if model is None:
                raise UserError(
                    "A target in milliseconds needs a latency table for this machine.",
                    'Build it first, or use a target in "macs" or "params".',
                )
            whole = model.whole()
            return cls(model, whole - (whole - target.latency_ms) * share)
        key, fraction = next((key, value) for key, value in target if value is not None)
        model = MODELS[key](table)
        return cls(model, model.whole() * (1.0 - (1.0 - float(fraction)) * share))

    def as_target(self) -> Target:
        """Return the goal as a plan states it."""
        key, whole = self.model.key, self.model.whole()
        amount = self.amount if key == "latency_ms" else min(1.0, self.amount / whole)
        return Target.model_validate({key: amount})

    def distance(self, cost: float) -> float:
        """Return how far a cost is from the goal, as a share of the goal."""
        return abs(cost - self.amount) / self.amount if self.amount else math.inf

    def met(self, cost: float) -> bool:
        """Whether a cost counts as the goal."""
        if self.model.is_limit and cost < self.amount:
            return True
        return self.distance(cost) <= TOLERANCE
