"""What a search is asked to do, and what it asks of one trial, as plain data. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError, first_wrong
from core.plan.schema import LARGEST_SEED, Plan, PlanData, Target, parse_plan
from core.system.size import SizeSetting

IMAGES = 48
"""Training images that a trial ranks and repairs on: with more, it takes longer than it gains."""
FREE = ("model", "data", "trials", "minutes", "at_once")
"""What may change when a search is continued, or is known by other means."""
AT_ONCE = 1000
"""Trials that are made at once, at most."""
_EXAMPLE = 'Use a target of plans and its value, such as "latency 0.7" or "macs 0.5".'


class SearchSettings(BaseModel):
    """One search.

    Attributes
    ----------
    model, data : str
        A checkpoint and a dataset YAML.
    budget : Target
        What plans are drawn around.
    plan : dict
        A plan whose locks, exact channels, structure and seed hold for every trial.
    trials : int
        At most.
    minutes : float
        That all trials may take together; one that runs is finished.
    tune_minutes : float
        That a promising trial is fine-tuned for; 0 for none.
    at_once : int or None
        Trials that are drawn and made at once, none of which knows what the others found; what the
        folder's search has, or as many as there is room for, unless given.
    int8 : bool or None
        Whether the unpruned network is measured as INT8, too; as the folder's search has it, or
        yes, unless given.
    seed : int
        Of what is drawn.
    images : int
        Training images to rank and repair on.
    image_size : ImageSize or None
        That the unpruned network runs at; its own unless given.
    device : str
    same_classes : bool
    repair : tuple of str
        Steps of the repair of every trial.
    repair_minutes : float
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    data: str
    budget: Target
    plan: PlanData = Field(default_factory=dict)
    trials: Annotated[int, Field(ge=1, le=10_000)] = 40
    minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
    tune_minutes: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    at_once: Annotated[int, Field(ge=1, le=AT_ONCE)] | None = None
    int8: bool | None = None
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 0
    images: Annotated[int, Field(ge=2)] = IMAGES
    image_size: SizeSetting | None = None
    device: str = ""
    same_classes: bool = False
    repair: tuple[str, ...] = ("bn", "refit")
    repair_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0

    @property
    def base(self) -> Plan:
        """The plan that every trial starts from: ranked by what measured best, as a suggestion."""
        usual = {"version": 1, "criterion": "fisher", "seed": self.seed}
        plan = parse_plan(self.plan or usual)
        return plan.model_copy(update={"target": None, "depth": False, "rankings": 1})

    def identity(self, sha256: str, at_once: int, int8: bool) -> dict[str, Any]:
        """Return what must not change when the search is continued.

        Parameters
        ----------
        sha256 : str
            Of the model's file.
        at_once : int
            Trials that are made at once.
        int8 : bool
            Whether the unpruned network is measured as INT8, too.
        """
        told = self.model_dump(mode="json", exclude=set(FREE))
        more = {
            "model_sha256": sha256,
            "data": Path(self.data).name,
            "at_once": at_once,
            "int8": int8,
        }
        return {**told, **more}


def parse_search(data: Any) -> SearchSettings:
    """Check plain data and return the settings; raises ``UserError`` with what is wrong first."""
    try:
        return SearchSettings.model_validate(data)
    except ValidationError as error:
        raise UserError(
            f"The settings of the search are not valid: {first_wrong(error)}.",
            "Correct or remove it.",
        ) from error


def parse_budget(text: str) -> Target:
    """Read a budget as people write it: a target of plans and its value.

    Parameters
    ----------
    text : str
        Such as ``latency 0.7``; ``=`` or ``:`` may stand between.

    Raises
    ------
    UserError
        For anything else.
    """
    words = text.replace("=", " ").replace(":", " ").split()
    if len(words) != 2 or words[0] not in Target.model_fields:
        keys = ", ".join(Target.model_fields)
        raise UserError(f"“{text}” is not a budget (one of {keys}, and a number).", _EXAMPLE)
    try:
        return Target.model_validate_json(f'{{"{words[0]}": {words[1]}}}')
    except ValidationError as error:
        raise UserError(f"“{text}” is not a budget: {first_wrong(error)}.", _EXAMPLE) from error


class TrialRequest(BaseModel):
    """What making the network of a trial needs to know; everything else is in the settings.

    Attributes
    ----------
    number : int
        From 0.
    settings : dict
        A value for every axis of the space (`core.search.space`).
    plan : dict
        The exact channels, where they are known already; empty otherwise.
    known : dict of str to int
        Trials by what their networks are: one that is the same is not measured again.
    output : str
        Where its network is saved.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Annotated[int, Field(ge=0)]
    settings: dict[str, Any]
    plan: PlanData = Field(default_factory=dict)
    known: dict[str, int] = Field(default_factory=dict)
    output: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as an engine task takes it."""
        return self.model_dump(mode="json")


def parse_request(data: Mapping[str, Any]) -> TrialRequest:
    """Check plain data and return the request; raises ``UserError`` with what is wrong first."""
    try:
        return TrialRequest.model_validate(data)
    except ValidationError as error:
        raise UserError(f"The trial is not valid: {first_wrong(error)}.") from error
