"""What a fine-tuning is asked to do, as plain data that a job's folder keeps. Needs no torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError, first_wrong
from core.system.size import SizeSetting


class Settings(BaseModel):
    """One fine-tuning.

    Attributes
    ----------
    model : str
        The checkpoint to tune; pruned or not, its shape is kept.
    data : str
        A dataset YAML, or for classification its folder.
    same_classes : bool
        Whether its classes are the model's, by number, whatever their names.
    teacher : str or None
        The network to learn from next to the labels, as a rule the one from before pruning.
    distill : str
        ``auto`` (the preset's way), ``outputs``, ``features`` or ``none``.
    preset : str
    epochs : int or None
        Instead of the preset's.
    minutes : float or None
        Longest time to train for; the learning rate falls over that time.
    batch : int or None
        Images a step; the preset's unless given.
    image_size : ImageSize or None
        The network's own unless given. Ultralytics trains on squares of the longer side; accuracy
        is measured at height and width.
    device : str
        ``cpu``, ``cuda``, ``cuda:1`` …; empty takes a GPU if there is one.
    threads : int or None
        Of the processor; torch's choice unless given.
    validate_every : int or None
        Epochs between two measurements; a tenth of them unless given. The last epoch is always
        measured.
    smaller_batch : bool
        Whether to continue with half the batch when memory runs out.
    largest_batch : int or None
        No more images per batch than these, whatever the preset or the state of an interrupted
        training says: what the user took after memory ran out. Steps of the optimizer
        still take as many images together as before.
    baseline : bool
        Whether the network is measured before it is tuned.
    average : bool
        Whether the mean of the first and the last state is the best one where no epoch is better.
    aware : bool
        Whether the weights are trained for INT8 (`core.tune.int8`); the files are in FP32.
    sparsity : float or None
        Strength by which the scales of BatchNorms are pulled to zero, in units of the learning
        rate per step; the preset's unless given, 0 not at all. The result is then the last state.
    sparsity_schedule : str
        ``constant`` or ``rising``.
    output : str or None
        Where the best state is copied to finally.
    history : str or None
        A history's folder (`core.history`), or `core.history.remember.OWN`, that gets a node for
        the result.
    options : dict
        Arguments of Ultralytics' trainer, over the preset's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    model: str
    data: str
    same_classes: bool = False
    teacher: str | None = None
    distill: Literal["auto", "outputs", "features", "none"] = "auto"
    preset: str = "recover_quickly"
    epochs: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    batch: int | None = Field(default=None, ge=1)
    image_size: SizeSetting | None = None
    device: str = ""
    threads: int | None = Field(default=None, ge=1)
    seed: int = 0
    validate_every: int | None = Field(default=None, ge=1)
    smaller_batch: bool = True
    largest_batch: int | None = Field(default=None, ge=1)
    baseline: bool = True
    average: bool = True
    aware: bool = False
    sparsity: float | None = Field(default=None, ge=0, le=1000)
    sparsity_schedule: Literal["constant", "rising"] = "constant"
    output: str | None = None
    history: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


def parse_settings(data: Any) -> Settings:
    """Check plain data and return the settings.

    Raises
    ------
    UserError
        With the first thing that is wrong.
    """
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise UserError(
            f"The settings of the fine-tuning are not valid: {first_wrong(error)}.",
            "Correct or remove it.",
        ) from error
