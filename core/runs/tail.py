"""The events of a job, folded into what a view shows; memory stays flat however long it runs."""

from __future__ import annotations

import datetime
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.checkpoint.facts import modules_note
from core.data.figures import FIGURES, MAIN, figure_name, key_of, main_figure, main_name
from core.runs.kinds import KINDS
from core.system.records import UNFIT

POINTS = 400
"""A curve keeps between this many points and twice as many: more than a chart has pixels for."""
NOTES = 6
CURVES = ("map50_95", "map50", "top1", "top5", "miou", "pixel_accuracy", "delta1", "abs_rel")
"""Figures worth a curve, those of masks and keypoints included; the main one first."""
LOSSES = {"dis": "teacher"}
"""Names of losses for people, where the say of Ultralytics little."""
Curve = tuple[tuple[float, ...], tuple[float, ...]]
Curves = Mapping[str, Curve]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A long job as its folder tells it.

    Attributes
    ----------
    folder, kind, created : str
    state : str
        As `core.runs.folder.status_of` has it: ``interrupted`` where the process is gone.
    told : str
        Its last command: ``run``, ``pause`` or ``cancel``.
    arguments : mapping
    message, hint : str
        Why it failed.
    next_batch : int
        Images a step that may do where it failed for memory; 0 otherwise.
    untrusted : mapping
        Which module has to be trusted, where it failed for that; empty otherwise.
    result : mapping or None
    hashes : mapping
        SHA-256 of the files it began with, by argument.
    changed : str
        When its folder was last written.
    place : int
        In the queue, from 1; 0 when it does not wait.
    held : bool
        Whether the queue it waits in starts nothing for now.
    waits_for : str
        The name of the file that the job it waits for works on; empty where that is unknown.
    progress : str
        How far it is, while it runs.
    seconds_left : float or None
        An estimate of the time left, while it runs.
    """

    folder: str
    kind: str
    created: str
    state: str
    told: str
    arguments: Mapping[str, Any]
    message: str = ""
    hint: str = ""
    result: Mapping[str, Any] | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    changed: str = ""
    place: int = 0
    held: bool = False
    waits_for: str = ""
    progress: str = ""
    next_batch: int = 0
    seconds_left: float | None = None
    untrusted: Mapping[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether its process lives."""
        return self.state in ("running", "paused")

    @property
    def stoppable(self) -> bool:
        """Whether it can be cancelled, apart from one in the queue of this computer."""
        return self.active or self.state == "submitted"

    @property
    def resumable(self) -> bool:
        """Whether it can continue, and does not wait to do so."""
        return not self.place and self.state in ("ready", "cancelled", "failed", "interrupted")

    @property
    def smaller(self) -> str:
        """What it can continue with where it failed for memory, in words; empty otherwise."""
        return f"batch size {self.next_batch}" if self.next_batch and self.resumable else ""

    @property
    def title(self) -> str:
        """The name of the file it works on."""
        return Path(str(self.arguments.get("model") or self.folder)).name

    @property
    def name(self) -> str:
        """The file it works on, and when it was created."""
        try:
            made = datetime.datetime.fromisoformat(self.created).astimezone()
        except ValueError:
            return self.title
        return f"{self.title}, {made:%d %b %H:%M}"

    @property
    def noun(self) -> str:
        """What kind of job it is, in words."""
        kind = KINDS.get(self.kind)
        return "job" if kind is None else kind.noun

    @property
    def how(self) -> str:
        """How it goes about it, in a few words; empty while unknown."""
        kind = KINDS.get(self.kind)
        return "" if kind is None else kind.how(self.arguments)

    @property
    def output(self) -> str:
        """The file that resulted, where it is done."""
        return str((self.result or {}).get("output") or "")

    @property
    def needs(self) -> str:
        """Which trusted modules that file needs, as a sentence; empty where it needs none."""
        return modules_note((self.result or {}).get("modules") or (), Path(self.output).name)

    @property
    def word(self) -> str:
        """Its state, in a word or two."""
        if self.active and self.told == "cancel":
            return "ending"
        if self.state == "running" and self.told == "pause":
            return "pausing"
        if self.place:
            return f"waiting, number {self.place}"
        return {"ready": "not started", "submitted": "waiting for Slurm"}.get(
            self.state, self.state
        )


class Series:
    """A curve in bounded memory: when it gets long, every second point goes; the newest stays."""

    def __init__(self) -> None:
        self._points: list[tuple[float, float]] = []
        self._newest: tuple[float, float] | None = None
        self._every, self._passed = 1, 0

    def add(self, x: float, y: float) -> None:
        """Add a point; it replaces those at its place or after it (a training that was resumed)."""
        if self._newest is not None:
            if self._newest[0] < x:
                self._keep(self._newest)
            while self._points and self._points[-1][0] >= x:
                self._points.pop()
        self._newest = (x, y)

    def _keep(self, point: tuple[float, float]) -> None:
        self._passed += 1
        if self._passed >= self._every:
            self._passed = 0
            self._points.append(point)
        if len(self._points) > 2 * POINTS:
            self._points = self._points[::2]
            self._every *= 2

    def curve(self) -> Curve:
        """Return what is kept, as x and y."""
        points = [*self._points, *([self._newest] if self._newest else [])]
        return tuple(p[0] for p in points), tuple(p[1] for p in points)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a view shows of a job at a moment.

    Attributes
    ----------
    device : str
    step, steps : int
        Of a pruning in turns, from 1; 0 for others. Its curves run on from step to step.
    epoch, epochs, batch, batches : int
        0 while unknown; epochs and batches count from 1.
    images_per_second, seconds_left : float or None
    memory : mapping
        Bytes, of the ``process`` and, on one, of the ``gpu``.
    parameters : int or None
    losses, metrics, rates : mapping of str to curve
        Against epochs.
    before, best : float or None
        The main figure before, and the best one since.
    measure : str
        The main figure's name.
    text : str
        What it does while it measures.
    notes : tuple of str
        What the user should know, oldest first.
    events : int
        How many were read.
    """

    entry: RunEntry
    device: str = ""
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    batch: int = 0
    batches: int = 0
    images_per_second: float | None = None
    seconds_left: float | None = None
    memory: Mapping[str, int] = field(default_factory=dict)
    parameters: int | None = None
    losses: Curves = field(default_factory=dict)
    metrics: Curves = field(default_factory=dict)
    rates: Curves = field(default_factory=dict)
    before: float | None = None
    best: float | None = None
    measure: str = ""
    text: str = ""
    notes: tuple[str, ...] = ()
    events: int = 0


class Digest:
    """Takes in events one by one; knows what each kind means."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.notes: deque[str] = deque(maxlen=NOTES)
        self.curves: dict[str, dict[str, Series]] = {"losses": {}, "metrics": {}, "rates": {}}
        self.events = 0
        self._begins: dict[int, float] = {0: 0.0}
        self._end = 0.0
        self._kinds: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "started": self._started,
            "progress": lambda e: self.facts.update(text=str(e.get("text") or "")),
            "baseline": self._baseline,
            "pruning": self._pruning,
            "step": self._stepped,
            "batch": self._batch,
            "epoch": self._epoch,
            "out_of_memory": lambda e: self.notes.append(str(e.get("text") or "Out of memory.")),
            "averaged": self._averaged,
            "chosen": self._chosen,
            "done": self._done,
            "failed": lambda e: self.notes.append(str(e.get("message") or "It failed.")),
            "cancelled": lambda e: self.notes.append("Stopped; its best and last state are kept."),
        }

    def take(self, event: Mapping[str, Any]) -> None:
        """Take in one event; one that is not known, or not whole, is counted and left alone."""
        self.events += 1
        act = self._kinds.get(str(event.get("event")))
        if act is not None:
            try:
                act(event)
            except UNFIT:
                return

    def snapshot(self, entry: RunEntry) -> Snapshot:
        """Return what is known now."""
        drawn: dict[str, Any] = {
            group: {name: series.curve() for name, series in curves.items()}
            for group, curves in self.curves.items()
        }
        return Snapshot(entry, **self.facts, **drawn, notes=tuple(self.notes), events=self.events)

    # ---- by kind ------------------------------------------------------------------------------

    def _started(self, event: Mapping[str, Any]) -> None:
        device = event.get("device") or {}
        threads = device.get("threads")
        name = str(device.get("name") or "")
        words = "1 thread" if threads == 1 else f"{threads} threads"
        told = f"{name}, {words}" if threads else name
        self.facts.update(
            device=told,
            epochs=int(event.get("epochs") or 0),
            parameters=int(event.get("parameters") or 0) or None,
        )
        after = event.get("resumed_after")
        if after:
            self.notes.append(f"Resumed after epoch {after}.")

    def _pruning(self, event: Mapping[str, Any]) -> None:
        share = float(event["share"])
        text = f"Pruning to {share:.0%} of the unpruned network"
        self.facts.update(step=int(event["step"]), steps=int(event["steps"]), text=text, best=None)

    def _stepped(self, event: Mapping[str, Any]) -> None:
        after = event.get("after") or {}
        main = next((f", {figure_name(k)} {after[k]:.4f}" for k in MAIN if k in after), "")
        lost = "" if event.get("accepted") else "; that loses too much and is rejected"
        words = f"Step {event['step']}: {int(event['parameters']):,} parameters{main}{lost}."
        self.notes.append(words)

    def _averaged(self, event: Mapping[str, Any]) -> None:
        figure = main_figure(event["metrics"])
        if event["kept"]:
            self.facts.update(best=figure)
        taken = "is the best state" if event["kept"] else "is not better than the best"
        name = figure_name(main_name(event["metrics"]))
        self.notes.append(
            f"The mean of the states before and after training {taken}: {name} {figure:.4f}."
        )

    def _chosen(self, event: Mapping[str, Any]) -> None:
        self.facts.update(best=main_figure(event["metrics"][event["state"]]))
        self.notes.append(str(event["text"]))

    def _done(self, event: Mapping[str, Any]) -> None:
        result = event.get("result") or {}
        if needs := modules_note(result.get("modules") or (), Path(str(result["output"])).name):
            self.notes.append(needs)

    def _baseline(self, event: Mapping[str, Any]) -> None:
        if "step" in event:  # of a network that was pruned on the way
            return
        figures = event.get("metrics") or {}
        for key in MAIN:
            if key in figures:
                self.facts.update(before=float(figures[key]), measure=figure_name(key))
                return

    def _batch(self, event: Mapping[str, Any]) -> None:
        epoch, batch = int(event["epoch"]), int(event["batch"])
        batches = max(int(event["batches"]), 1)
        self.facts.update(batch=batch, batches=batches)
        self._common(event, self._place(event, epoch - 1 + batch / batches))

    def _place(self, event: Mapping[str, Any], epoch: float) -> float:
        """Return where an epoch is; every step of an iterative pruning follows the one before."""
        step = int(event.get("step") or 0)
        begin = self._begins.setdefault(step, math.ceil(self._end))
        self._end = begin + epoch
        if step and step != self.facts.get("step"):
            self.facts.update(step=step, steps=int(event["steps"]), best=None)
        return self._end

    def _epoch(self, event: Mapping[str, Any]) -> None:
        place = self._place(event, float(event["epoch"]))
        self._common(event, place)
        figures = _worth_a_curve(event.get("metrics") or {})
        for name, value in figures.items():
            self.curves["metrics"].setdefault(name, Series()).add(place, value)
        main = next(iter(figures), None)
        if main is not None:
            best = max(figures[main], self.facts.get("best") or 0.0)
            self.facts.update(best=best, measure=self.facts.get("measure") or main)

    def _common(self, event: Mapping[str, Any], x: float) -> None:
        for name, value in (event.get("losses") or {}).items():
            short = str(name).removeprefix("train/").removesuffix("_loss")
            short = LOSSES.get(short, short)
            self.curves["losses"].setdefault(short, Series()).add(x, float(value))
        if event.get("learning_rate") is not None:
            series = self.curves["rates"].setdefault("learning rate", Series())
            series.add(x, float(event["learning_rate"]))
        self.facts.update(
            text="",
            epoch=int(event["epoch"]),
            epochs=int(event.get("epochs") or 0),
            images_per_second=event.get("images_per_second"),
            seconds_left=event.get("seconds_left"),
            memory=dict(event.get("memory") or {}),
        )


def _worth_a_curve(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Pick the figures that tell how good a network is, the main one first."""
    known = {key_of(str(metric)): float(value) for metric, value in metrics.items()}
    return {
        figure_name(key): known[key]
        for curve in CURVES
        for key in FIGURES
        if key in known and (key == curve or key.endswith(f"_{curve}"))
    }
