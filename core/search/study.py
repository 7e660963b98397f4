"""A search: trials drawn by Optuna, each evaluated and recorded, until its time is over.

What was measured is in a journal of the search's folder. A search that was cut off reads it and
continues where it was: every trial is drawn by a seed of its own, and knows the trials of earlier
batches alone, so that it draws the same wherever and however often its batches are carried out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import CancelledError, UserError, reason_of
from core.progress import Forward, Progress, Span, publish, silent
from core.search import parts, records
from core.search.batch import Batch, Bench
from core.search.draws import Draws, Seed
from core.search.records import Record
from core.search.settings import AT_ONCE, SearchSettings, TrialRequest
from core.search.space import Space, Suggested
from core.system.journal import Journal
from core.system.signals import EndedError

SUGGESTED = 4
"""Plans of the suggestion and its alternatives that are measured first."""
IDLE = 30
"""Trials in a row that measured nothing, after which a search ends: its space is used up."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes
    ----------
    unpruned : dict
        ``point``, ``parameters`` and ``macs`` of the unpruned network.
    int8 : dict
        ``point`` and ``figures`` of the unpruned network as INT8, or what is ``missing`` for that;
        empty where it was not to be measured.
    trials : tuple of dict
        Their records (`core.search.records.Trial`).
    front : tuple of dict
        Those that no other one beats, fastest first.
    resumed : int
        How many were there already.
    """

    unpruned: dict[str, Any]
    int8: dict[str, Any]
    trials: tuple[Record, ...]
    front: tuple[Record, ...]
    resumed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as ``search --json`` prints it."""
        return {
            "unpruned": self.unpruned,
            "int8": self.int8,
            "trials": list(self.trials),
            "front": [record["trial"] for record in self.front],
            "resumed": self.resumed,
        }


class StoppedError(CancelledError):
    """A search was cancelled, or interrupted, once something was measured.

    Attributes
    ----------
    found : Found
        What there was by then.
    """

    def __init__(self, found: Found) -> None:
        super().__init__()
        self.found = found


class Search:
    """One search in a folder.

    Parameters
    ----------
    bench : Bench
    settings : SearchSettings
    sha256 : str
        Of the model's file.
    folder : Path
        Made where it is missing.
    room : int
        Trials to make at once where neither the settings nor the folder say how many.
    remember : callable, optional
        Told the record of every trial that was measured, while its file is there.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        bench: Bench,
        settings: SearchSettings,
        sha256: str,
        folder: Path,
        *,
        room: int = 1,
        remember: Callable[[Record], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bench, self._settings, self._sha256 = bench, settings, sha256
        self._folder, self._remember, self._clock = folder, remember, clock
        self._room, self._at_once, self._with_int8 = room, 1, True
        self._trials: list[Record] = []
        self._unpruned: dict[str, Any] = {}
        self._int8: dict[str, Any] = {}

    def run(self, progress: Progress = silent) -> Found:
        """Search until the trials, or the minutes, are used up.

        Parameters
        ----------
        progress : Progress
            Told every trial as a partial result: ``trial``, its record, ``unpruned``, ``int8``, and
            ``front``, the numbers of the trials on it. May cancel; what was measured is kept.

        Raises
        ------
        StoppedError
            Where it was cancelled, or interrupted, after it had begun.
        UserError
            For a folder that holds another search or cannot be written.
        """
        show = Forward(progress)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable_folder(self._folder, error) from error
        with Journal(self._folder / records.JOURNAL, records.KIND, records.check) as journal:
            self._open(journal)
            resumed = len(self._trials)
            show(0.0, "Measuring the unpruned network")
            self._begin(journal, Span(show, 0.0, 0.03))
            self._refer(journal, Span(show, 0.03, 0.05))
            seeds = self._seeds(journal, Span(show, 0.05, 0.1))
            self._publish(show, None)
            study = Draws(self._bench.space, self._settings.seed, seeds)
            try:
                self._search(study, journal, show)
            except EndedError:  # whoever ends a process waits for no results
                raise
            except (CancelledError, KeyboardInterrupt) as error:
                raise StoppedError(self.found(resumed)) from error
        progress(1.0, "Done")
        return self.found(resumed)

    def found(self, resumed: int = 0) -> Found:
        """Return what was found so far."""
        front = records.front(self._trials, self._unpruned or None)
        return Found(self._unpruned, self._int8, tuple(self._trials), tuple(front), resumed)

    def _search(self, study: Draws, journal: Journal, progress: Progress) -> None:
        first = len(self._trials) // self._at_once * self._at_once
        for record in self._trials[:first]:
            study.replay(record, self._trials)
        idle = 0
        while idle < IDLE and not self._over():
            for record in self._next(study, journal, progress):
                idle = 0 if record["state"] in records.MEASURED else idle + 1

    # ---- what is there already ----------------------------------------------------------------

    def _open(self, journal: Journal) -> None:
        first = next((r["search"] for r in journal.records if "search" in r), None)
        before, with_int8 = min(self._room, self._settings.trials, AT_ONCE), True
        if first is not None:
            first = {"at_once": 1, "int8": True, **first}  # that of version 0.1
            before, with_int8 = first["at_once"], first["int8"]
        self._with_int8 = with_int8 if self._settings.int8 is None else self._settings.int8
        self._at_once = self._settings.at_once or before
        identity = self._settings.identity(self._sha256, self._at_once, self._with_int8)
        if first is None:
            journal.append({"search": identity})
        elif first != identity:
            other = next((key for key in identity if first.get(key) != identity[key]), "version")
            raise UserError(
                f"{self._folder} holds another search (other {other.replace('_', ' ')}).",
                "Choose another folder, or search with the settings of that one.",
            )
        trials = {r["trial"]: r for r in journal.records if "trial" in r}
        self._trials = []
        for number in range(len(trials)):
            if not self._is_sound(number, trials):
                break  # what came after it was drawn knowing it
            self._trials.append(trials[number])

    def _is_sound(self, number: int, trials: Mapping[int, Record]) -> bool:
        """Whether a trial is there, of this space, and refers to one before it at most."""
        record = trials.get(number)
        if record is None or not self._bench.space.holds(record["settings"]):
            return False
        same = record.get("same_as")
        return record["state"] != "same" or (same is not None and same < number)

    def _begin(self, journal: Journal, progress: Progress) -> None:
        known = next((r["unpruned"] for r in journal.records if "unpruned" in r), None)
        self._unpruned = known or self._bench.unpruned(progress)
        if known is None:
            journal.append({"unpruned": self._unpruned})

    def _refer(self, journal: Journal, progress: Progress) -> None:
        """Measure the unpruned network as INT8, again where something was missing before.

        Nothing where that is not wanted.
        """
        if not self._with_int8:
            return
        found = (r["int8"] for r in journal.records if "int8" in r)
        known = next((one for one in found if one.get("point")), None)
        self._int8 = known or self._bench.int8(progress)
        if known is None:
            journal.append({"int8": self._int8})

    def _seeds(self, journal: Journal, progress: Progress) -> list[Seed]:
        """Return the points to measure first, with their plans where these are known.

        They are what one suggestion gives, so that the front is never worse, and the same on
        images of other sizes.
        """
        space = self._bench.space
        plans = next((r["suggested"] for r in journal.records if "suggested" in r), None)
        if plans is None:
            plans = [one.to_json() for one in spread(self._bench.suggested(progress), space)]
            journal.append({"suggested": plans})
        seeds: list[Seed] = [
            ({**space.usual, "amount": space.nearest("amount", one["amount"])}, one["plan"])
            for one in plans
        ]
        own = space.usual["image_size"]
        sizes = (size for size in space.axes["image_size"] if size != own)
        return [*seeds, *(({**space.usual, "image_size": size}, {}) for size in sizes)]

    # ---- the next trials ----------------------------------------------------------------------

    def _over(self) -> bool:
        spent = sum(record["seconds"] for record in self._trials)
        limit = 60 * self._settings.minutes
        return len(self._trials) >= self._settings.trials or spent >= limit

    def _share(self) -> float:
        spent = float(sum(record["seconds"] for record in self._trials))
        share = spent / (60 * self._settings.minutes)
        return min(1.0, max(share, len(self._trials) / self._settings.trials))

    def _next(self, study: Draws, journal: Journal, progress: Progress) -> list[Record]:
        """Carry out the batch that comes next, or what is left of it; return its records."""
        first = len(self._trials) // self._at_once * self._at_once
        numbers = range(first, min(first + self._at_once, self._settings.trials))
        drawn = [study.draw(number) for number in numbers]
        for number, (settings, _) in zip(numbers, drawn, strict=True):
            if number < len(self._trials) and self._trials[number]["settings"] != settings:
                del self._trials[number:]  # it was not drawn by this search
        requests = [
            self._request(number, seed)
            for number, seed in zip(numbers, drawn, strict=True)
            if number >= len(self._trials)
        ]
        several = self._at_once > 1
        batch = Batch(
            self._bench,
            parts.known(journal.records) if several else {},
            journal.append if several else None,
            tune=self._settings.tune_minutes > 0,
            clock=self._clock,
        )
        names = {first + 1: None, numbers[-1] + 1: None}
        title = f"Trial{'s' * several} {' to '.join(map(str, names))}: "
        start = 0.1 + 0.9 * self._share()
        step = 0.9 * len(requests) / self._settings.trials
        part = Span(progress, start, min(1.0, start + step), title)
        for record in batch.run(requests, self._trials, part):
            self._add(record, journal, progress)
        for number in numbers:
            study.tell(self._trials[number], self._trials)
        return self._trials[first:]

    def _request(self, number: int, seed: Seed) -> TrialRequest:
        settings, plan = seed
        return TrialRequest(
            number=number,
            settings=settings,
            plan=plan,
            known={r["key"]: r["trial"] for r in records.measured(self._trials)},
            output=str(self._folder / f"trial-{number:03}.pt"),
        )

    def _add(self, record: Record, journal: Journal, progress: Progress) -> None:
        journal.append(record)
        self._trials.append(record)
        if self._remember is not None and record["state"] in records.MEASURED:
            self._remember(record)
        front = records.front(self._trials, self._unpruned)
        records.prune_files(self._trials, front, self._folder)
        self._publish(progress, record)

    def _publish(self, progress: Progress, record: Record | None) -> None:
        found = self.found()
        told = {
            "unpruned": self._unpruned,
            "int8": self._int8,
            "front": [r["trial"] for r in found.front],
        }
        if record is None:
            publish(progress, {**told, "trials": self._trials})
        else:
            publish(progress, {**told, "trial": record})


def spread(plans: Sequence[Suggested], space: Space) -> list[Suggested]:
    """Return a suggestion and a few of its alternatives around the budget, evenly."""
    amounts = space.axes["amount"]
    others = [one for one in plans[1:] if min(amounts) <= one.amount <= max(amounts)]
    count = min(SUGGESTED - 1, len(others))
    step = len(others) / max(count, 1)
    return [*plans[:1], *(others[int(step * (n + 0.5))] for n in range(count))]


def unwritable_folder(folder: Path, error: OSError) -> UserError:
    """Return the error for a folder that cannot be made."""
    return UserError(
        f"Could not make the folder {folder}: {reason_of(error)}.", "Choose another with --out."
    )
