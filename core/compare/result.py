"""What a comparison says, as plain data: what the engine answers, and JSON holds."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from core.data.labels import Object


class Speed(TypedDict):
    """Milliseconds an image, taken in turns: median and quartiles, and the ratio to the first."""

    median: float
    low: float
    high: float
    ratio: float | None


class ComparedModel(TypedDict):
    """One of the models.

    Attributes
    ----------
    origin : str
        The hash of the file that it comes from, through every pruning and tuning.
    parameters, macs : int or None
        None of an exported file, which does not say.
    bytes : int
        Of the file, or of all files in the folder; not of a model YAML that is no file here.
    figures, classes, milliseconds, images
        Only where the models were measured on images.
    preprocess, postprocess : float
        Milliseconds of an image before and after the network, where they were measured.
    image_size : int or list of int
        What an exported file takes, where it takes that alone.
    speed : Speed
        Only where they were timed in turns; ``milliseconds`` is its median then.
    """

    path: str
    family: str
    sha256: str
    origin: str
    parameters: int | None
    macs: int | None
    bytes: NotRequired[int]
    figures: NotRequired[dict[str, float]]
    classes: NotRequired[dict[str, dict[str, float]]]
    milliseconds: NotRequired[float]
    images: NotRequired[int]
    preprocess: NotRequired[float]
    postprocess: NotRequired[float]
    image_size: NotRequired[int | list[int]]
    speed: NotRequired[Speed]


class ComparedLayer(TypedDict):
    """One layer in every model; None where a model has no such layer.

    Attributes
    ----------
    original : int or None
        Its width in the unpruned network; None where none of the models is that.
    survived : list
        For every model the output channels of the unpruned network that are still there, or None
        where the file does not tell, or comes from another network than the first model.
    """

    layer: str
    block: int
    original: int | None
    inputs: list[int | None]
    outputs: list[int | None]
    parameters: list[int | None]
    macs: list[int | None]
    survived: list[list[int] | None]


class ComparedBlock(TypedDict):
    """One block in every model; None where a model has no such block."""

    block: int
    inputs: list[int | None]
    outputs: list[int | None]
    parameters: list[int | None]
    macs: list[int | None]


class ComparedImage(TypedDict):
    """One image: what every model said on it, and the last one's score less the first one's."""

    image: str
    change: float
    scores: list[float]
    truth: list[Object]
    boxes: list[list[Object]]
    missed: list[list[int]]


class LayerComparison(TypedDict):
    """Models side by side without any images."""

    models: list[ComparedModel]
    channels: list[ComparedLayer]
    blocks: list[ComparedBlock]


class Comparison(LayerComparison):
    """Models side by side; what is not required is there if they were measured on images."""

    split: NotRequired[str]
    task: NotRequired[str]
    images: NotRequired[list[ComparedImage]]
