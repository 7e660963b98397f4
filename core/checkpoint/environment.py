"""Ultralytics reads its environment once, when it is first imported: set it before that."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs


def prepare() -> None:
    """Keep Ultralytics off the network and out of the person's own Ultralytics settings.

    Must run before the first import of ultralytics in the process. Variables that are already
    set are left alone, so a person can still decide otherwise.
    """
    folder = Path(platformdirs.user_config_dir("secateur")) / "ultralytics"
    defaults = {
        "YOLO_CONFIG_DIR": str(folder),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
    }
    if "YOLO_CONFIG_DIR" not in os.environ:
        # A home that cannot be written to is no reason to stop: Ultralytics then falls back to
        # a temporary folder by itself.
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
