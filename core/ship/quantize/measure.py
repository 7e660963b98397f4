"""Exported files measured: accuracy on labelled images, and time in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.data.classes import ClassesDifferError
from core.data.listed import only_files
from core.data.stream import ALL, DataSettings
from core.data.validation import Accuracy, Validation
from core.errors import UserError
from core.progress import Progress, Span, silent
from core.ship.devices.bench import RUNS
from core.ship.export.exporter import brief
from core.ship.export.format import Format
from core.ship.exported.network import open_exported
from core.ship.latency.measure import Timing, interleave, timings_of
from core.ship.latency.runtime import Settings
from core.system.size import ImageSize

if TYPE_CHECKING:
    from core.checkpoint import Loaded
    from core.repair.images import Pool

PRECISIONS = ("fp32", "int8")


class Judge:
    """Evaluates exported files on the images of a split, each alone and letterboxed to the whole.

    Parameters
    ----------
    loaded : Loaded
        The network that they are of.
    data : DataSettings
        Their split, and the size that they take.

    Attributes
    ----------
    labelled : bool
        Whether there are labels that fit the network; nothing can be evaluated otherwise.
    """

    def __init__(self, loaded: Loaded, data: DataSettings) -> None:
        facts, own = loaded.facts, replace(data, batch=1, device="cpu")
        self._opened: Validation | None = None
        try:
            opened = Validation(loaded.model, own, facts.classes, facts.task, square=True)
        except ClassesDifferError:
            raise
        except UserError:
            return
        if facts.task == "classify" or any(len(one["cls"]) for one in opened.dataset.labels):
            self._opened = opened

    @property
    def labelled(self) -> bool:
        """Whether there are labels."""
        return self._opened is not None

    def __call__(self, file: Path, progress: Progress = silent) -> Accuracy:
        """Evaluate a file.

        Raises
        ------
        UserError
            When it cannot be run.
        """
        assert self._opened is not None
        try:
            return self._opened.evaluate(open_exported(file).model, progress)
        except (RuntimeError, ValueError) as error:  # of runtimes
            raise UserError(
                f"The quantised network could not be evaluated: {brief(error)}.",
                "Keep more layers in higher precision, or use another format.",
            ) from error


def judge_of_held(loaded: Loaded, data: DataSettings, pool: Pool, folder: Path) -> Judge | None:
    """Return what judges by the labels of held-out images; None where they have none.

    Parameters
    ----------
    loaded : Loaded
    data : DataSettings
        Where the images came from.
    pool : Pool
    folder : Path
        For the list of the images.
    """
    if loaded.facts.task == "classify":  # its labels are the folders of all images
        return None
    judge = Judge(loaded, only_files(data, pool.held_files, folder))
    return judge if judge.labelled else None


def split_of(data: DataSettings, split: str) -> DataSettings:
    """Return all images of another split of the same dataset."""
    return replace(data, split=split, images=ALL)


def timed(
    form: Format,
    files: Sequence[Path],
    image_size: ImageSize,
    threads: int,
    turns: int,
    progress: Progress = silent,
) -> list[Timing]:
    """Time exported files in turns: the first is in FP32, the others in INT8.

    Parameters
    ----------
    form : Format
    files : sequence of Path
    image_size : ImageSize
        That they take.
    threads : int
    turns : int
    progress : Progress
        May cancel between runs.
    """
    assert form.runtime is not None
    runs = [RUNS[form.runtime.name](file, threads) for file in files]
    wall, cpu = interleave(runs, turns, Span(progress, 0.0, 1.0))
    settings = Settings(image_size=image_size, threads=threads)
    names = [PRECISIONS[number > 0] for number in range(len(files))]
    found = timings_of(names, form.runtime.name, settings, wall, cpu)
    return [replace(one, precision=one.model) for one in found]


def share_of(timing: Timing) -> float:
    """Return the share of the FP32 file's time; what other programs hardly disturb, where known."""
    ratio = timing.cpu_ratio or timing.ratio
    return 1.0 if ratio is None else ratio.median
