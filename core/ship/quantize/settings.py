"""What a quantisation is asked to do, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from core.ship.quantize.choose import Tried
from core.system.size import ImageSize

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.ship.export.run import Exported
    from core.ship.latency.measure import Timing

TURNS = 40
"""How often the versions and the FP32 file take turns when they are timed."""
IMAGES = 96
"""Images of the train split that are read, a third of which judge versions."""


@dataclass(frozen=True, slots=True)
class Aware:
    """What quantisation-aware training is asked to do before.

    Attributes
    ----------
    minutes : float or None
        Longest time; that of the preset otherwise.
    epochs : int or None
    preset : str
    """

    minutes: float | None = None
    epochs: int | None = None
    preset: str = "recover_quickly"


@dataclass(frozen=True, slots=True)
class QuantizeSettings:
    """How to quantise.

    Attributes
    ----------
    data : DataSettings
        Its train split has the images to calibrate by, ``images`` of them at most.
    form : str
        ``onnx`` or ``openvino``.
    kept : tuple of str or None
        Layers, or modules that hold some, that stay in higher precision; None measures which.
    image_size : ImageSize or None
        Rounded up to the network's stride; None takes the model's.
    split : str
        What both files are evaluated on.
    threads : int
        Of the runtime that is timed.
    turns : int
    aware : Aware or None
    """

    data: DataSettings
    form: str = "onnx"
    kept: tuple[str, ...] | None = None
    image_size: ImageSize | None = None
    split: str = "val"
    threads: int = 1
    turns: int = TURNS
    aware: Aware | None = None

    def __post_init__(self) -> None:
        if self.image_size is not None:
            object.__setattr__(self, "image_size", ImageSize.of(self.image_size))


Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Trained:
    """What quantisation-aware training came to.

    Attributes
    ----------
    checkpoint : str
        The trained weights, in FP32.
    epochs : int
    before, after : mapping of str to float
        Figures of the INT8 files without and with it, on the split.
    kept : bool
        Whether the file holds the trained weights: only where it is more accurate.
    """

    checkpoint: str
    epochs: int
    before: Figures
    after: Figures
    kept: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Quantized:
    """The results of a quantisation.

    Attributes
    ----------
    exported : Exported
        The file, and how it compares with the checkpoint.
    fp32_bytes : int
        Of the same network exported in FP32.
    kept : tuple of str
        Layers in higher precision, besides the decoding of the outputs.
    layers, int8_layers : int
        That can be in INT8, and that are.
    calibrated : int
        Images that the ranges were measured by.
    judged : int
        Images held out of that, on which versions were compared.
    tried : tuple of Tried
        The versions measured; empty where none had to be chosen.
    timings : tuple of Timing
        Of the FP32 file and the INT8 file, in turns.
    before, figures : mapping of str to float or None
        What the FP32 file and the INT8 file measure on the split; None where it has no labels.
    images : int
        Of the split.
    measured_on : mapping
        ``data``, ``split``, ``images`` and ``image_size``.
    aware : Trained or None
    """

    exported: Exported
    fp32_bytes: int
    kept: tuple[str, ...]
    layers: int
    int8_layers: int
    calibrated: int
    judged: int
    tried: tuple[Tried, ...]
    timings: tuple[Timing, ...]
    before: Figures | None
    figures: Figures | None
    measured_on: Mapping[str, Any] = field(default_factory=dict)
    aware: Trained | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it: that of an export, and more."""
        return {
            **self.exported.to_json(),
            "fp32_bytes": self.fp32_bytes,
            "kept": list(self.kept),
            "layers": self.layers,
            "int8_layers": self.int8_layers,
            "calibrated": self.calibrated,
            "judged": self.judged,
            "tried": [one.to_json() for one in self.tried],
            "timings": [one.to_json() for one in self.timings],
            "before": None if self.before is None else dict(self.before),
            "figures": None if self.figures is None else dict(self.figures),
            "measured_on": dict(self.measured_on),
            "aware": None if self.aware is None else self.aware.to_json(),
        }
