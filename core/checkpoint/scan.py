"""Which classes and functions a pickle asks for, read from its opcodes. Needs no torch.

Nothing is imported and nothing is run: the opcodes are only listed.
"""

from __future__ import annotations

import _compat_pickle
import dataclasses
import io
import pickletools
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from core.checkpoint.outline import GETS, PUTS, Limited, Outline
from core.errors import UserError
from core.trust.find import UntrustedError

_KNOWN = re.compile(
    r"""
    collections\.(OrderedDict|Counter)
    | torch\.nn\.modules\.\w+\.\w+
    | torch\.nn\.utils\.prune\.(
        PruningContainer | Identity | CustomFromMask
        | (Random|L1)Unstructured | (Random|Ln)Structured
      )
    | torch\._utils\._rebuild_(tensor|tensor_v2|parameter|parameter_with_state)
    | torch\.(\w+Storage|Size|device)
    | torch\.(u?int|float|bfloat|complex)\d+ | torch\.bool
    | ultralytics\.nn\.modules(\.\w+)?\.\w+
    | ultralytics\.nn\.tasks\.\w+
    | ultralytics\.(yolo\.)?utils\.IterableSimpleNamespace
    | ultralytics\.(yolo\.)?utils\.(loss|tal)\.\w+
    | torchvision\.ops\.(misc|stochastic_depth|drop_block|feature_pyramid_network)\.\w+
    | torchvision\.models\.(
        alexnet | convnext | densenet | efficientnet | googlenet | inception | maxvit | mnasnet
        | mobilenetv2 | mobilenetv3 | regnet | resnet | shufflenetv2 | squeezenet
        | swin_transformer | vgg | vision_transformer
      )\.\w+
    | torchvision\.transforms\.transforms\.(Compose|Normalize|Resize|CenterCrop|ToTensor)
    | torchvision\.transforms\.functional\.InterpolationMode
    | numpy\.dtype | numpy\.(_core|core)\.multiarray\.scalar
    | pathlib\.(_local\.)?(Pure)?(Posix|Windows)?Path
    | _codecs\.encode | builtins\.(getattr|set)
    | dill\._dill\._load_type
    """,
    re.VERBOSE,
)
TORCHVISION = re.compile(r"torchvision\.(ops|models)\.\w+")
"""Where torchvision has modules of networks; ``_KNOWN`` says which of these."""
_V5 = re.compile(r"(models\.(yolo|common|experimental)|utils\.\w+)\.")
_SHOWN = 4
_ASKING = {"GLOBAL", "INST", "STACK_GLOBAL", "PROTO", "EXT1", "EXT2", "EXT4"}
_ANCHORS = (
    "Its head predicts three boxes per cell, as factors of stored anchors, and an objectness that "
    "the scores are multiplied by; no head of Ultralytics computes this."
)
#: Why a network of YOLOv5's repository cannot be rebuilt exactly from classes of Ultralytics, by
#: the class of its head. The blocks before the head could be: their counterparts compute the same.
_V5_HEADS = {
    "models.yolo.Detect": _ANCHORS,
    "models.yolo.Segment": _ANCHORS,
    "models.common.Classify": (
        "It was trained on images normalized by the mean and deviation of ImageNet, which "
        "Ultralytics does not apply."
    ),
}

_V9 = re.compile(
    r"models\.yolo\.((D|Dual|DualD|Triple|TripleD)(Detect|Segment)|Panoptic)"
    r"|models\.common\.(DFL|RepNCSPELAN4)"
)
"""What files of the YOLOv9 repository have, whose modules are called as those of YOLOv5's are."""
#: Why a network of the YOLOv9 repository is not rebuilt from classes of Ultralytics, by its head.
_V9_HEADS = (
    (
        re.compile(r"models\.yolo\.(Dual|Triple)D?(Detect|Segment)"),
        "Its head has a second set of branches, and the network blocks that feed it, for training "
        "alone; no network of Ultralytics has them.",
    ),
    (
        re.compile(r"models\.yolo\.D(Detect|Segment)"),
        "Its head computes boxes by convolutions in four groups; the head of Ultralytics, which "
        "has other shapes, has none.",
    ),
    (
        re.compile(r"models\.yolo\.Panoptic"),
        "It segments things and their surroundings at once, which no network of Ultralytics does.",
    ),
)
_V9_ANY = "Its blocks are classes of that repository, which are not converted."


@dataclasses.dataclass(frozen=True, slots=True)
class Scan:
    """Dotted names of all globals asked for, the highest pickle protocol used, and storages.

    Of each storage, by its key, the bytes that it claims to have.
    """

    names: frozenset[str]
    protocol: int
    claims: Mapping[str, int]


def scan_pickles(stream: BinaryIO, count: int, label: object = "The file") -> Scan:
    """List what the first pickles of a stream ask for.

    Parameters
    ----------
    stream : binary stream
        Positioned at the first pickle.
    count : int
        How many pickles follow one another: 1 in a zip archive, 5 in torch's format before 1.6.
    label : object
        How messages name the file.

    Raises
    ------
    ValueError
        When the bytes are no pickle; `OverBudgetError` where they ask for too much.
    """
    limited: Any = stream if isinstance(stream, io.BytesIO) else Limited(stream, label)
    names: set[str] = set()
    claims: dict[str, int] = {}
    protocol = 0
    for _ in range(count):
        outline = Outline(label)
        strings: list[str] = []
        memo: dict[int, str | None] = {}
        last: str | None = None  # the string that the opcode before pushed
        for opcode, argument, _position in pickletools.genops(limited):
            name = opcode.name
            outline.step(name, argument)
            if name in PUTS:
                memo[len(memo) if argument is None else int(argument)] = last
                continue
            if name in _ASKING:
                if name == "STACK_GLOBAL":
                    names.add(".".join(strings[-2:]))
                elif name == "PROTO":
                    protocol = max(protocol, int(argument or 0))
                elif name.startswith("EXT"):
                    names.add(f"copyreg.extension {argument}")
                else:
                    names.add(_modern(*str(argument).split(" ", 1)))
            last = argument if isinstance(argument, str) else None
            if name in GETS:
                last = memo.get(int(argument or 0))
            if last is not None:
                strings.append(last)
        claims |= outline.claims
    return Scan(frozenset(names), protocol, claims)


def _modern(module: str, name: str) -> str:
    # Protocol 2, torch's own, writes the names of Python 2; torch's reader maps them the same way.
    mapped = _compat_pickle.NAME_MAPPING.get((module, name))
    if mapped is not None:
        return ".".join(mapped)
    return f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{name}"


def foreign_globals(names: Iterable[str]) -> list[str]:
    """Return, sorted, those names that no Ultralytics checkpoint needs."""
    return sorted(name for name in names if _KNOWN.fullmatch(name) is None)


def _origin(names: list[str]) -> tuple[str, str, str]:
    """Return the repository a file is from, why it is not converted, and what to use instead."""
    if any(_V9.fullmatch(name) for name in names):
        reasons = (text for head, text in _V9_HEADS if any(map(head.fullmatch, names)))
        return "YOLOv9", next(reasons, _V9_ANY), "yolov9c"
    reason = next((text for head, text in _V5_HEADS.items() if head in names), "")
    return "YOLOv5", reason, "yolov5nu"


def refusal(path: object, names: list[str]) -> UserError:
    """Return the error for a file that asks for classes or functions that are not allowed."""
    shown = ", ".join(names[:_SHOWN])
    if len(names) > _SHOWN:
        shown += f" and {len(names) - _SHOWN} more"
    roots = {name.partition(".")[0] for name in names}
    hint = "No code from it was executed. "
    if (roots - {"__main__"}) & sys.stdlib_module_names:
        hint += "Delete it unless you trust its source, and get the model from a trusted source."
        return UserError(f"{path} tries to run code that no network needs: {shown}.", hint)
    if any(_V5.match(name) for name in names):
        repository, reason, same = _origin(names)
        hint = f"{reason} {hint}".lstrip() + (
            f"Train or download the same network with the ultralytics package ({same}, for "
            "example)."
        )
        what = f"was saved by the {repository} repository or a fork of it, not by Ultralytics"
        return UserError(f"{path} {what}: {shown}.", hint)
    what = "needs classes or functions that are not part of Ultralytics networks"
    ask = "If they are yours, trust the Python file that defines them: `secateur trust add FILE"
    if "__main__" in roots:
        what = "needs a class from its author's own script"
        hint += f"{ask} --as __main__`."
    elif roots == {"ultralytics"}:
        what = (
            "needs Ultralytics classes that this version does not have or that do not belong "
            "to a network"
        )
        hint += (
            "Open it in the Ultralytics version that saved it, and save it with model.save. "
            f"{ask}`."
        )
    else:
        hint += f"{ask}`. Otherwise ask the author for a file with stock Ultralytics classes."
    return UntrustedError(f"{path} {what}: {shown}.", hint, tuple(names))
