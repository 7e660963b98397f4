"""Training weights for INT8: Ultralytics' quantisation-aware training, by NVIDIA ModelOpt.

Layers round their inputs and weights as INT8 would while they train, in ranges measured at the
beginning. What is saved are the weights without that: they lose less when they are quantised.
"""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING, Any

from core.errors import UserError
from core.system.program import to_install

if TYPE_CHECKING:
    from core.tune.settings import Settings

NEEDS = {"modelopt": "nvidia-modelopt", "huggingface_hub": "huggingface_hub"}
"""Modules that it needs, each with the package that brings it."""


def missing() -> UserError | None:
    """Return what prevents training for INT8 here, in words; None when nothing does."""
    absent = [package for module, package in NEEDS.items() if util.find_spec(module) is None]
    if not absent:
        return None
    verb = "is" if len(absent) == 1 else "are"
    return UserError(
        f"Quantisation-aware training needs {' and '.join(absent)}, which {verb} not installed.",
        to_install(" ".join(absent)),
    )


def check_aware(settings: Settings) -> None:
    """Refuse training for INT8 where it is wanted and cannot be.

    Raises
    ------
    UserError
        When a package is missing, or for a teacher: its layers would round as well.
    """
    if not settings.aware:
        return
    if (absent := missing()) is not None:
        raise absent
    if settings.teacher is not None:
        raise UserError(
            "Quantisation-aware training takes no teacher.", "Fine-tune with the teacher before."
        )


def plain(network: Any) -> Any:
    """Return a network without the rounding, which must be a copy: it is changed in place."""
    from ultralytics.utils.torch_utils import strip_qat

    strip_qat(network)
    return network
