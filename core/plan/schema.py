"""The plan file: what the user asked for, as versioned JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from core.errors import UserError, first_wrong, reason_of
from core.plan.ratio import LEAST, WHOLE
from core.system.budget import PLAN, OverBudgetError, read_json

Ratio = Annotated[float, Field(ge=LEAST, le=WHOLE)]
Scope = Literal["output", "inside", "all"]
Strategy = Literal["structural", "independent", "all_at_once", "one_by_one"]
Allocation = Literal["auto", "ratios", "uniform", "global", "isomorphic", "cost"]
Representative = Literal["medoid", "weight", "gamma"]

STRUCTURAL = {"units", "branch", "scale"}
"""What an entry of a selection has that takes structure away."""
USUAL_ROUNDING = 8
"""Multiples that suit most hardware."""
MOST_CHANNELS = 1 << 20
"""More than any layer has."""
LARGEST_SEED = (1 << 32) - 1
"""That numpy and torch both take."""
MOST_RANKINGS = 32
"""That are tried for one plan."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Strict):
    """One line of a selection: a block or a layer, by ratio or by exact channels."""

    block: int | None = Field(default=None, ge=0)
    layer: str | None = None
    ratio: Ratio | None = None
    channels: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    scope: Scope = "all"

    @model_validator(mode="after")
    def _complete(self) -> Entry:
        if (self.block is None) == (self.layer is None):
            raise ValueError("use either a block or a layer")
        if (self.ratio is None) == (self.channels is None):
            raise ValueError("use either a ratio or a list of channels")
        if self.block is not None and self.channels is not None:
            raise ValueError("a list of channels needs a layer, not a block")
        if self.layer is not None and self.scope != "all":
            raise ValueError("a scope can only be used with a block, not with a layer")
        return self

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"block {self.block}" if self.block is not None else str(self.layer)

    def to_json(self) -> dict[str, Any]:
        """Return the entry unchanged in a plan file."""
        data = self.model_dump(exclude_none=True)
        if self.block is None or self.scope == "all":
            data.pop("scope")
        if "channels" in data:
            data["channels"] = list(data["channels"])
        return data


class Removal(_Strict):
    """One line of a selection that takes structure away: units, a branch or a scale.

    Attributes
    ----------
    block : int or None
        The block whose units go.
    units : tuple of int or None
        Their places in the block, in the order in which they run.
    branch : str or None
        A layer or module, by its dotted name, whose input and output fit once it is gone.
    scale : int or None
        Stride of the detection scale that goes, in pixels of the image.
    """

    block: int | None = Field(default=None, ge=0)
    units: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    branch: str | None = None
    scale: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Removal:
        if sum(v is not None for v in (self.units, self.branch, self.scale)) != 1:
            raise ValueError("use one of units, branch or scale, each in an entry of its own")
        if (self.block is None) != (self.units is None):
            raise ValueError("units need the block that they are in, and nothing else does")
        return self

    @property
    def label(self) -> str:
        """How messages call it."""
        if self.units is not None:
            places = ", ".join(map(str, self.units))
            return f"unit{'s' if len(self.units) > 1 else ''} {places} of block {self.block}"
        return str(self.branch) if self.branch is not None else f"the scale of stride {self.scale}"

    def to_json(self) -> dict[str, Any]:
        """Return the entry unchanged in a plan file."""
        return self.model_dump(exclude_none=True, mode="json")


class Target(_Strict):
    """A wish for the whole network instead of ratios: exactly one of these.

    Attributes
    ----------
    macs, params, latency, peak_memory : float or None
        Shares of the unpruned network: multiply-adds, parameters, time per image, most bytes of
        activations at once.
    latency_ms : float or None
        Milliseconds per image.
    file_bytes : int or None
        Size of the saved file.
    """

    macs: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    params: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    latency_ms: Annotated[float, Field(gt=0.0)] | None = None
    latency: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    file_bytes: Annotated[int, Field(gt=0)] | None = None
    peak_memory: Annotated[float, Field(gt=0.0, le=1.0)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Target:
        if sum(value is not None for _, value in self) != 1:
            raise ValueError(f"a target has exactly one of {', '.join(type(self).model_fields)}")
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what earlier versions do not know, where it says nothing."""
        told: dict[str, Any] = write(self)
        later = ("latency", "file_bytes", "peak_memory")
        return {key: v for key, v in told.items() if v is not None or key not in later}

    @property
    def by_time(self) -> bool:
        """Whether it needs the times of the layers."""
        return self.latency_ms is not None or self.latency is not None

    @property
    def by_count(self) -> bool:
        """Whether it is a share of what the network's widths tell."""
        return self.macs is not None or self.params is not None


class Plan(_Strict):
    """A selection with its criterion and constraints.

    Attributes
    ----------
    round_to : int or "auto"
        Kept counts become multiples of it, where the layer is wide enough. ``auto`` takes the step
        of this machine's latency table of the model (``core.plan.latency.cost.rounded``).
    minimum_channels : int
        Floor for every layer.
    allocation : str
        How a target is met: by the given ratios in proportion, by one ratio for all, by one
        threshold over the network or over alike structures, or by score per cost saved. ``auto``
        takes what measured best. Without a target the ratios hold unchanged.
    representative : str
        Which of several similar channels a criterion such as ``separability`` keeps.
    max_loss : float or None
        Share of the unpruned network's mAP50-95 that the strategy one by one may lose in all.
    selection : tuple of Entry
        Channels that go.
    structure : tuple of Removal
        Units, branches and scales that go; in a file, they are entries of the selection.
    classes : tuple of int or None
        Indices of the classes that stay, in their new order; None for all.
    depth : bool
        Whether a target may take whole units and scales as well as channels.
    rankings : int
        How many rankings are tried for a target, each on other images; the one whose network is
        closest to the original after a quick repair counts.
    device : str
        Name or address of the device whose milliseconds count; this machine when empty.
    locked : tuple
        Blocks (by index) or layers (by name) whose own widths must not change.
    model_sha256 : str or None
        The file the plan was made for.
    """

    version: Literal[1] = 1
    strategy: Strategy = "structural"
    criterion: str = "l2"
    allocation: Allocation = "auto"
    representative: Representative = "medoid"
    round_to: Annotated[int, Field(ge=1, le=MOST_CHANNELS)] | Literal["auto"] = USUAL_ROUNDING
    minimum_channels: int = Field(default=1, ge=1, le=MOST_CHANNELS)
    target: Target | None = None
    max_loss: Ratio | None = None
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    selection: tuple[Entry, ...] = ()
    structure: tuple[Removal, ...] = ()
    classes: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    depth: bool = False
    rankings: int = Field(default=1, ge=1, le=MOST_RANKINGS)
    device: str = Field(default="", max_length=300)
    locked: tuple[int | str, ...] = ()
    model_sha256: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, data: Any) -> Any:
        """Part the entries of a file's selection by what they take away."""
        listed = data.get("selection") if isinstance(data, Mapping) else None
        if not isinstance(listed, (list, tuple)) or "structure" in data:
            return data
        own = [e for e in listed if isinstance(e, Mapping) and STRUCTURAL & e.keys()]
        return {**data, "selection": [e for e in listed if e not in own], "structure": own}

    @field_validator("classes")
    @classmethod
    def _once(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value == ():
            raise ValueError("at least one class must stay")
        twice = [n for n in value or () if (value or ()).count(n) > 1]
        if twice:
            raise ValueError(f"class {twice[0]} is listed twice")
        return value

    @field_validator("version", mode="before")
    @classmethod
    def _known_version(cls, value: Any) -> Any:
        if isinstance(value, int) and value > 1:
            raise ValueError(
                f"it has version {value}, but this Secateur reads version 1; update Secateur"
            )
        return value

    @property
    def multiple(self) -> int:
        """What kept counts are multiples of; the usual rounding where that is left open."""
        return USUAL_ROUNDING if self.round_to == "auto" else self.round_to

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, unchanged in a file and in a checkpoint."""
        data = self.model_dump(exclude={"selection", "structure", "classes"}, mode="json")
        structure = [entry.to_json() for entry in self.structure]
        data["selection"] = [*structure, *(entry.to_json() for entry in self.selection)]
        if self.classes is not None:
            data["classes"] = list(self.classes)
        for key in ("depth", "rankings", "device"):  # earlier versions do not know them
            if data[key] == type(self).model_fields[key].default:
                data.pop(key)
        return data

    @property
    def restructures(self) -> bool:
        """Whether it takes away more than channels."""
        return bool(self.structure) or self.classes is not None

    def channels_only(self) -> Plan:
        """Return what it asks of the channels, without the file that it was made for."""
        return self.model_copy(update={"structure": (), "classes": None, "model_sha256": None})


def _valid(data: dict[str, Any]) -> dict[str, Any]:
    if data:
        Plan.model_validate(data)
    return data


PlanData = Annotated[dict[str, Any], AfterValidator(_valid)]
"""A plan as plain data, or empty where it is not known: what results remember of theirs."""


def parse_plan(data: Any) -> Plan:
    """Check plain data and return the plan.

    Parameters
    ----------
    data : dict
        As in a plan file: ``version``, and the fields of `Plan`.

    Raises
    ------
    UserError
        With the first thing that is wrong, in words.
    """
    if not isinstance(data, dict):
        raise UserError("The plan is not a JSON object.", _EXAMPLE)
    if "version" not in data:
        raise UserError("The plan has no version.", 'Add "version": 1.')
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        wrong = re.sub(r"^structure\.\d+", "selection", first_wrong(error, "plan"))
        raise UserError(f"The plan is not valid: {wrong}.", _EXAMPLE) from error


_EXAMPLE = 'An example of a plan: {"version": 1, "selection": [{"block": 5, "ratio": 0.5}]}.'


def read_plan(path: str | Path) -> Plan:
    """Read a plan file.

    Parameters
    ----------
    path : str or Path
        JSON.

    Raises
    ------
    UserError
        When it is missing or not valid.
    """
    path = Path(path)
    try:
        data = read_json(path, PLAN)
    except OSError as error:
        raise UserError(
            f"Could not read the plan {path}: {reason_of(error)}.", "Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a plan: it is not a text file.", _EXAMPLE) from error
    except OverBudgetError as error:
        raise UserError(f"The plan {error.message}", error.hint) from error
    except ValueError as error:  # JSON allows numbers that Python refuses
        reason = str(error).partition(";")[0]
        raise UserError(f"The plan {path} is not valid JSON: {reason}.", _EXAMPLE) from error
    return parse_plan(data)
