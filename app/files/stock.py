"""Names of the networks that Ultralytics describes, found without importing it."""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from pathlib import Path

_SCALES = re.compile(r"^scales:.*\n((?:[ \t]+.*\n|\s*#.*\n)+)", re.MULTILINE)
_SCALE = re.compile(r"^[ \t]+([a-z]):", re.MULTILINE)
_VERSION = re.compile(r"^(?P<family>[a-z-]*?v?\d+)(?P<rest>.*)$")


@lru_cache(maxsize=1)
def stock_models() -> tuple[str, ...]:
    """Return names such as ``yolo11m.yaml``, the newest families first; none where it is missing.

    A description that knows several sizes is named once for each of them.
    """
    spec = importlib.util.find_spec("ultralytics")
    if spec is None or spec.origin is None:
        return ()
    found: list[str] = []
    folder = Path(spec.origin).parent / "cfg" / "models"
    for family in sorted(folder.glob("*"), key=_order):
        for path in sorted(family.glob("*.yaml")):
            found += _sized(path)
    return tuple(found)


def is_stock(name: str) -> bool:
    """Whether a path may be such a name and no file."""
    return Path(name).suffix.lower() in (".yaml", ".yml") and Path(name).name == name


def _order(folder: Path) -> tuple[int, str]:
    digits = re.sub(r"\D", "", folder.name)
    return (-int(digits) if digits else 0, folder.name)


def _sized(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    block, parts = _SCALES.search(text), _VERSION.match(path.stem)
    sizes = _SCALE.findall(block[1]) if block else []
    if not sizes or parts is None:
        return [path.name]
    return [f"{parts['family']}{size}{parts['rest']}.yaml" for size in sizes]
