"""Points of trials, drawn by Optuna."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.search import records
from core.search.records import Record
from core.search.space import AXES, Settings, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Seed = tuple[Settings, dict[str, Any]]
"""Settings to begin with, and their plan where it is known."""

STARTUP = 10
"""Trials before the sampler learns from them, those to begin with included."""
LARGEST = 1 << 32


class Draws:
    """Draws the points of trials, learning from those that were measured.

    Two objectives: milliseconds fall, accuracy rises (Optuna's multi-objective TPE). What Optuna
    sees of a point are the places of its values on their axes.

    Parameters
    ----------
    space : Space
    seed : int
    seeds : sequence of (settings, plan)
        The points to begin with.
    """

    def __init__(self, space: Space, seed: int, seeds: Sequence[Seed]) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._seed, self._seeds = space, seed, seeds
        self._study = optuna.create_study(directions=("minimize", "maximize"))
        self._asked: dict[int, Trial] = {}

    def draw(self, number: int) -> Seed:
        """Return the settings of a trial, and its plan where that is known."""
        from optuna.samplers import TPESampler

        plan: dict[str, Any] = {}
        # A sampler for every trial: what a continued search draws does not depend on its stops.
        seed = (self._seed * 1_000_003 + number) % LARGEST
        # Trials that are made at once keep away from each other.
        self._study.sampler = TPESampler(seed=seed, n_startup_trials=STARTUP, constant_liar=True)
        if number < len(self._seeds):
            settings, plan = self._seeds[number]
            self._study.enqueue_trial(self._places(settings))
        trial = self._asked[number] = self._study.ask()
        drawn: Settings = {}
        for name in AXES:
            drawn[name] = self._space.axes[name][self._place(trial, name)]
        for name in self._space.places_of(drawn):
            drawn[name] = self._space.names[self._place(trial, name)]
        return drawn, plan

    def _place(self, trial: Trial, name: str) -> int:
        choices, ordered = self._space.choices(name)
        if ordered:
            return trial.suggest_int(name, 0, len(choices) - 1)
        return int(trial.suggest_categorical(name, range(len(choices))))

    def _places(self, settings: Settings) -> dict[str, int]:
        return {name: self._space.choices(name)[0].index(v) for name, v in settings.items()}

    # ---- what came of them --------------------------------------------------------------------

    def tell(self, record: Record, trials: Sequence[Record]) -> None:
        """Learn from a trial that was drawn.

        Parameters
        ----------
        record : dict
        trials : sequence of dict
            All so far: one that was the same as another has its figures.
        """
        from optuna.trial import TrialState

        trial = self._asked.pop(record["trial"])
        values = _values(record, trials)
        if values is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, values)

    def replay(self, record: Record, trials: Sequence[Record]) -> None:
        """Learn from a trial of before."""
        from optuna.trial import TrialState, create_trial

        values = _values(record, trials)
        settings = record["settings"]
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        self._study.add_trial(
            create_trial(
                state=state,
                values=values,
                params=self._places(settings),
                distributions={name: self._distribution(name) for name in settings},
            )
        )

    def _distribution(self, name: str) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution, IntDistribution

        choices, ordered = self._space.choices(name)
        places = range(len(choices))
        return IntDistribution(0, places[-1]) if ordered else CategoricalDistribution(places)


def _values(record: Record, trials: Sequence[Record]) -> tuple[float, float] | None:
    if record["state"] == "same":
        record = trials[record["same_as"]]
    return records.point_of(record) if record["state"] in records.MEASURED else None
