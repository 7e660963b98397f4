"""What a fine-tuning is run with: presets over Ultralytics' arguments, all of them open.

Needs neither torch nor Ultralytics, so a window can show the table.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import UserError


@dataclass(frozen=True, slots=True)
class Preset:
    """A choice of arguments for one purpose.

    Attributes
    ----------
    title, text : str
        For people.
    options : mapping
        Arguments of Ultralytics' trainer.
    inherits : bool
        Whether the arguments that the network was trained with come first.
    distill : str
        How a teacher is used unless the user says otherwise.
    weight : float or None
        Of the teacher against the labels, when it is listened to that way.
    hold_statistics : bool
        Whether BatchNorm keeps its mean and variance instead of following the few images.
    bold : float or None
        Learning rate instead of that in ``options`` where there are ``PER_CLASS`` images of every
        class: they show all of the task, so that larger steps forget little.
    average : float
        Share of the updates so far that the averaged weights, which are measured and saved, look
        back on; 0 leaves the average to Ultralytics, which looks back on the last few.
    sparsity : float
        How strongly the scales of BatchNorms are pulled to zero (`core.tune.sparsity`); 0 not at
        all.
    """

    title: str
    text: str
    options: Mapping[str, Any]
    inherits: bool = False
    distill: str = "outputs"
    weight: float | None = None
    hold_statistics: bool = False
    bold: float | None = None
    average: float = 0.0
    sparsity: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the strength of a sparse training changes.

    Attributes
    ----------
    text : str
        For people.
    factor : callable
        From the share of the training that is over, 0 to 1, to what the strength is multiplied by.
    """

    text: str
    factor: Callable[[float], float]


SCHEDULES: Mapping[str, Schedule] = {
    "constant": Schedule("The same strength from the first step to the last", lambda share: 1.0),
    "rising": Schedule(
        "From nothing to the full strength in the first half", lambda share: min(1.0, 2.0 * share)
    ),
}

PER_CLASS = 10
"""Training images per class from which the larger learning rate of a preset is used."""

#: The weights are good already, and the first steps must not undo them: a low learning rate, and a
#: warm-up that starts at nothing. In few epochs there is no time to get used to pictures that do
#: not look like those of the task: no mosaic, no large scaling. Measured: docs/accuracy.md.
_GENTLE: Mapping[str, Any] = {
    "batch": 8,
    "momentum": 0.9,
    "cos_lr": True,
    "warmup_epochs": 1.0,
    "warmup_bias_lr": 0.0,
    "weight_decay": 0.0005,
    "mosaic": 0.0,
    "close_mosaic": 0,
    "scale": 0.2,
    "translate": 0.1,
    "hsv_s": 0.4,
    "hsv_v": 0.2,
    "erasing": 0.0,
    "auto_augment": None,
}

PRESETS: Mapping[str, Preset] = {
    "recover_quickly": Preset(
        "Recover quickly",
        "Few epochs with a small learning rate, for a network that still works after pruning.",
        {**_GENTLE, "optimizer": "SGD", "lr0": 0.0005, "lrf": 0.1, "epochs": 10},
        hold_statistics=True,
    ),
    "recover_fully": Preset(
        "Recover fully",
        "More epochs with a larger learning rate, for a network that pruning has broken. The rate "
        f"is 0.001 where the dataset has {PER_CLASS} images per class or more.",
        {
            **_GENTLE,
            "optimizer": "AdamW",
            "lr0": 0.0003,
            "lrf": 0.05,
            "epochs": 40,
            # Mosaics and a teacher that outweighs the labels make more of few images.
            "mosaic": 1.0,
            "close_mosaic": 8,
            "scale": 0.5,
        },
        weight=16.0,
        hold_statistics=True,
        bold=0.001,
        average=0.05,
    ),
    "as_trained": Preset(
        "As trained",
        "The settings that the network was trained with, if they are stored in its file.",
        {},
        inherits=True,
        distill="features",
    ),
    "sparse": Preset(
        "Sparse training",
        "Before pruning: pulls the BatchNorm scales of channels to zero where the network needs "
        "them least, for the criterion bn_scale. The result is the last state.",
        {
            **_GENTLE,
            "optimizer": "SGD",
            "lr0": 0.02,
            "lrf": 0.05,
            "epochs": 20,
            # Accuracy falls while scales do: it must not end the training.
            "patience": 0,
        },
        sparsity=0.2,
    ),
}

DISTILL: Mapping[str, str] = {
    "outputs": "scores and boxes of the teacher, position by position",
    "features": "the feature maps before the head, with distill_model of Ultralytics",
    "none": "the labels only",
}

#: What the file of a network may tell of its training and a new training may take up.
_INHERITED = (
    "optimizer", "lr0", "lrf", "momentum", "weight_decay", "warmup_epochs", "warmup_momentum",
    "warmup_bias_lr", "cos_lr", "box", "cls", "dfl", "pose", "kobj", "angle", "nbs", "hsv_h",
    "hsv_s", "hsv_v", "degrees", "translate", "scale", "shear", "perspective", "flipud", "fliplr",
    "bgr", "mosaic", "mixup", "cutmix", "copy_paste", "close_mosaic", "auto_augment", "erasing",
    "epochs", "patience", "multi_scale", "overlap_mask", "mask_ratio", "dropout", "batch",
)  # fmt: skip

#: Arguments that Secateur sets itself, each with what to use instead.
OURS: Mapping[str, str] = {
    "model": "pass the pruned file",
    "data": "use --data",
    "device": "use --device",
    "time": "use --minutes",
    "distill_model": "use --teacher",
    "resume": "use --resume",
    "task": "it is that of the network",
    "mode": "it is always train",
    "project": "use --folder",
    "name": "use --folder",
    "save_dir": "use --folder",
    "exist_ok": "use --folder",
    "pretrained": "training always starts from the pruned weights",
    "cfg": "set the arguments one at a time",
    "verbose": "the output of Ultralytics is in the log of the job",
    "plots": "use the events of the job instead of plots",
    "save": "the best and the last state are always saved",
    "val": "the best state is selected by validation",
    "compile": "a compiled network cannot be saved",
    "quantize": "use `secateur quantize --aware`",
    "single_cls": "the classes are those of the network",
    "classes": "the classes are those of the network",
    "deterministic": "it is on",
}


def check_options(options: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse what Ultralytics' trainer does not know, and what is not for the user to set.

    Parameters
    ----------
    options : mapping
    known : mapping
        Ultralytics' arguments.

    Raises
    ------
    UserError
        With the nearest name, or with what to use instead.
    """
    for key, value in options.items():
        check_name(key, value, known)


def check_name(key: str, value: Any, known: Mapping[str, Any]) -> None:
    """Refuse one argument; see `check_options`."""
    if key in OURS:
        raise UserError(f"“{key}” cannot be set: {OURS[key]}.")
    if key not in known:
        begun = [name for name in known if key and name.startswith(key)]
        near = begun or difflib.get_close_matches(key, known, 1)
        hint = f"Did you mean “{near[0]}”?" if near else "`secateur arguments` lists all."
        raise UserError(f"Ultralytics has no training argument “{key}”.", hint)
    if key == "cache" and str(value).lower() == "disk":
        raise UserError(
            "cache=disk would write files next to your images.", "Use cache=ram, or no cache."
        )


def inherited_names() -> tuple[str, ...]:
    """Return the arguments that a preset may take from the network's own training."""
    return _INHERITED


def merged_options(
    preset: str,
    trained_with: Mapping[str, Any],
    chosen: Mapping[str, Any],
    per_class: float = 0.0,
) -> dict[str, Any]:
    """Return the arguments of a training: the preset's, overridden by the user's.

    Parameters
    ----------
    preset : str
        A key of `PRESETS`.
    trained_with : mapping
        What the network's file says of its training.
    chosen : mapping
        What the user set.
    per_class : float
        Training images per class.
    """
    if preset not in PRESETS:
        raise UserError(f"There is no preset “{preset}”.", f"Use one of {', '.join(PRESETS)}.")
    known = PRESETS[preset]
    inherited = {
        key: trained_with[key] for key in _INHERITED if known.inherits and key in trained_with
    }
    bold = {} if known.bold is None or per_class < PER_CLASS else {"lr0": known.bold}
    return {**inherited, **known.options, **bold, **chosen}
