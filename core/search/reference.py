"""The unpruned network as INT8: what a search's trials have to beat without any pruning.

It is the exported file itself that is evaluated and timed, in its own runtime.
"""

from __future__ import annotations

import contextlib
import io
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.compare.bench import TURNS, UNPRUNED, Bench, Judged
from core.compare.evaluated import evaluated
from core.data.figures import main_figure
from core.data.resample import interval
from core.data.validation import Validation
from core.errors import UserError
from core.progress import Progress, Span
from core.ship.export.formats import format_of
from core.ship.export.run import ExportSettings, export
from core.ship.exported.network import open_exported
from core.ship.exported.timing import measure_in_turns
from core.system.scratch import Scratch

if TYPE_CHECKING:
    from core.data.stream import DataSettings

FORM = "openvino"
"""The format: the one that runs INT8 on any processor."""
INT8 = "int8"


def int8_reference(bench: Bench, train: DataSettings, progress: Progress) -> dict[str, Any]:
    """Export the unpruned network as INT8, evaluate and time it.

    Parameters
    ----------
    bench : Bench
        That has begun.
    train : DataSettings
        Images to calibrate on.
    progress : Progress
        May cancel.

    Returns
    -------
    dict
        ``format``, and either ``point``, as `MeasuredPoint.to_json` has it, with all ``figures``,
        or ``missing``: what is not installed, or why the network cannot be exported.
    """
    form = format_of(FORM)
    told: dict[str, Any] = {"format": FORM}
    reason = form.missing(INT8)
    try:
        if reason is not None:
            raise reason
        form.check(bench.loaded.facts.task, INT8)
        with Scratch("int8") as place:
            return {**told, **_measured(bench, train, Path(place), progress)}
    except UserError as error:  # the search is sound without
        return {**told, "missing": f"{error.message} {error.hint}".strip()}


def _measured(bench: Bench, train: DataSettings, place: Path, progress: Progress) -> dict[str, Any]:
    began, loaded, data = time.monotonic(), bench.loaded, bench.data
    file = place / f"unpruned_int8{format_of(FORM).suffix}"
    settings = ExportSettings(FORM, INT8, data.image_size, data=train, compared=1)
    with contextlib.redirect_stdout(io.StringIO()):  # what nncf prints of its steps
        export(loaded, file, settings, Span(progress, 0.0, 0.5, "INT8: "))
    network = open_exported(file).model
    facts = loaded.facts
    # A file takes whole squares, in the order of their names: so does what it is compared with.
    unpruned, own = (
        Validation(model, replace(data, batch=1), facts.classes, facts.task, square=True)
        for model in (loaded.model, network)
    )
    before = evaluated(unpruned, loaded.model, Span(progress, 0.5, 0.65, "INT8: "))
    found = evaluated(own, network, Span(progress, 0.65, 0.85, "INT8: "))
    accuracy = main_figure(found.figures)
    low, high = interval(accuracy, main_figure(before.figures), found.resampled, before.resampled)
    timed = measure_in_turns(
        {UNPRUNED: loaded.model, INT8: network},
        runtimes=(bench.base.runtime,),
        image_size=data.image_size,
        repeats=TURNS,
        device=data.device,
        progress=Span(progress, 0.85, 1.0, "INT8: "),
    )
    ratio = next(t.ratio for t in timed.timings if t.model == INT8)
    assert ratio is not None  # the unpruned network is the first
    ms = bench.base.latency_ms
    times = ms * ratio.median, ms * ratio.low, ms * ratio.high
    judged = Judged((accuracy, low, high), found.figures, found.images)
    point = bench.point(judged, times, data.image_size, began, "")
    return {"point": replace(point, runtime=FORM).to_json(), "figures": dict(found.figures)}
