"""Ultralytics' trainers, made to keep the network they are given.

``YOLO(path).train()`` builds the full network again from the description in the checkpoint and
copies over what fits. Here the pruned module itself is trained; its parameters are counted before
training, in every epoch, and in every file.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from unittest import mock

import torch
from torch import nn
from ultralytics.utils import RANK

from core.checkpoint import save
from core.checkpoint._stock import tasks
from core.data.folders import BandFolders
from core.data.readonly import only_reading
from core.data.stream import forget_arrays
from core.errors import UserError
from core.graph.drive import image_channels
from core.system.size import ImageSize
from core.tune.aware import plain
from core.tune.distill import join, plain_student, student_of
from core.tune.feed import label_count
from core.tune.nodes import world_size
from core.tune.sparsity import watch
from core.tune.state import capture, number, restore
from core.tune.timed import Timed
from core.tune.training import Run, count
from core.tune.trouble import memory_short, no_labels, not_a_number, unwritable

_MOST_BAD_STEPS = 20
"""Losses that are not a number, one after the other, before mixed precision is given up on."""

MEASUREMENTS = 10
"""Validations of a training, next to that of the last epoch, unless the user says how many."""
_OTHER_OPTIMIZER = {
    "message": "The optimizer starts without its momentum: an older version of Secateur began "
    "this fine-tuning with another one.",
    "hint": "Weights and epochs continue.",
}
SAVING = 0.05
"""Share of the time that writing the newest state may take."""


def make_trainer(run: Run, options: Mapping[str, Any]) -> Any:
    """Return the trainer of Ultralytics that fits the network, made to keep it.

    Raises
    ------
    UserError
        For an argument that Ultralytics refuses, or a folder that cannot be written.
    """
    kind = type("Trainer", (KeepsShape, _stock_trainer(run.student.model)), {})
    home = "ultralytics.engine.trainer"
    try:
        # No account, no dashboard, no upload: nothing that Ultralytics would tell others.
        with mock.patch(f"{home}.callbacks.add_integration_callbacks"):
            return kind(run, dict(options))
    except (TypeError, ValueError, KeyError, SyntaxError, AssertionError) as error:
        text = " ".join(str(error).split())[:300]
        raise UserError(
            f"Ultralytics rejects the training arguments: {text}", "Correct or remove it."
        ) from error
    except OSError as error:
        raise unwritable(error, run.best) from error


def _stock_trainer(model: nn.Module) -> Any:
    from ultralytics.models import rtdetr, yolo
    from ultralytics.nn import tasks

    trainers = (
        (tasks.RTDETRDetectionModel, rtdetr.train.RTDETRTrainer),
        (tasks.SegmentationModel, yolo.segment.SegmentationTrainer),
        (tasks.PoseModel, yolo.pose.PoseTrainer),
        (tasks.OBBModel, yolo.obb.OBBTrainer),
        (tasks.SemanticSegmentationModel, yolo.semantic.SemanticSegmentationTrainer),
        (tasks.DepthModel, yolo.depth.DepthTrainer),
        (tasks.ClassificationModel, yolo.classify.ClassificationTrainer),
        (tasks.DetectionModel, yolo.detect.DetectionTrainer),
    )
    for kind, trainer in trainers:
        if isinstance(model, kind):
            return trainer
    raise UserError(
        f"Fine-tuning does not support networks of the kind {type(model).__name__}.",
        "Train the network with Ultralytics.",
    )


class KeepsShape:
    """What is put before a trainer of Ultralytics so that it trains the network as it is."""

    # What Ultralytics' trainer holds.
    args: Any
    model: Any
    ema: Any
    loss: Any
    amp: bool
    epoch: int
    epochs: int
    start_epoch: int
    best_fitness: Any
    fitness: Any
    stop: bool
    metrics: Any
    batch_size: int
    train_loader: Any
    test_loader: Any
    train_time_start: float
    world_size: int

    def __init__(self, run: Run, overrides: dict[str, Any]) -> None:
        self.run = run
        self._stock.__init__(overrides=overrides)
        if world_size() > 1:  # Ultralytics counts the GPUs of this computer alone
            self.world_size = world_size()
        self.last, self.best = run.last, run.best
        self.loss = None
        self._bad_steps = 0
        self._built_with = 0
        self._measured = -1
        self._unsaved: tuple[nn.Module, dict[str, Any]] | None = None
        self._saved = self._cost = 0.0
        for event, call in (
            ("on_train_start", KeepsShape._started),
            ("on_train_batch_end", KeepsShape._batch_done),
            ("on_train_epoch_end", KeepsShape._check_shape),
            ("on_val_batch_end", lambda validator: run.check()),
        ):
            cast(Any, self).add_callback(event, call)
        if self.args.time:
            Timed(self)

    @property
    def _stock(self) -> Any:
        return super()

    def get_dataset(self) -> dict[str, Any]:
        """Return the images, without Ultralytics' check, which downloads and repairs.

        They are read with the bands that the network takes, whether or not the dataset says so.
        """
        return {**self.run.feed.description, "channels": image_channels(self.run.student.model)}

    def setup_model(self) -> None:
        """Take the network as it is, and put its teacher next to it."""
        self.model = copy.deepcopy(self.run.student.model).float()
        cast(Any, self).set_model_attributes()
        self.model.args = self.args
        if self.run.teacher is not None:
            teacher = copy.deepcopy(self.run.teacher.model).float()
            self.model = join(self.model, teacher, self.run.way, self.run.weight)
        self._check_shape()

    def resume_training(self, ckpt: Any) -> None:
        """Resume from the run's state, if there is one; the way of Ultralytics loses the shape."""
        state = self.run.state
        if state is not None and not restore(self, state) and RANK <= 0:
            self.run.emit({"event": "warning", **_OTHER_OPTIMIZER})

    def _get_warmup_iterations(self, batches: int) -> int:
        """Leave the warm-up of a training that is limited by time to `Timed`."""
        return 0 if self.args.time else int(self._stock._get_warmup_iterations(batches))

    def build_dataset(self, path: Any, mode: str = "train", batch: Any = None) -> Any:
        """Build a dataset that only reads."""
        with only_reading():
            dataset = self._stock.build_dataset(path, mode, batch)
        forget_arrays(dataset)
        channels = image_channels(self.run.student.model)
        if self.run.student.facts.task == "classify" and channels != 3:
            size = ImageSize.of(self.args.imgsz)
            return BandFolders(dataset, channels, size, self.args if mode == "train" else None)
        return dataset

    def _build_train_pipeline(self) -> None:
        before, self._built_with = self._built_with, self.batch_size
        if before and self.batch_size < before:
            if not self.run.smaller_batch:
                raise memory_short(before, self.best)
            text = (
                f"Out of memory with batch size {before} in training; continuing with "
                f"{self.batch_size}."
            )
            event = {"event": "out_of_memory", "batch": before, "next_batch": self.batch_size}
            self.run.emit({**event, "text": text})
        try:
            self._stock._build_train_pipeline()
        except ValueError as error:
            if "No labels found" in str(error):
                raise no_labels(self.run.feed.path, "train") from error
            raise
        for split, loader in (("train", self.train_loader), ("val", self.test_loader)):
            if label_count(loader.dataset) == 0:
                raise no_labels(self.run.feed.path, split)

    def preprocess_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Add the text embeddings of open-vocabulary networks: those of their own classes."""
        ready: dict[str, Any] = self._stock.preprocess_batch(batch)
        student = student_of(self.model)
        if isinstance(student, tasks.WorldModel):
            ready["txt_feats"] = student.txt_feats.to(ready["img"])
        return ready

    def _model_train(self) -> None:
        self._stock._model_train()
        if self.run.hold_statistics:
            for module in student_of(self.model).modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def validate(self) -> tuple[Any, Any]:
        """Measure the averaged weights, in the epochs that are due."""
        final = self.epoch + 1 >= self.epochs
        every = self.run.validate_every or max(1, self.epochs // MEASUREMENTS)
        due = (self.epoch + 1) % every == 0
        if not (final or due or cast(Any, self).stop):
            return getattr(self, "metrics", None), self.fitness  # the first process alone has them
        self._measured = self.epoch
        return cast("tuple[Any, Any]", self._stock.validate())

    def save_model(self) -> bool:
        """Write the best state where it is, and the newest one unless that was done just now.

        Each file is whole or absent. What was not written is kept in memory, and written when the
        training ends in whatever way; only a process that is killed repeats those epochs.
        """
        network = plain_student(self.ema.ema)
        network = plain(network) if self.run.aware else network
        self._check_finite(network)
        elapsed = self.run.elapsed + time.time() - self._began
        figures = {k: number(v) for k, v in {**self.metrics, "fitness": self.fitness}.items()}
        improved = self._measured == self.epoch and self.best_fitness == self.fitness
        if improved or not self.best.exists():
            self._write(network, self.best, {"train_metrics": figures})
        # After the best: should the process end in between, this epoch is simply run again.
        state = copy.deepcopy(capture(self, elapsed))
        self._unsaved = network, {**state, "train_metrics": figures}
        now = time.monotonic()
        if self.stop or not self._saved or now - self._saved >= self._cost / SAVING:
            self._keep()
            self._saved = time.monotonic()
            self._cost = self._saved - now
        return True

    def train(self) -> None:
        """Train to the end; what goes wrong costs no whole epoch."""
        try:
            self._stock.train()
            self._keep()
        except BaseException:
            with contextlib.suppress(UserError, OSError):
                self._keep()
            raise

    def _keep(self) -> None:
        """Write the newest state, if it is not yet written."""
        if self._unsaved is not None:
            self._write(self._unsaved[0], self.last, self._unsaved[1])
            self._unsaved = None

    def _write(self, network: nn.Module, path: Path, training: Mapping[str, Any]) -> None:
        save(
            network,
            path,
            training=training,
            train_args={**public_arguments(self.args), "imgsz": self.run.size.plain},
            history=self.run.history,
            forbidden=[self.run.student.facts.path],
        )

    def save_metrics(self, metrics: Any) -> None:
        """Leave the table to the events."""

    def final_eval(self) -> None:
        """Leave the last measurement to the caller, who reads the files back."""

    def _handle_nan_recovery(self, epoch: int) -> bool:
        return False  # `_batch_done` ends the training before anything is lost

    def _started(self) -> None:
        self._began = time.time()
        if share := self.run.average:
            self.ema.decay = lambda updates: min(
                1 - 1 / (1 + share * updates), 1 - 1 / (1 + updates)
            )
        if self.run.sparsity is not None:
            watch(self, self.run.sparsity)
        self.train_time_start -= self.run.elapsed

    def _batch_done(self) -> None:
        self.run.check()
        if bool(self.loss.detach().isfinite()):
            self._bad_steps = 0
            return
        self._bad_steps += 1
        # Mixed precision runs over now and then, and the scaler leaves that step out.
        if not self.amp or self._bad_steps > _MOST_BAD_STEPS:
            raise not_a_number(self.epoch, self.best)

    def _check_finite(self, network: nn.Module) -> None:
        tensors = network.state_dict().values()
        if not all(bool(torch.isfinite(t).all()) for t in tensors if t.is_floating_point()):
            raise not_a_number(self.epoch, self.best)

    def _check_shape(self) -> None:
        networks = [self.model, *([self.ema.ema] if getattr(self, "ema", None) else [])]
        for network in networks:
            found = count(student_of(network))
            if found != self.run.parameters:
                raise RuntimeError(
                    f"The network has {found} parameters in training instead of "
                    f"{self.run.parameters}: its shape was not kept."
                )


def public_arguments(args: Any) -> dict[str, Any]:
    """Return the arguments of a training without the places on this machine."""
    private = ("model", "project", "name", "save_dir", "resume", "distill_model", "cfg", "source")
    kept = {key: value for key, value in vars(args).items() if key not in private}
    return {**kept, "data": Path(str(args.data)).name}
