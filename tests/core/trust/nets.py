"""Small networks with modules of the user's own, as descriptions and as stock Ultralytics saves."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.core.warm import Warm

NETWORK = """
nc: 2
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, {block}, {arguments}]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, {last}, [64]]
head:
  - [[-1], 1, Detect, [nc]]
"""

SAVE = """
import importlib.util, sys
from pathlib import Path
import torch
from ultralytics import YOLO
from ultralytics.nn import tasks

file, module, home, description, output = sys.argv[1:]
spec = importlib.util.spec_from_file_location(module, file)
own = importlib.util.module_from_spec(spec)
sys.modules[module] = own
spec.loader.exec_module(own)
for name, kind in list(vars(own).items()):
    if isinstance(kind, type) and kind.__module__ == module:
        setattr(tasks, name, kind)
        if home:
            kind.__module__ = home
            setattr(importlib.import_module(home), name, kind)
torch.manual_seed(0)
YOLO(description).save(output)
"""

OPEN = """
import importlib, sys
folder, module, home, path, *others = sys.argv[1:]
sys.path[:] = [folder, *sys.path, *others]
own = importlib.import_module(module)
if home:
    for name, kind in list(vars(own).items()):
        if isinstance(kind, type) and kind.__module__ == module:
            kind.__module__ = home
            setattr(importlib.import_module(home), name, kind)
import numpy as np
from ultralytics import YOLO
model = YOLO(path)
image = np.zeros((64, 64, 3), np.uint8)
assert len(model.predict(image, imgsz=64, verbose=False)) == 1
assert "core" not in sys.modules
print(sum(p.numel() for p in model.model.parameters()))
"""


def described(
    folder: Path, block: str = "CoordAtt", arguments: str = "[32, 32]", last: str = "C2f"
) -> Path:
    """Write the description of a network with a block of the user's own."""
    path = folder / f"{block.lower()}.yaml"
    path.write_text(NETWORK.format(block=block, arguments=arguments, last=last), "utf-8")
    return path


def _run(code: str, stock: Warm, *words: object) -> str:
    done = subprocess.run(
        [str(stock.folder / "python"), "-c", code, *map(str, words)],
        env=stock.environment(), cwd=stock.folder, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def saved_by_stock(
    stock: Warm, file: Path, description: Path, output: Path, home: str = ""
) -> Path:
    """Let stock Ultralytics save a network, with a file's classes patched into it.

    They are of the module ``home`` where one is named, as if its file had been edited.
    """
    _run(SAVE, stock, file, file.stem, home, description, output)
    return output


def opened_by_stock(stock: Warm, file: Path, path: Path, home: str = "", *others: Path) -> int:
    """Return the parameters that stock Ultralytics finds, where the module can be imported.

    ``others`` are folders that more can be imported from.
    """
    return int(_run(OPEN, stock, file.parent, file.stem, home, path, *others).split()[-1])
