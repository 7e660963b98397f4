"""The state of an unfinished training: saved at the end of an epoch, restored to resume there.

What Ultralytics keeps (the averaged weights, the optimizer, the counters) and what it leaves out
(the raw weights, the random numbers, the images held for mosaics), in full precision: on a CPU the
epochs after an interruption are then the same numbers as without one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ultralytics.utils import RANK
from ultralytics.utils.torch_utils import unwrap_model

from core.errors import UserError
from core.tune.distill import student_of

STATE_KEY = "secateur_training"
"""Under which a checkpoint holds what Ultralytics does not keep."""
VERSION = 1


def capture(trainer: Any, elapsed: float) -> dict[str, Any]:
    """Return what a checkpoint needs so that training continues from it.

    Parameters
    ----------
    trainer : BaseTrainer
        At the end of an epoch.
    elapsed : float
        Seconds trained so far.

    Returns
    -------
    dict
        Tensors and plain data, under Ultralytics' names and `STATE_KEY`.
    """
    own = {
        "version": VERSION,
        "epochs": trainer.epochs,
        "finished": bool(trainer.stop),
        "elapsed": elapsed,
        "batch": trainer.batch_size,
        "weights": _trained(unwrap_model(trainer.model).state_dict()),
        "average": _trained(trainer.ema.ema.state_dict()),
        "best": number(trainer.best_fitness),
        "random": _random(),
        "held": [int(at) for at in getattr(trainer.train_loader.dataset, "buffer", ())],
    }
    return {
        "epoch": int(trainer.epoch),
        "best_fitness": number(trainer.best_fitness),
        "updates": int(trainer.ema.updates),
        "optimizer": trainer.optimizer.state_dict(),
        "scaler": trainer.scaler.state_dict(),
        "stopper": {
            "best_fitness": number(trainer.stopper.best_fitness),
            "best_epoch": int(trainer.stopper.best_epoch),
        },
        STATE_KEY: own,
    }


def number(value: Any) -> float | None:
    """Return a figure as a plain number."""
    return None if value is None else float(value)


def _trained(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leave the teacher out: it does not change, and has a file of its own."""
    return {k: v.detach().cpu() for k, v in tensors.items() if not k.startswith("teacher_model.")}


def _random() -> dict[str, Any]:
    kind, keys, position, has_gauss, cached = np.random.get_state()
    version, words, gauss = random.getstate()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "torch": torch.get_rng_state(),
        "cuda": list(cuda),
        "numpy": [str(kind), np.asarray(keys).tolist(), int(position), int(has_gauss), cached],
        "python": [version, list(words), gauss],
    }


def read_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint with the state of an unfinished training, through the restricted loader.

    Raises
    ------
    UserError
        When it cannot be read or holds no such state.
    """
    from core.checkpoint import unpickle
    from core.checkpoint.sniff import check_file

    check_file(path)
    contents = unpickle.read(path, path)
    own = contents.get(STATE_KEY) if isinstance(contents, dict) else None
    if not isinstance(own, dict) or own.get("version") != VERSION:
        raise UserError(
            f"{path} does not contain the state of an unfinished fine-tuning.",
            "Start a new fine-tuning from it.",
        )
    return dict(contents)


def restore(trainer: Any, state: Mapping[str, Any]) -> bool:
    """Put a trainer where `capture` found one.

    Parameters
    ----------
    trainer : BaseTrainer
        Set up for the same network, data and arguments.
    state : mapping
        From `read_state`.

    Returns
    -------
    bool
        Whether the optimizer continues, too. It starts without momentum where it is another one
        than that of the state: presets differ from version to version.
    """
    own = state[STATE_KEY]
    _load(unwrap_model(trainer.model), own["weights"])
    _load(trainer.ema.ema, own["average"])
    trainer.ema.updates = state["updates"]
    same = _same_optimizer(state["optimizer"], trainer.optimizer)
    if same:
        groups = zip(
            state["optimizer"]["param_groups"], trainer.optimizer.param_groups, strict=True
        )
        for saved, group in groups:
            saved["fused"] = group.get("fused")  # the device of now decides
        trainer.optimizer.load_state_dict(state["optimizer"])
    if state["scaler"]:
        trainer.scaler.load_state_dict(state["scaler"])
    trainer.best_fitness = state["best_fitness"]
    vars(trainer.stopper).update(state["stopper"])
    trainer.start_epoch = state["epoch"] + 1
    if trainer.args.time:  # as many as were estimated to fit; estimated again after the next one
        trainer.epochs = trainer.args.epochs = max(own["epochs"], trainer.start_epoch + 2)
    student = student_of(trainer.model)
    if getattr(student.model[-1], "one2one_cv2", None) is not None:
        # Its two losses change their weights from epoch to epoch.
        student.criterion = student.init_criterion()
        student.criterion.updates = state["epoch"]
        student.criterion.update()
    loader = trainer.train_loader
    if own["held"] and len(getattr(loader.dataset, "buffer", [0])) == 0:
        for at in own["held"]:
            loader.dataset.load_image(at)
    if RANK > 0:
        return same  # the random numbers kept are the first process's
    if loader.num_workers == 0 and RANK == -1:
        # The order of the images is drawn from a seed of its own: draw, and pass by, what was used.
        loader.iterator = loader._get_iterator()
        for _ in range(trainer.start_epoch * len(loader)):
            next(loader.iterator._sampler_iter)
    _restore_random(own["random"])
    return same


def _same_optimizer(saved: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> bool:
    """Whether a state is of an optimizer of this kind, with its parameters in these groups."""
    here = optimizer.param_groups
    if len(saved["param_groups"]) != len(here):
        return False
    return all(
        len(old["params"]) == len(new["params"])
        and (set(old) <= set(new) or set(new) <= set(old))  # versions of torch add settings
        for old, new in zip(saved["param_groups"], here, strict=True)
    )


def _load(model: Any, tensors: Mapping[str, torch.Tensor]) -> None:
    missing, unknown = model.load_state_dict(tensors, strict=False)
    missing = [name for name in missing if not name.startswith("teacher_model.")]
    if missing or unknown:
        raise UserError(
            "The state of the fine-tuning does not match its network (at "
            f"{(missing + unknown)[0]}).",
            "The pruned file has been replaced; start a new fine-tuning.",
        )


def _restore_random(saved: Mapping[str, Any]) -> None:
    torch.set_rng_state(saved["torch"])
    if saved["cuda"] and len(saved["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved["cuda"])
    kind, keys, *rest = saved["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    version, words, gauss = saved["python"]
    random.setstate((version, tuple(words), gauss))
