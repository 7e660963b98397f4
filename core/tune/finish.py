"""The end of a tuning: its states are measured, and one of them becomes the result."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.checkpoint import Loaded, load, save
from core.checkpoint.facts import kept_dtype
from core.errors import UserError
from core.system.files import sha256_of
from core.tune.average import SHARE, mean_network
from core.tune.choose import BEFORE, BEST, LAST, MEAN, State, choose, sentence
from core.tune.measure import Measurer
from core.tune.settings import Settings
from core.tune.sparsity import NOTHING, result_of
from core.tune.state import read_state
from core.tune.training import Run, count

CHOSEN = "state"
"""Under which the record of a tuning says which state the file holds, if it is no epoch's best."""


def finish(
    settings: Settings,
    run: Run,
    options: Mapping[str, Any],
    before: State | None,
    seconds: float,
) -> dict[str, Any]:
    """Read both files back, count and measure, and let the better state be the result.

    Parameters
    ----------
    settings : Settings
    run : Run
    options : mapping
        For Ultralytics' trainer.
    before : State or None
        The network as it came, if it was measured already.
    seconds : float
        That the training took.

    Returns
    -------
    dict
        As `core.tune.run.finetune` describes it.
    """
    epochs = int(read_state(run.last)["epoch"]) + 1
    measure = Measurer(settings, run, options)
    states = _states(settings, run, measure, before)
    chosen = _chosen(run, states)
    sparsity = _sparsity(run, chosen)
    text = sentence(chosen, measure.count) + _scales_text(sparsity)
    averaged = _averaged(states, chosen)
    if averaged is not None:
        told = {"share": SHARE, "metrics": averaged["figures"], "kept": averaged["kept"]}
        run.emit({"event": "averaged", **told})
    every = {name: state.figures for name, state in states.items()}
    run.emit({"event": "chosen", "state": chosen.name, "text": text, "metrics": every})
    network = _marked(run, chosen)
    if chosen.name != BEST:
        _copy(network, run.best, settings)
    shutil.rmtree(run.folder / "work", ignore_errors=True)
    output = run.best
    if settings.output is not None:
        output = Path(settings.output)
        try:
            _copy(network, output, settings, kept_dtype(run.student.facts))
        except UserError as error:  # the result is whole, and where the job is
            output = run.best
            hint = f"The result is in {output}."
            run.emit({"event": "warning", "message": error.message, "hint": hint})
    return {
        "output": str(output),
        "best": str(run.best),
        "last": str(run.last),
        "parameters": run.parameters,
        "epochs": epochs,
        "seconds": round(seconds, 2),
        "before": states[BEFORE].figures if settings.baseline else None,
        "after": chosen.figures,
        "final": states[LAST].figures,
        "averaged": averaged,
        "chosen": chosen.name,
        **({} if sparsity is None else {"sparsity": sparsity}),
        "text": text,
        "measured_on": {
            "data": str(settings.data),
            "split": "val",
            "images": measure.count,
            "image_size": run.size.plain,
        },
        "sha256": sha256_of(output),
    }


def _states(
    settings: Settings, run: Run, measure: Measurer, before: State | None
) -> dict[str, State]:
    """Measure the network from before, and what came of it, in the order of `choose`."""
    networks = {LAST: load(run.last), BEST: load(run.best)}
    for loaded in networks.values():
        if (found := count(loaded.model)) != run.parameters:
            raise RuntimeError(
                f"{loaded.facts.path} has {found} parameters instead of {run.parameters}."
            )
    known = _known(networks[BEST])
    states = {BEFORE: before or measure(BEFORE, run.student)}
    states[LAST] = measure(LAST, networks[LAST])
    if settings.average and run.sparsity is None:
        mean = mean_network(run.student.model, networks[LAST].model)
        states[MEAN] = measure(MEAN, replace(networks[LAST], model=mean))
    if known is None and not _same(networks[BEST], networks[LAST]):
        states[BEST] = measure(BEST, networks[BEST])
    return states


def _known(best: Loaded) -> str | None:
    """Return which state was chosen already, where a finished tuning was interrupted."""
    records = best.facts.history[-1:]
    return next((record[CHOSEN] for record in records if CHOSEN in record), None)


def _same(one: Loaded, other: Loaded) -> bool:
    mine, theirs = one.model.state_dict(), other.model.state_dict()
    return all(bool((mine[name] == theirs[name]).all()) for name in mine)


def _chosen(run: Run, states: Mapping[str, State]) -> State:
    """Return the result; after sparse training the last state, whatever its accuracy.

    The state with the best accuracy is one from before the scales fell, and so is half the mean.
    """
    return states[LAST] if run.sparsity is not None else choose(list(states.values()))


def _sparsity(run: Run, chosen: State) -> dict[str, Any] | None:
    if run.sparsity is None:
        return None
    return result_of(run.sparsity, run.student.model, chosen.network.model)


def _scales_text(sparsity: Mapping[str, Any] | None) -> str:
    """Say how many scales fell; nothing where none was pulled."""
    if sparsity is None:
        return ""
    return (
        f" {sparsity['after']:.1%} of the {sparsity['scales']:,} scales of channels that can be "
        f"cut are below {NOTHING:g}; {sparsity['before']:.1%} were before."
    )


def _averaged(states: Mapping[str, State], chosen: State) -> dict[str, Any] | None:
    """Return what a result says about the mean, if it was tried."""
    if MEAN not in states:
        return None
    return {"share": SHARE, "figures": states[MEAN].figures, "kept": chosen.name == MEAN}


def _marked(run: Run, chosen: State) -> Loaded:
    """Return the chosen network with a record that says which state it is."""
    if chosen.name == BEST:
        return chosen.network
    record = {**run.history[-1], CHOSEN: chosen.name}
    if chosen.name == MEAN:
        record["averaged"] = SHARE
    history = (*run.history[:-1], record)
    facts = replace(chosen.network.facts, history=history)
    return replace(chosen.network, facts=facts)


def _copy(loaded: Loaded, output: Path, settings: Settings, dtype: str = "float32") -> None:
    inputs = [settings.model, *([settings.teacher] if settings.teacher else [])]
    save(
        copy.deepcopy(loaded.model),
        output,
        train_args=loaded.train_args,
        history=loaded.facts.history,
        forbidden=inputs,
        dtype=dtype,
    )
