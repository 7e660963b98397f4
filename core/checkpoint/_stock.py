"""The one place that imports ultralytics, after its environment was set."""

from __future__ import annotations

from core.checkpoint.environment import prepare

prepare()

# The order matters: Ultralytics reads its environment while it is imported.
import ultralytics  # noqa: E402
from ultralytics.nn import modules, tasks  # noqa: E402
from ultralytics.nn.modules.block import DFL  # noqa: E402
from ultralytics.nn.modules.conv import Conv, ConvTranspose, RepConv  # noqa: E402
from ultralytics.utils import (  # noqa: E402
    DEFAULT_CFG_DICT,
    ROOT,
    IterableSimpleNamespace,
    loss,
    tal,
)

__all__ = [
    "DEFAULT_CFG_DICT",
    "DFL",
    "ROOT",
    "Conv",
    "ConvTranspose",
    "IterableSimpleNamespace",
    "RepConv",
    "loss",
    "modules",
    "tal",
    "tasks",
    "ultralytics",
]
