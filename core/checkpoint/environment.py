"""Libraries read their environment once, when they are first imported: set it before that."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def prepare() -> None:
    """Keep Ultralytics off the network and out of the user's own Ultralytics settings.

    ONNX Runtime is kept from sending what it is used for, too.

    Must run before the first import of ultralytics in the process; importing ``core`` does. A
    person who uses ``core`` in a program of theirs may decide otherwise by setting the variables;
    in Secateur's own processes they are always these (``core.system.program``).
    """
    folder = Path(platformdirs.user_config_dir("secateur")) / "ultralytics"
    defaults = {
        "YOLO_CONFIG_DIR": str(folder),
        "YOLO_OFFLINE": "true",
        "YOLO_AUTOINSTALL": "false",
        "YOLO_VERBOSE": "false",
        "ORT_DISABLE_TELEMETRY": "1",
    }
    # Ultralytics makes the folder; where it cannot, it falls back to a temporary one automatically.
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
