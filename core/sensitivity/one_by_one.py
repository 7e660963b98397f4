"""The strategy one by one: a step, a measurement, and back if it lost too much.

Each entry of a plan is pruned on a fresh copy of the last network accepted and evaluated. A step
after which more accuracy is gone than allowed, counted from the unpruned network, is replaced by
its next fallback (``core.sensitivity.fallbacks``); accepted steps add up. Every step tried is kept
as a checkpoint, with a line in an append-only log; a run continues where it stopped, or from any
step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import length_hint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.data.validation import Accuracy, Validation
from core.errors import UserError
from core.plan.allocate import explicit_plan
from core.plan.masks import pack, unpack
from core.plan.predict import Prediction, predict_plan
from core.plan.resolve import Resolution, Resolver, Scores
from core.plan.schema import Entry, Plan
from core.plan.shrink import shrink_table
from core.plan.widths import Mask
from core.progress import Forward, Progress, Span, publish, silent
from core.pruning.record import record, save_pruned
from core.pruning.surgery import cut_network
from core.pruning.verify import Verification, verify_networks
from core.sensitivity.fallbacks import forms
from core.sensitivity.scan import plain_figures, settings_key, share_of
from core.system.journal import Journal

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.graph.table import ChannelTable

AfterStep = Callable[["nn.Module"], "nn.Module"]
Rank = Callable[["nn.Module", "ChannelTable", Progress], Scores]
Open = Callable[[Path], "nn.Module"]

MAX_LOSS = 0.05
"""Share of the unpruned mAP50-95 that may go where the plan does not say."""
LOG = "steps.jsonl"


@dataclass(frozen=True, slots=True)
class Standing:
    """A network in the chain of accepted steps.

    Attributes
    ----------
    step : int
        0 is the unpruned network.
    removed : bool array, shape (atoms,)
        Atoms of the original that are gone.
    proof : Verification or None
        The verification of the surgery that made it.
    """

    step: int
    model: nn.Module
    removed: Mask
    proof: Verification | None = None


@dataclass
class Run:
    """Everything a run needs.

    Parameters
    ----------
    loaded : Loaded
        The unpruned network; not changed.
    resolver : Resolver
        Of that network.
    plan : Plan
        Criterion, rounding, floor, locks, ``max_loss``.
    validation : Validation
        Where every step is evaluated.
    rank : callable
        Scores the atoms of a network as cut so far.
    open_step : callable
        Opens a step's checkpoint.
    folder : Path
        Of the checkpoints and the log.
    settings : dict
        What the figures depend on.
    after_step : callable, optional
        Repairs or tunes a network before it is evaluated; it must keep every shape.
    """

    loaded: Loaded
    resolver: Resolver
    plan: Plan
    validation: Validation
    rank: Rank
    open_step: Open
    folder: Path
    settings: dict[str, Any]
    after_step: AfterStep | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = settings_key(self.settings)
        self.limit = MAX_LOSS if self.plan.max_loss is None else self.plan.max_loss
        self._scores: tuple[int, Scores] | None = None
        self.base: dict[str, Any] = {}

    # ---- the whole run ------------------------------------------------------------------------

    def go(
        self,
        journal: Journal,
        entries: Callable[[Run, Progress], Iterable[Entry]],
        progress: Progress = silent,
        from_step: int | None = None,
    ) -> Standing:
        """Try the entries in order.

        Parameters
        ----------
        journal : Journal
            Steps it holds of this very run are not measured again.
        entries : callable
            Given the run and its progress, yields what to try; the run's ``standing`` reports how
            far it has come.
        progress : Progress
            Handed every step tried; may cancel, and the steps are kept.
        from_step : int, optional
            Start from that step's network, whatever run it is of.

        Returns
        -------
        Standing
            The last network accepted.
        """
        progress = Forward(progress)
        progress(0.0, "Evaluating the unpruned network")
        self.base = self._baseline(journal, Span(progress, 0.0, 0.05))
        self.standing, first = self._start(journal, from_step)
        tried = entries(self, progress)
        # Where entries are found on the way, all blocks may be; each takes its part of the rest.
        count, begin = length_hint(tried, len(self.resolver.table.blocks)), 0.05
        for item, entry in enumerate(tried):
            if item >= first:
                begin = max(begin, progress.share)
                end = begin + (0.95 - begin) / (count - item if count > item else 2)
                self._try(journal, item, entry, Span(progress, begin, end, f"{entry.label}: "))
                begin = end
        return self.standing

    def _baseline(self, journal: Journal, progress: Progress) -> dict[str, Any]:
        for known in journal.records:
            if known.get("run") == self.key and "baseline" in known:
                return dict(known["baseline"])
        found = plain_figures(self.validation.evaluate(self.loaded.model, progress))
        settings = {"settings": self.settings, "plan": self.plan.to_json()}
        journal.append({"run": self.key, "baseline": found, **settings})
        return found

    def _start(self, journal: Journal, from_step: int | None) -> tuple[Standing, int]:
        """Return where the run starts, and the first entry to try: after that step's own."""
        atoms = self.resolver.table.atom_count
        if not from_step:
            return Standing(0, self.loaded.model, np.zeros(atoms, bool)), 0
        for known in journal.records:
            if known.get("step") == from_step:
                if known["model"] != self.settings["model"]:
                    raise UserError(
                        f"Step {from_step} in {self.folder} belongs to another model.",
                        "Open that model, or choose another folder.",
                    )
                first = known["item"] + 1 if known["run"] == self.key else 0
                return self._reopen(known), first
        raise UserError(
            f"{self.folder} has no step {from_step}.", "“secateur steps FOLDER” lists them."
        )

    def _reopen(self, known: dict[str, Any]) -> Standing:
        model = self.open_step(self.folder / known["checkpoint"])
        removed = unpack(known["removed"], self.resolver.table.atom_count)
        return Standing(known["step"], model, removed, _proof(known))

    # ---- one entry ----------------------------------------------------------------------------

    def _try(self, journal: Journal, item: int, entry: Entry, progress: Progress) -> None:
        """Try an entry and its fallbacks until one is accepted, on the last network accepted."""
        replaced: int | None = None
        for form in forms(entry):
            known = self._known(journal, item, form)
            if known is None:
                removed = self._removal(form, progress)
                if removed is None:
                    continue  # rounding or a lock leaves nothing of it: no step
                known = self._step(journal, item, form, removed, replaced, progress)
            self.steps.append(public(known))
            publish(progress, public(known))
            if known["accepted"]:
                if known["step"] != self.standing.step:
                    self.standing = self._reopen(known)
                return
            replaced = known["step"]

    def _known(self, journal: Journal, item: int, form: Entry) -> dict[str, Any] | None:
        wanted = {
            "run": self.key,
            "parent": self.standing.step,
            "item": item,
            "entry": form.to_json(),
        }
        for known in journal.records:
            same = all(known.get(key) == value for key, value in wanted.items())
            if same and (self.folder / known["checkpoint"]).is_file():
                return known
        return None

    def _removal(self, form: Entry, progress: Progress) -> Mask | None:
        """Return all that is gone after a step, or None when the step removes nothing."""
        standing = self.standing
        if self._scores is None or self._scores[0] != standing.step:
            table = shrink_table(self.resolver.table, standing.removed)
            self._scores = standing.step, self.rank(standing.model, table, progress)
        before = explicit_plan(self.resolver, self.plan, standing.removed).selection
        update = {"selection": (*before, form), "target": None, "strategy": "structural"}
        removed = self.resolver.resolve(self.plan.model_copy(update=update), self._scores[1])
        gone = removed.removed
        if (standing.removed & ~gone).any() or not (gone & ~standing.removed).any():
            return None
        return gone

    def _step(
        self,
        journal: Journal,
        item: int,
        form: Entry,
        removed: Mask,
        replaced: int | None,
        progress: Progress,
    ) -> dict[str, Any]:
        number = 1 + max((r["step"] for r in journal.records if "step" in r), default=0)
        progress(0.1, "Removing channels")
        model, proof = self._cut(removed)
        if self.after_step is not None:
            progress(0.2, "Repairing")
            model = self.after_step(model)
        progress(0.3, "Evaluating")
        accuracy = self.validation.evaluate(model, Span(progress, 0.3, 0.9))
        prediction = predict_plan(self.resolver.table, Resolution(removed, (), ()))
        name = f"step-{number:03d}.pt"
        self.save(model, self.folder / name, removed, prediction, proof)
        known = {
            "run": self.key,
            "model": self.settings["model"],
            "parent": self.standing.step,
            "item": item,
            "entry": form.to_json(),
            **self._figures(number, form, accuracy, prediction),
            "fallback_of": replaced,
            "checkpoint": name,
            "removed": pack(removed),
            "proof": proof.to_json(),
        }
        journal.append(known)
        if known["accepted"]:
            self.standing = Standing(number, model, removed, proof)
        return known

    def _figures(
        self, number: int, form: Entry, accuracy: Accuracy, prediction: Prediction
    ) -> dict[str, Any]:
        share = share_of(accuracy.map50_95, self.base["map50_95"])
        fine = share is None or share >= 1.0 - self.limit
        note = "" if fine else f"keeps less than {1.0 - self.limit:.1%} of the accuracy"
        return {
            "step": number,
            "block": form.block,
            "layer": form.layer,
            "ratio": form.ratio,
            "scope": form.scope,
            "map50_95": accuracy.map50_95,
            "map50": accuracy.map50,
            "share": share,
            "accepted": fine,
            "note": note,
            "macs": prediction.after.macs,
            "parameters": prediction.after.parameters,
        }

    def _cut(self, removed: Mask) -> tuple[nn.Module, Verification]:
        """Return a fresh copy of the standing network without the atoms, verified to equal it."""
        standing = self.standing
        table = shrink_table(self.resolver.table, standing.removed)
        new = removed & ~standing.removed
        model = cut_network(standing.model, table, new)
        proof = verify_networks(standing.model, model, table, new)
        if not proof.passed:
            raise RuntimeError(
                "The pruned network differs from the masked original (relative error "
                f"{proof.relative_error:.1e}); the step was rejected."
            )
        return model, proof

    # ---- files --------------------------------------------------------------------------------

    def save(
        self,
        model: nn.Module,
        path: Path,
        removed: Mask,
        prediction: Prediction,
        proof: Verification,
    ) -> Plan:
        """Write a network as a checkpoint that reports how it came from the original."""
        plan = replayable(self.resolver, self.plan, removed)
        made = record(self.loaded, plan, prediction, proof)
        save_pruned(self.loaded, model, path, made)
        return plan


def replayable(resolver: Resolver, plan: Plan, removed: Mask) -> Plan:
    """Return the exact channels of a removal as a plan that needs no measurement."""
    exact = explicit_plan(resolver, plan, removed)
    return exact.model_copy(update={"strategy": "structural", "max_loss": None})


def public(known: dict[str, Any]) -> dict[str, Any]:
    """Return what is reported of a step: all but what only continuing needs."""
    return {k: v for k, v in known.items() if k not in ("run", "removed", "item", "model")}


def _proof(known: dict[str, Any]) -> Verification:
    return Verification(**known["proof"])
