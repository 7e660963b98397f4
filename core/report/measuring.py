"""What a report measures when it is asked to: accuracy, latency, and what else could be used.

Everything runs on the same images, or in turns in one run, so that figures compare.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.errors import UserError, no_dataset
from core.history.measurements import ACCURACY, ALTERNATIVES, LATENCY, Measurement, new_measurement
from core.progress import Progress, Span
from core.report.alternatives import alternatives
from core.report.wanted import Measuring, hashes, part, there

if TYPE_CHECKING:
    from core.data.stream import DataSettings
    from core.report.known import Known, OpenProject

WHAT = (ACCURACY, LATENCY, ALTERNATIVES)


def project_data(opened: OpenProject, split: str = "val") -> DataSettings | None:
    """Return all images of a project's dataset; None where it has none."""
    from core.data.stream import ALL, DataSettings
    from core.project import place

    data = opened.project.data
    if data is None:
        return None
    return DataSettings(
        place(data.path, opened.place),
        images=ALL,
        seed=data.seed,
        image_size=data.image_size,
        device=data.device,
        split=split,
        same_classes=data.same_classes,
    )


def check(known: Known, wanted: Measuring) -> None:
    """Refuse what cannot be measured, before anything is.

    Raises
    ------
    UserError
        For something that is not known, images that are missing, or a model that is missing.
    """
    strange = [name for name in wanted.what if name not in WHAT]
    if strange:
        raise UserError(
            f"A report does not support measuring “{strange[0]}”.",
            f"Use some of {', '.join(WHAT)}.",
        )
    if ACCURACY in wanted.what and wanted.data is None:
        raise no_dataset(
            "Measuring accuracy",
            "Pass a dataset YAML (--data), or choose a dataset in the project.",
        )
    original = known.original
    if wanted.what and (original is None or known.sha256 is None or original.sha256 is None):
        raise UserError(
            "Measuring needs the model of the project.",
            "Restore it, or create the report without measuring.",
        )


def measure(known: Known, wanted: Measuring, progress: Progress) -> Iterator[Measurement]:
    """Measure what is wanted, one after the other; may be cancelled in between and within.

    Raises
    ------
    UserError
        As `check`, or what the measurements refuse.
    """
    check(known, wanted)
    ways = {ACCURACY: _accuracy, LATENCY: _latency, ALTERNATIVES: alternatives}
    for number, name in enumerate(wanted.what):
        yield ways[name](known, wanted, Span(progress, *part(number, wanted.what)))


# ---- accuracy and latency -----------------------------------------------------------------------


def _accuracy(known: Known, wanted: Measuring, progress: Progress) -> Measurement:
    from core.compare.files import compare_files
    from core.data.evaluate import evaluate
    from core.pipeline import load

    assert wanted.data is not None
    networks = there(known)
    if len(networks) > 1:
        paths = [network.path for network in networks]
        every = 1 << 30
        compared = compare_files(paths, wanted.data, shown=every, progress=progress)
        result = {k: value for k, value in compared.items() if k not in ("channels", "blocks")}
    else:
        loaded = load(networks[0].path)
        facts = loaded.facts
        accuracy = evaluate(
            loaded.model, wanted.data, facts.classes, facts.task, progress=progress
        ).to_json()
        keys = ("figures", "classes", "milliseconds", "images")
        entry = {"sha256": facts.sha256, **{key: accuracy[key] for key in keys}}
        result = {"models": [entry], "split": wanted.data.split, "images": []}
    result |= {"data": wanted.data.path.name, "image_size": wanted.data.image_size.plain}
    return new_measurement(ACCURACY, hashes(networks), result)


def _runtimes() -> list[str]:
    """Return the names of the runtimes that a report times networks in."""
    from core.ship.latency.runtime import cuda_available
    from core.ship.latency.runtimes import runtimes

    gpu = cuda_available()
    return [name for name, runtime in runtimes().items() if gpu or not runtime.gpu_only]


def _latency(known: Known, wanted: Measuring, progress: Progress) -> Measurement:
    from core.pipeline import load
    from core.ship.latency import measure as timing

    networks = there(known)
    models = {}
    for number, network in enumerate(networks):
        progress(0.1 * number / len(networks), f"Opening {network.path.name}")
        models[str(network.sha256)] = load(network.path).model
    assert known.facts is not None
    measured = timing.measure(
        models,
        runtimes=_runtimes(),
        image_size=known.facts.image_size,
        threads=wanted.threads,
        device=wanted.device,
        progress=Span(progress, 0.1, 1.0),
    )
    return new_measurement(LATENCY, hashes(networks), measured.to_json())
