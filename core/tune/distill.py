"""Learning from the unpruned network next to the labels.

Two ways. ``features`` is Ultralytics' own (``distill_model``): the maps before the head, through a
small projector that has to be learnt first. ``outputs`` compares scores and boxes position by
position (1503.02531 for the scores; 2102.12252 for boxes as distributions): a pruned network has
the head's final outputs of its teacher, so nothing is between the two.
"""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import Tensor, nn
from ultralytics.nn.distill_model import DistillationModel
from ultralytics.nn.modules.conv import Conv, DWConv
from ultralytics.nn.modules.head import Detect
from ultralytics.nn.tasks import ClassificationModel, DepthModel, SemanticSegmentationModel
from ultralytics.utils.torch_utils import fuse_conv_and_bn, unwrap_model

from core.checkpoint import Loaded
from core.errors import UserError
from core.repair.context import low_precision

Preds = dict[str, Any]
OUTPUT_WEIGHT: Any = 4.0
"""Of the teacher's outputs against the labels."""


WHOLE = {
    "classify": "a classifier",
    "semantic": "a network for semantic segmentation",
    "depth": "a network for depth",
}
"""Tasks whose outputs are compared as a whole: there are no objects among them."""


def check_teacher(student: Loaded, teacher: Loaded, way: str) -> None:
    """Refuse a teacher that the student cannot learn from.

    Raises
    ------
    UserError
        For another task, other classes, or a head that gives no scores and boxes by position.
    """
    if student.facts.task != teacher.facts.task:
        raise UserError(
            f"The teacher {teacher.facts.path} has the task “{teacher.facts.task}”, the "
            f"network to fine-tune the task “{student.facts.task}”.",
            "Use the network that it was pruned from.",
        )
    if student.facts.classes != teacher.facts.classes:
        raise UserError(
            f"The teacher {teacher.facts.path} has other classes than the network to fine-tune.",
            "Use the network that it was pruned from.",
        )
    task = student.facts.task
    if task in WHOLE:
        if way == "features":
            raise UserError(
                f"Distillation of features needs a detection head, which {WHOLE[task]} does not "
                "have.",
                "Choose --distill outputs.",
            )
        return
    heads = [_head(network.model) for network in (student, teacher)]
    if None in heads:
        raise UserError(
            "Distillation needs a head with outputs by position (Detect of YOLO), which "
            f"{student.facts.family} does not have.",
            "Fine-tune without a teacher.",
        )
    first, second = heads
    if (first.nl, first.nc, first.reg_max) != (second.nl, second.nc, second.reg_max):
        raise UserError(
            "The head of the teacher has other levels or outputs than the head of the "
            "network to fine-tune.",
            "Use the network that it was pruned from.",
        )


def _head(model: nn.Module) -> Any:
    blocks: Any = model.model
    return blocks[-1] if isinstance(blocks[-1], Detect) else None


def student_of(model: Any) -> Any:
    """Return the network that is trained, without what is around it: other GPUs, the teacher."""
    model = unwrap_model(model)
    return model.student_model if isinstance(model, DistillationModel) else model


def plain_student(model: Any) -> Any:
    """Return a copy of the trained network without what listens to it next to its teacher."""
    student = copy.deepcopy(student_of(model))
    for module in student.modules():
        DistillationModel._clear_feature_hooks(module)
    return student


def join(student: nn.Module, teacher: nn.Module, way: str, weight: float | None) -> nn.Module:
    """Return a student with its teacher, for Ultralytics' trainer.

    Parameters
    ----------
    student : nn.Module
        Its ``args`` are the training's.
    teacher : nn.Module
    way : str
        ``outputs`` or ``features``.
    weight : float, optional
        Of the teacher against the labels; by default ``OUTPUT_WEIGHT`` for outputs, Ultralytics' 6
        for features.
    """
    joined: nn.Module
    if way == "features":
        joined = FeatureDistillation(teacher_model=teacher, student_model=student)
    else:
        kind = next((way for of, way in WAYS if isinstance(student, of)), OutputDistillation)
        joined = kind(teacher_model=folded(teacher), student_model=student)
        joined.dis = OUTPUT_WEIGHT
    if weight is not None:
        joined.dis = weight
    return joined


class FeatureDistillation(DistillationModel):  # type: ignore[misc]
    """Ultralytics' own, for heads that name what they read as a model YAML does: -1, the last."""

    @staticmethod
    def get_distill_layers(model: nn.Module) -> list[int]:
        """Return the blocks that the head reads, and the head."""
        *read, head = DistillationModel.get_distill_layers(model)
        return [*(head + place if place < 0 else place for place in read), head]


class _OfOutputs(DistillationModel):  # type: ignore[misc]
    """A student that learns from what its teacher puts out: no features are listened to."""

    @staticmethod
    def get_distill_layers(model: nn.Module) -> list[int]:
        """Return no layers."""
        return []


class OutputDistillation(_OfOutputs):
    """A student that also learns its teacher's scores and boxes at every position."""

    def loss(self, batch: dict[str, Any], preds: Any = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the student's loss with the teacher's part appended."""
        if not self.training:
            result: tuple[Tensor, dict[str, Tensor]] = super().loss(batch, preds)
            return result
        image = batch["img"].contiguous(memory_format=torch.channels_last)
        with _precision(image.device):
            with torch.no_grad():
                told = self.teacher_model(image)[1]
            said = _floats(self.student_model(image))
        regular, items = self.student_model.loss(batch, said)
        gains = self.student_model.args
        part = torch.zeros(1, device=image.device)
        for one, other in _branches(said, told):
            scores, boxes = output_loss(one, other, self.student_model.model[-1].reg_max)
            part = part + self.dis * (gains.cls * scores + gains.dfl * boxes)
        items["dis_loss"] = part.detach()
        return torch.cat([regular, part * len(image)]), items


TEMPERATURE = 4.0
"""Of a classifier's logits, as in 1503.02531."""


class WholeDistillation(_OfOutputs):
    """A student that also learns its teacher's output as a whole; which, its kinds say."""

    def apart(self, said: Any, told: Any) -> Tensor:
        """Return how far the student's output in training is from the teacher's, a scalar."""
        raise NotImplementedError

    def loss(self, batch: dict[str, Any], preds: Any = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the student's loss, the teacher's part added in training."""
        image = batch["img"]
        if not self.training:
            preds = self.student_model(image) if preds is None else preds
            regular, items = self.student_model.loss(batch, preds)
            items["dis_loss"] = torch.zeros((), device=image.device)
            return regular, items
        with _precision(image.device):
            with torch.no_grad():
                told = self.teacher_model(image)
            said = _floats(self.student_model(image))
        regular, items = self.student_model.loss(batch, said)
        part = self.dis * self.apart(said, _floats(told))
        items["dis_loss"] = part.detach()
        parts = [regular.reshape(-1), part.reshape(1) * self.losses_in(image)]
        return torch.cat(parts), items

    def losses_in(self, image: Tensor) -> int:
        """Return how often the loss of a task counts a batch: once per image."""
        return len(image)


class ClassDistillation(WholeDistillation):
    """A classifier that also learns its teacher's softened probabilities (1503.02531)."""

    def apart(self, said: Any, told: Any) -> Tensor:
        """Compare softened probabilities."""
        told = told[1] if isinstance(told, (list, tuple)) else told
        mine, theirs = ((each / TEMPERATURE).log_softmax(1) for each in (said, told))
        apart = F.kl_div(mine, theirs, reduction="batchmean", log_target=True)
        return TEMPERATURE**2 * apart

    def losses_in(self, image: Tensor) -> int:
        """Return one: the loss of a classifier is a mean."""
        return 1


class ClassMapDistillation(WholeDistillation):
    """A student that also learns its teacher's probabilities of every pixel (1903.04197)."""

    def apart(self, said: Any, told: Any) -> Tensor:
        """Compare probabilities; an auxiliary output has no counterpart in evaluation."""
        mine = said[0] if isinstance(said, (list, tuple)) else said
        if mine.shape[1] == 1:  # a class or not
            mine, told = (torch.cat([torch.zeros_like(each), each], 1) for each in (mine, told))
        mine, told = mine.log_softmax(1), told.log_softmax(1)
        return F.kl_div(mine, told, reduction="none", log_target=True).sum(1).mean()


class DepthDistillation(WholeDistillation):
    """A student that also learns its teacher's depths, as ratios."""

    def apart(self, said: Any, told: Any) -> Tensor:
        """Compare logarithms; a head is calibrated in evaluation alone."""
        head = self.student_model.model[-1]
        mine = head.cal_a * said["depth"].log() + head.cal_b
        apart: Tensor = (mine - told.log()).abs().mean()
        return apart


WAYS = (
    (ClassificationModel, ClassDistillation),
    (SemanticSegmentationModel, ClassMapDistillation),
    (DepthModel, DepthDistillation),
)
"""How outputs are learned, by the kind of network; `OutputDistillation` is for all others."""


def _precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """On a GPU, the precision is an argument of the training."""
    return low_precision(device) if device.type == "cpu" else contextlib.nullcontext()


def _floats(value: Any) -> Any:
    """Return outputs in FP32: a loss needs the digits."""
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _floats(part) for key, part in value.items()}
    return type(value)(map(_floats, value)) if isinstance(value, (list, tuple)) else value


def folded(teacher: nn.Module) -> nn.Module:
    """Fold the BatchNorm layers of a network in evaluation mode into its convolutions, in place.

    All outputs stay; ``fuse`` of Ultralytics would drop a head that only training needs.
    """
    module: Any
    for module in teacher.modules():
        if type(module) in (Conv, DWConv) and type(getattr(module, "bn", None)) is nn.BatchNorm2d:
            if module.bn.running_mean is None or module.bn.weight is None:
                continue
            module.conv = fuse_conv_and_bn(module.conv, module.bn)
            del module.bn
            module.forward = module.forward_fuse
    return teacher


def _branches(said: Preds, told: Preds) -> list[tuple[Preds, Preds]]:
    if "scores" in said:
        return [(said, told)]
    return [(said[name], told[name]) for name in said if "scores" in said[name]]


def output_loss(said: Preds, told: Preds, bins: int) -> tuple[Tensor, Tensor]:
    """Compare what two heads say at every position.

    Parameters
    ----------
    said, told : dict
        ``scores`` (n, classes, positions) before the sigmoid, ``boxes`` (n, 4 * bins, positions).
    bins : int
        Of the distribution that a box side is predicted by; 1 where it is predicted as a number.

    Returns
    -------
    scores : Tensor
        Kullback-Leibler divergence of the scores, over the sum of the teacher's scores.
    boxes : Tensor
        The same of the sides' distributions (L1 if there are none), weighted by how sure the
        teacher is that there is something at the position.
    """
    with torch.autocast(said["scores"].device.type, enabled=False):  # FP16 has too few digits
        return _output_loss(_in_full(said), _in_full(told), bins)


def _in_full(preds: Preds) -> Preds:
    return {name: preds[name].float() for name in ("scores", "boxes")}


def _output_loss(said: Preds, told: Preds, bins: int) -> tuple[Tensor, Tensor]:
    target = told["scores"].detach().sigmoid()
    sure = target.amax(1)
    total = sure.sum().clamp(min=1.0)
    entropy = F.binary_cross_entropy(target, target, reduction="sum")
    cross = F.binary_cross_entropy_with_logits(said["scores"], target, reduction="sum")
    scores = (cross - entropy) / total
    if bins > 1:
        n, _, positions = said["boxes"].shape
        shape = (n, 4, bins, positions)
        mine = said["boxes"].view(shape).log_softmax(2)
        theirs = told["boxes"].detach().view(shape).log_softmax(2)
        apart = F.kl_div(mine, theirs, reduction="none", log_target=True).sum(2).mean(1)
    else:
        apart = (said["boxes"] - told["boxes"].detach()).abs().mean(1)
    return scores, (apart * sure).sum() / total
