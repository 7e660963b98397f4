"""What blocks of open-vocabulary networks read besides features: embeddings of their classes.

YOLO-World (2401.17270) hands text embeddings to its attention and its head, and an attention of
their own changes them on the way; YOLOE (2503.07465) hands prompt embeddings to its head. Every
pass that runs block by block hands them on as the network's own forward function does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from core.checkpoint._stock import modules, tasks
from core.errors import UserError
from core.graph.tensors import tensors_in

FIRST, NOW, APPENDED = "first", "now", "appended"
ROLES: Mapping[type[nn.Module], str] = {
    modules.WorldDetect: FIRST,
    modules.C2fAttn: NOW,
    modules.ImagePoolingAttn: NOW,
    modules.YOLOEDetect: APPENDED,
}
"""How a block takes embeddings: as an argument, the network's own or as they are by then, or at
the end of its list of feature maps. Subclasses do as their base."""
KEPT: Mapping[type[nn.Module], str] = {tasks.WorldModel: "txt_feats", tasks.YOLOEModel: "pe"}
"""The attribute in which a network keeps the embeddings of its classes."""
CHANGES = modules.ImagePoolingAttn
"""Its output is what the embeddings are from then on."""


def embeddings_of(model: nn.Module) -> Tensor | None:
    """Return the embeddings of a network's classes, or None where it has none.

    Returns
    -------
    Tensor, shape (1, classes, width), or None

    Raises
    ------
    UserError
        When what it keeps is none.
    """
    name = next((kept for kind, kept in KEPT.items() if isinstance(model, kind)), None)
    if name is None:
        return None
    found = getattr(model, name, None)
    if name == "pe" and not hasattr(model, name):  # before its classes are set
        found = model.get_cls_pe(None, None)  # type: ignore[operator]
    if not isinstance(found, Tensor) or found.ndim != 3 or not found.numel():
        raise UserError(
            "The network has no embeddings of its classes.",
            "Set its classes in Ultralytics with set_classes, and save it again.",
        )
    return found[:1]


class Prompts:
    """The embeddings on their way through one pass.

    Parameters
    ----------
    embeddings : Tensor or None
        Shape (1, classes, width), or of as many images as pass; None for networks without.
    """

    def __init__(self, embeddings: Tensor | None) -> None:
        self._first = self._now = embeddings

    @classmethod
    def of(cls, model: nn.Module, like: Tensor) -> Prompts:
        """Return a network's own, for a batch of images: of its type, for all of its images."""
        found = embeddings_of(model)
        if found is None:
            return cls(None)
        return cls(found.to(like).expand(len(like), -1, -1))

    def arguments(self, block: nn.Module, x: Any) -> tuple[Any, ...]:
        """Return what a block is called with, from the feature maps that it reads."""
        x = list(x) if isinstance(x, list) else x
        role = next((r for kind, r in ROLES.items() if isinstance(block, kind)), None)
        if role is None or self._first is None:
            return (x,)
        if role == APPENDED:
            return ([*x, self._first],)
        return x, self._first if role == FIRST else self._now

    def note(self, block: nn.Module, output: Any) -> None:
        """Remember what a block made of the embeddings."""
        if self._first is not None and isinstance(block, CHANGES):
            self._now = next(iter(tensors_in(output)))
