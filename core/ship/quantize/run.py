"""Quantising a network: versions with fewer and more layers in INT8 are written and measured."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.checkpoint import load
from core.checkpoint.writer import check_target
from core.data.figures import main_figure
from core.progress import Progress, Span, silent
from core.ship.export.formats import FORMATS, Format
from core.ship.export.run import Exported, ExportSettings, check_export, put_export, size_of
from core.ship.quantize.aware import train
from core.ship.quantize.graph import within
from core.ship.quantize.methods import RANKING, method_of
from core.ship.quantize.settings import Quantized, QuantizeSettings, Trained
from core.ship.quantize.work import Made, Work
from core.system.scratch import Scratch
from core.tune.aware import missing

if TYPE_CHECKING:
    from core.checkpoint import Loaded


def quantize(
    loaded: Loaded, output: str | Path, settings: QuantizeSettings, progress: Progress = silent
) -> Quantized:
    """Write a network in INT8, with the layers in higher precision that are worth their time.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    output : path
        Must end as the format's files or folders do. Written only when whole.
    settings : QuantizeSettings
    progress : Progress
        May cancel between the steps; nothing is left then.

    Raises
    ------
    UserError
        For a format, task or layer that does not fit, tools or images that are missing, or a place
        that cannot be written.
    """
    from core.graph.drive import real_size

    started, target = time.monotonic(), Path(output)
    form = method_of(settings.form)
    size = real_size(loaded.model, settings.image_size or loaded.facts.image_size)
    data = replace(settings.data, image_size=size).fitted(loaded.model)
    check_export(form, loaded, target, ExportSettings(form.name, "int8", size, data=data))
    if settings.aware is not None and (absent := missing()) is not None:
        raise absent
    if settings.kept is None:  # layers are ranked in another format
        FORMATS[RANKING].check(loaded.facts.task, "int8")
    with Scratch("quantize") as name:
        job = _Job(loaded, form, replace(settings, data=data), Path(name), target)
        work, made, trained = job.run(Span(progress, 0.0, 0.95))
        progress(0.95, "Writing")
        put_export(made.file, target)
        progress(1.0, "Done")
    return _result(work, made, target, trained, time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Job:
    """A quantisation, and the training before it."""

    loaded: Loaded
    form: Format
    settings: QuantizeSettings
    folder: Path
    target: Path

    def run(self, progress: Progress) -> tuple[Work, Made, Trained | None]:
        """Do it all, but for putting the file in its place."""
        if self.settings.aware is None:
            return *self._one(self.loaded, self.settings, "plain", progress), None
        output = self.target.with_name(
            f"{self.target.name.removesuffix(self.form.suffix)}-aware.pt"
        )
        check_target(output, [self.loaded.facts.path])
        part = Span(progress, 0.0, 0.6)
        epochs = train(self.loaded.facts.path, self.settings, output, self.folder / "train", part)
        trained = load(output)
        work, after = self._one(trained, self.settings, "aware", Span(progress, 0.6, 0.9))
        same = replace(self.settings, kept=after.kept)
        plain, before = self._one(self.loaded, same, "plain", Span(progress, 0.9, 1.0))
        figures = [dict(one.figures[1]) for one in (before, after) if one.figures]
        kept = len(figures) < 2 or main_figure(figures[1]) > main_figure(figures[0])
        told = Trained(str(output), epochs, figures[0], figures[-1], kept)
        return (work, after, told) if kept else (plain, before, told)

    def _one(
        self, loaded: Loaded, settings: QuantizeSettings, name: str, progress: Progress
    ) -> tuple[Work, Made]:
        folder = self.folder / name
        folder.mkdir()
        work = Work(loaded, self.form, settings, folder, progress)
        return work, work.run()


def _result(
    work: Work, made: Made, target: Path, trained: Trained | None, seconds: float
) -> Quantized:
    facts, figures = work.loaded.facts, made.figures
    file = Path(facts.path)
    exported = Exported(
        target,
        work.form.name,
        "int8",
        work.data.image_size,
        size_of(target),
        file.stat().st_size if file.is_file() else 0,
        sum(p.numel() for p in work.loaded.model.parameters()),
        None,
        made.parity,
        seconds,
    )
    return Quantized(
        exported,
        made.fp32_bytes,
        made.kept,
        len(work.layers),
        sum(not any(within(layer, name) for name in made.kept) for layer in work.layers),
        len(work.pool.fit),
        len(work.pool.held),
        made.tried,
        made.timings,
        None if figures is None else figures[0],
        None if figures is None else figures[1],
        {
            "data": str(work.settings.data.path),
            "split": work.settings.split,
            "images": made.images,
            "image_size": work.data.image_size.plain,
        },
        trained,
    )
