"""A labelled split held ready for many evaluations by the validators of Ultralytics.

Images are decoded once. A measurement is Ultralytics' validator taken apart: its preparation, the
forward pass, its postprocessing and its figures, so that a caller may run the forward pass as it
pleases (``core.sensitivity.scan`` leaves out what it knows).
"""

from __future__ import annotations

import copy
import hashlib
import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from core.data.dense import DENSE
from core.data.figures import SECOND, class_figures, main_figure, main_name, named_figures
from core.data.maps import take_in
from core.data.resample import BoxImages, ByImage, ClassImages, MapImages
from core.data.runtime import RuntimeNetwork, kind_of
from core.data.stream import Batch, DataSettings, _quiet, open_dataset
from core.errors import UserError
from core.graph.drive import image_unit
from core.progress import Progress, silent
from core.system.scratch import Scratch

if TYPE_CHECKING:
    from torch import nn

Watch = Callable[[Any, Any, Any], None]
HELD_BYTES = 1 << 30
"""Decoded images kept in memory; those beyond are decoded again on every pass."""

VALIDATORS: Mapping[str, tuple[str, str]] = {
    "detect": ("ultralytics.models.yolo.detect", "DetectionValidator"),
    "segment": ("ultralytics.models.yolo.segment", "SegmentationValidator"),
    "pose": ("ultralytics.models.yolo.pose", "PoseValidator"),
    "obb": ("ultralytics.models.yolo.obb", "OBBValidator"),
    "classify": ("ultralytics.models.yolo.classify", "ClassificationValidator"),
    "semantic": ("ultralytics.models.yolo.semantic", "SemanticSegmentationValidator"),
    "depth": ("ultralytics.models.yolo.depth", "DepthValidator"),
    "rtdetr": ("ultralytics.models.rtdetr.val", "RTDETRValidator"),
}
"""Validators by kind of network: the task, but RT-DETR wants squashed images and no NMS."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What a validator measured.

    Attributes
    ----------
    map50_95, map50 : float
        Mean average precision of boxes over classes, at IoU 0.5 to 0.95 and at 0.5. For tasks that
        have no boxes, the two figures that tell most (`core.data.figures`): of classification the
        shares of images whose class is the first guess, and among the first five; of semantic
        segmentation mIoU and the share of right pixels; of depth δ1 and the relative error.
    images, skipped : int
        Images evaluated, and images that could not be read.
    figures : dict of str to float
        All that the task measures: ``map50_95``, ``map50``, ``precision`` and ``recall``, the same
        with ``mask_`` or ``keypoint_`` before them, ``top1`` and ``top5``, ``miou`` and
        ``pixel_accuracy``, or ``delta1`` to ``delta3``, ``abs_rel``, ``rmse`` and ``silog``.
    classes : dict of str to dict
        ``precision``, ``recall``, ``map50`` and ``map50_95`` of every class that occurs, or
        ``miou`` and ``pixel_accuracy``.
    milliseconds : float
        Of one image in the network, in batches; 0 where a caller ran the network its own way.
    preprocess, postprocess : float
        Milliseconds of one image before and after the network: scaling its values, and making
        detections of what the network puts out.
    """

    map50_95: float
    map50: float
    images: int
    skipped: int
    figures: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    milliseconds: float = field(default=0.0, compare=False)
    preprocess: float = field(default=0.0, compare=False)
    postprocess: float = field(default=0.0, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as the command line prints it."""
        return {**asdict(self), "measure": main_name(self.figures)}


class Validation:
    """A split, ready for evaluations.

    Parameters
    ----------
    model : nn.Module
        Any network of the kind to evaluate; its class and task choose the validator.
    settings : DataSettings
        Its ``split`` is evaluated; ``val`` as a rule.
    classes : mapping
        The model's classes.
    task : str
    held_bytes : int
        Decoded images kept in memory.
    square : bool
        Whether every image is letterboxed to the whole size, as an exported network wants them;
        otherwise a batch is no higher or wider than its images need. A size that is no square is
        taken whole in any case.

    Attributes
    ----------
    skipped : int
        Images that could not be read.

    Raises
    ------
    UserError
        For data that cannot be used, or a task without a validator here.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: DataSettings,
        classes: Mapping[int, str],
        task: str,
        held_bytes: int = HELD_BYTES,
        *,
        square: bool = False,
    ) -> None:
        kind = kind_of(model, task)
        if kind not in VALIDATORS:
            raise UserError(f"Evaluation does not support the task “{task}”.")
        module, name = VALIDATORS[kind]
        self._validator = getattr(importlib.import_module(module), name)
        if isinstance(model, RuntimeNetwork):
            settings = fitted = model.fitted(settings)
            square = square or model.image_size is not None
        else:
            fitted = settings.fitted(model)
        whole = square or not settings.image_size.square
        settings = fitted if whole else replace(settings, channels=fitted.channels)
        self.settings, self.task = settings, task
        source = settings.source(classes, task)
        squash = kind == "rtdetr"
        self.dataset, self.skipped = open_dataset(
            source,
            settings,
            task,
            rect=not (squash or whole),
            squash=squash,
            stride=image_unit(model),
        )
        places = list(source.images)
        self._data = {
            **source.extra,
            "channels": settings.channels,
            "names": dict(source.names),
            "nc": len(source.names),
            "train": places,
            "val": places,
        }
        self._held: list[Batch | None] = [None] * -(-len(self.dataset) // settings.batch)
        self._room = held_bytes
        self._digest = ""

    def __len__(self) -> int:
        """Return how many batches there are."""
        return len(self._held)

    @property
    def device(self) -> torch.device:
        """Where networks are evaluated."""
        return torch.device(self.settings.pick_device())

    @property
    def sha256(self) -> str:
        """A hash of what the images, their labels and the classes are, wherever they are."""
        if not self._digest:
            digest = hashlib.sha256(repr(self._data["names"]).encode())
            for path in (*self.dataset.im_files, *self.dataset.label_files):
                digest.update(Path(path).read_bytes() if Path(path).is_file() else b"-")
                digest.update(b"|")
            self._digest = digest.hexdigest()
        return self._digest

    def batch(self, number: int) -> Batch:
        """Return a batch as the dataset makes it: ``img`` is uint8, on the CPU."""
        held = self._held[number]
        if held is not None:
            return dict(held)
        size = self.settings.batch
        last = min((number + 1) * size, len(self.dataset))
        items = [self.dataset[n] for n in range(number * size, last)]
        batch: Batch = self.dataset.collate_fn(items)
        weight = sum(v.nbytes for v in batch.values() if isinstance(v, torch.Tensor))
        if weight <= self._room:
            self._room -= weight
            self._held[number] = batch
        return dict(batch)

    def measure(self, model: nn.Module | Path) -> Measure:
        """Begin an evaluation.

        Parameters
        ----------
        model : nn.Module or Path
            Taken over: it is fused and moved to the device. Or an exported network, for batches of
            the size it was exported for.
        """
        return Measure(self, model)

    def evaluate(
        self, model: nn.Module | Path, progress: Progress = silent, watch: Watch | None = None
    ) -> Accuracy:
        """Evaluate a copy of a network.

        Parameters
        ----------
        model : nn.Module or Path
            Not changed; a path is that of an exported network.
        progress : Progress
            Told after every batch; may cancel.
        watch : callable, optional
            Called as ``watch(validator, predictions, batch)`` before a batch is counted.
        """
        measure, times = self._measured(model, progress, watch)
        return replace(measure.result(), **times)

    def evaluate_by_image(
        self, model: nn.Module, progress: Progress = silent
    ) -> tuple[Accuracy, ByImage]:
        """Evaluate a copy of a network, and return what it found on every image as well."""
        measure, times = self._measured(model, progress)
        images = measure.by_image()
        return replace(measure.result(), **times), images

    def _measured(
        self, model: nn.Module | Path, progress: Progress, watch: Watch | None = None
    ) -> tuple[Measure, dict[str, Any]]:
        """Return an evaluation of all batches, and the milliseconds of an image in every step."""
        times = dict.fromkeys(("preprocess", "milliseconds", "postprocess"), 0.0)
        is_file = isinstance(model, Path | RuntimeNetwork)
        measure = self.measure(
            model if is_file else copy.deepcopy(cast("Any", model)).float().eval()
        )
        with torch.inference_mode(), _quiet():
            for number in range(len(self)):
                measure.seconds.clear()
                batch = measure.prepare(number)
                began = time.perf_counter()
                outputs = measure.network(batch["img"])
                if batch["img"].is_cuda:
                    torch.cuda.synchronize()
                times["milliseconds"] += time.perf_counter() - began
                measure.add(outputs, batch, watch)
                for step, seconds in measure.seconds.items():
                    times[step] += seconds
                done = (number + 1) / len(self)
                progress(done, f"Evaluating batch {number + 1} of {len(self)}")
        count = max(len(self.dataset), 1)
        return measure, {step: 1000 * seconds / count for step, seconds in times.items()}

    def loader(self) -> _Loader:
        """Return what a validator of Ultralytics wants for a data loader."""
        return _Loader(self)


class Measure:
    """One evaluation under way; see ``Validation.measure``.

    Attributes
    ----------
    network : nn.Module
        Ultralytics' wrapper of the network; called with images as ``prepare`` gives them.
    seconds : dict of str to float
        What the last ``prepare`` and ``add`` took, as ``preprocess`` and ``postprocess``.
    """

    def __init__(self, validation: Validation, model: nn.Module | Path) -> None:
        self._validation = validation
        self.seconds: dict[str, float] = {}
        settings = validation.settings
        self._folder = Scratch("evaluate")
        options = {
            "imgsz": settings.image_size.plain,
            "batch": settings.batch,
            "plots": False,
            "verbose": False,
            "mode": "val",
            "rect": True,
            "workers": 0,
        }
        with _quiet():
            validator = validation._validator(
                dataloader=validation.loader(), save_dir=self._folder.path, args=options
            )
            device = validation.device
            self.network = _wrapped(model, device, chooses=validator.args.nms is False)
            validator.training = False
            validator.device = device
            validator.data = validation._data
            validator.stride, validator.names = self.network.stride, self.network.names
            validator.args.quantize = None
            validator.init_metrics(self.network)
        self._state = validator
        self._maps: list[MapImages] = []

    @property
    def model(self) -> Any:
        """The network itself, fused."""
        return self.network.backend.model

    def prepare(self, number: int) -> Batch:
        """Return a batch on the device; ``img`` is float, 0 to 1."""
        read = self._validation.batch(number)
        began = time.perf_counter()
        batch: Batch = self._state.preprocess(read)
        self.seconds["preprocess"] = time.perf_counter() - began
        return batch

    def add(self, outputs: Any, batch: Batch, watch: Watch | None = None) -> None:
        """Take in what the network put out for a batch."""
        began = time.perf_counter()
        predictions = self._state.postprocess(outputs)
        self.seconds["postprocess"] = time.perf_counter() - began
        if watch is not None:
            watch(self._state, predictions, batch)
        if self._validation.task in DENSE:
            self._maps += take_in(self._state, predictions, batch)
            return
        self._state.update_metrics(predictions, dict(batch))

    def close(self) -> None:
        """End an evaluation whose result nobody asks for."""
        self._folder.cleanup()

    def by_image(self) -> ByImage:
        """Return what was found on every image so far; only before ``result``."""
        if self._maps:
            return MapImages.joined(self._maps)
        if hasattr(self._state, "pred"):
            return ClassImages.of(self._state.pred, self._state.targets)
        return BoxImages.of(self._state.metrics.stats)

    def result(self) -> Accuracy:
        """Return the figures over all that was taken in."""
        with _quiet():
            figures = named_figures(self._state.get_stats())
        self._folder.cleanup()
        return Accuracy(
            main_figure(figures),
            figures[SECOND[main_name(figures)]],
            len(self._validation.dataset),
            self._validation.skipped,
            figures,
            class_figures(self._state),
        )


def _wrapped(model: nn.Module | Path, device: torch.device, *, chooses: bool) -> Any:
    """Return Ultralytics' wrapper of a network on a device."""
    from ultralytics.nn.autobackend import AutoBackend

    if isinstance(model, RuntimeNetwork):
        return model.opened(device)
    return AutoBackend(
        str(model) if isinstance(model, Path) else model,
        device=device,
        verbose=False,
        end2end=chooses,
    ).eval()


class _Loader:
    """What a validator asks of its data loader, besides iterating."""

    def __init__(self, validation: Validation) -> None:
        self._validation = validation
        self.dataset = validation.dataset
        self.batch_size = validation.settings.batch
        self.sampler = range(len(validation.dataset))

    def __len__(self) -> int:
        return len(self._validation)

    def __iter__(self) -> Iterator[Batch]:
        return (self._validation.batch(n) for n in range(len(self._validation)))
