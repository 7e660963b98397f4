"""Versions of one network in INT8: written, measured, and one of them chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.data.figures import main_figure
from core.progress import Progress, Span
from core.repair.images import open_pool
from core.ship.export.exporter import run_exporter, sealed
from core.ship.export.formats import FORMATS, Format
from core.ship.export.parity import Parity, compare
from core.ship.export.run import COMPARED, size_of
from core.ship.quantize.choose import Tried, best, check_kept, versions
from core.ship.quantize.graph import decoding, layers, left_out
from core.ship.quantize.measure import Judge, judge_of_held, share_of, split_of, timed
from core.ship.quantize.methods import RANKING, Quantizer, quantizer_of
from core.ship.quantize.sensitive import ranked
from core.ship.quantize.settings import Figures, QuantizeSettings
from core.system.scratch import Scratch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.checkpoint import Loaded
    from core.repair.images import Pool
    from core.ship.latency.measure import Timing

LOOKED_AT = 4
"""Calibration images on which layers are ranked."""
HELD = 3
"""One image in as many is held out of the calibration."""


@dataclass(frozen=True, slots=True)
class Made:
    """The version that is the result, and what was measured on the way.

    Attributes
    ----------
    file : Path
    kept : tuple of str
        Layers in higher precision.
    tried : tuple of Tried
        All versions, where one was chosen.
    timings : tuple of Timing
        Of the FP32 file and this one.
    parity : Parity or None
    figures : pair of mapping of str to float, or None
        Of the FP32 file and this one, on the split.
    images : int
        Of the split.
    fp32_bytes : int
    """

    file: Path
    kept: tuple[str, ...]
    tried: tuple[Tried, ...]
    timings: tuple[Timing, ...]
    parity: Parity | None
    figures: tuple[Figures, Figures] | None
    images: int
    fp32_bytes: int


class Work:
    """One network quantised, in a folder of its own.

    Parameters
    ----------
    loaded : Loaded
    form : Format
    settings : QuantizeSettings
        Its data fits the network.
    folder : Path
        Empty.
    progress : Progress

    Attributes
    ----------
    layers : tuple of str
        That can be in INT8.
    """

    def __init__(
        self,
        loaded: Loaded,
        form: Format,
        settings: QuantizeSettings,
        folder: Path,
        progress: Progress,
    ) -> None:
        self.loaded, self.form, self.data = loaded, form, settings.data
        self.settings, self._folder, self._progress = settings, folder, progress
        self.pool: Pool = open_pool(self.data, Span(progress, 0.0, 0.05), HELD)
        self._names = [name for name, _ in loaded.model.named_modules()]
        self.fp32 = self._exported(form)
        progress(0.1, "Reading the exported network")
        self._quantizer = self._opened(
            form, self.fp32, list(self.pool.plain(size=1)), "calibrating"
        )
        self._decoders = decoding(self._quantizer.operations, self._quantizer.outputs)
        self.layers = layers(self._quantizer.operations, self._decoders)
        check_kept(settings.kept or (), self.layers)

    def _exported(self, form: Format) -> Path:
        self._progress(0.05, f"Exporting to {form.title}")
        folder = self._folder / f"fp32-{form.name}"
        folder.mkdir()
        size = self.data.image_size
        return run_exporter(self.loaded.model, form, folder, image_size=size, keep_choice=True)

    def _opened(self, form: Format, file: Path, images: Sequence[Any], use: str) -> Quantizer:
        folder = self._folder / use
        folder.mkdir()
        arrays: list[NDArray[np.float32]] = [image.numpy() for image in images]
        return quantizer_of(form.name, file, arrays, folder, self._names)

    def run(self) -> Made:
        """Choose, write and measure."""
        kept = self.settings.kept
        sets = [kept] if kept is not None else versions(self._ranking())
        files = [self._written(n, each, len(sets)) for n, each in enumerate(sets)]
        part = Span(self._progress, 0.55, 0.65)
        timings = self._timed([self.fp32, *files], part)
        chosen, tried = 0, tuple[Tried, ...]()
        if len(sets) > 1:
            shares = self._shares(files)
            tried = tuple(
                Tried(names, share, share_of(timing))
                for names, share, timing in zip(sets, shares, timings[1:], strict=True)
            )
            chosen = best(tried)
        file = files[chosen]
        parity = self._parity(file)
        figures, images = self._figures(file)
        pair = (timings[0], timings[chosen + 1])
        size = size_of(self.fp32)
        return Made(file, sets[chosen], tried, pair, parity, figures, images, size)

    def _timed(self, files: Sequence[Path], progress: Progress) -> list[Timing]:
        settings, size = self.settings, self.data.image_size
        return timed(self.form, files, size, settings.threads, settings.turns, progress)

    def _ranking(self) -> list[str]:
        """Return the layers that lose most, that one first."""
        form = FORMATS[RANKING]
        file = self.fp32 if form.name == self.form.name else self._exported(form)
        images = list(self.pool.plain(size=1, most=LOOKED_AT))
        quantizer: Any = self._opened(form, file, images, "ranking")
        found = ranked(quantizer, Span(self._progress, 0.1, 0.35))
        return [one.layer for one in found if one.layer in self.layers and one.error > 0]

    def _written(self, number: int, kept: Sequence[str], count: int) -> Path:
        excluded = left_out(self._quantizer.operations, self._decoders, kept)
        share = 0.2 / count
        part = Span(self._progress, 0.35 + number * share, 0.35 + (number + 1) * share)
        target = self._folder / f"version-{number}{self.form.suffix}"
        with sealed():
            return self._quantizer.write(excluded, target, part)

    def _shares(self, files: Sequence[Path]) -> list[float]:
        """Return what every version keeps on the held-out images, of the FP32 file's accuracy.

        Without labels, it is the share of detections that agree with the checkpoint's.
        """
        part = Span(self._progress, 0.65, 0.85)
        with Scratch("held") as folder:
            judge = judge_of_held(self.loaded, self.data, self.pool, Path(folder))
            if judge is None:
                return [self._agreement(file) for file in files]
            found = []
            for number, file in enumerate([self.fp32, *files]):
                ends = (number / (len(files) + 1), (number + 1) / (len(files) + 1))
                own = Span(part, *ends, f"Version {number} of {len(files)}: ")
                found.append(main_figure(judge(file, own).figures))
        return [one / found[0] if found[0] > 0 else 1.0 for one in found[1:]]

    def _agreement(self, file: Path) -> float:
        parity = self._parity(file, len(self.pool.held))
        return 1.0 if parity is None else parity.matched

    def _parity(self, file: Path, most: int = COMPARED) -> Parity | None:
        images = list(self.pool.plain(held=True, size=1, most=most))
        part = Span(self._progress, 0.85, 0.88)
        return compare(
            self.loaded.model,
            file,
            self.form,
            images,
            precision="int8",
            real=True,
            progress=part,
        )

    def _figures(self, file: Path) -> tuple[tuple[Figures, Figures] | None, int]:
        """Evaluate the FP32 file and a version on the split; with how many images it has."""
        judge = Judge(self.loaded, split_of(self.data, self.settings.split))
        if not judge.labelled:
            return None, 0
        before = judge(self.fp32, Span(self._progress, 0.88, 0.94, "FP32 file: "))
        after = judge(file, Span(self._progress, 0.94, 1.0, "INT8 file: "))
        return (before.figures, after.figures), after.images
