"""What a pruned network really takes, next to the unpruned one: a prediction checked."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.plan.latency.clock import LatencyTable
from core.plan.latency.files import key_of, latency_folder
from core.plan.latency.times import Times
from core.plan.widths import Mask
from core.progress import Progress, silent
from core.pruning.surgery import cut_network
from core.ship.latency.place import place_of
from core.ship.latency.table import NETWORK_REPEATS, settings_of, time_networks
from core.structure.stage import Stage
from core.system.budget import CACHED, read_json
from core.system.cache import DAMAGED
from core.system.files import write_json


def measured_times(
    stage: Stage,
    removed: Mask,
    latency: LatencyTable,
    *,
    cache: bool = True,
    progress: Progress = silent,
) -> Times:
    """Time a pruned network in turns with the unpruned one, as its latency table was measured.

    Parameters
    ----------
    stage : Stage
    removed : bool array, shape (atoms,)
        Of what structure leaves.
    latency : LatencyTable
        Of the unpruned network.
    cache : bool
        Whether to keep the times, and take those that were kept: the same plan is then corrected
        in the same way, whoever asks.
    progress : Progress
        May cancel.

    Raises
    ------
    UserError
        When the runtime cannot run here.
    """
    place = _place(stage, removed, latency)
    known = _read(place) if cache else None
    if known is not None:
        return known
    pruned = cut_network(stage.loaded.model, stage.analysis.table, removed)
    settings = settings_of(latency.about)
    models = [stage.original.model, pruned]
    with place_of(latency.about) as there:
        before, after = time_networks(models, there, settings, NETWORK_REPEATS, progress)
    times = Times(float(before), float(after))
    if cache:
        with contextlib.suppress(OSError, UserError):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_json(place, {"before_ms": times.before_ms, "after_ms": times.after_ms})
    return times


def _place(stage: Stage, removed: Mask, latency: LatencyTable) -> Path:
    digest = hashlib.sha256(stage.loaded.facts.sha256.encode())
    digest.update(key_of(latency.about).encode() + removed.tobytes())
    return latency_folder() / "measured" / f"{digest.hexdigest()[:32]}.json"


def _read(place: Path) -> Times | None:
    try:
        data: Any = read_json(place, CACHED)
        times = Times(float(data["before_ms"]), float(data["after_ms"]))
    except DAMAGED:
        return None
    return times if times.before_ms > 0 and times.after_ms > 0 else None
