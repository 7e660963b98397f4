"""Scores of a network's atoms for a plan, from the cache where they are known."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.choose.score_cache import Scores, read_scores, score_path, write_scores
from core.graph.table import ChannelTable
from core.plan.criteria import by_images, can_be_shared, keeps_one
from core.plan.schema import Plan
from core.progress import Progress, silent
from core.pruning.criteria import checked_scores, score_atoms

if TYPE_CHECKING:
    from torch import nn

    from core.checkpoint import Loaded
    from core.choose.elsewhere import Elsewhere
    from core.data.stream import DataSettings, Stream


@dataclass(frozen=True, slots=True)
class Ranking:
    """Scores of every atom, and where they are kept.

    Attributes
    ----------
    scores : float array, shape (atoms,)
    file : Path or None
        None for those that are not kept.
    skipped : int
        Images that could not be read.
    """

    scores: Scores
    file: Path | None = None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class TriedRanking:
    """One of several rankings.

    Attributes
    ----------
    images, seed : int
        How many images it looked at, and what drew them.
    gap : float
        Between the outputs of the original and of its network after a quick repair, on held-out
        images.
    kept : bool
    """

    images: int
    seed: int
    gap: float
    kept: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as ``suggest --json`` prints it."""
        return asdict(self)


class Ranker:
    """Scores a network, and what is left of it, by one plan's criterion.

    Parameters
    ----------
    loaded : Loaded
        Not changed.
    plan : Plan
        Its criterion, seed and representative hold.
    data : DataSettings, optional
        Images, for criteria that look at them.
    cache : bool
        Whether to read and write the user's cache.
    elsewhere : Elsewhere, optional
        What looks at images, by criteria whose images can be shared out; this process by default.
    """

    def __init__(
        self,
        loaded: Loaded,
        plan: Plan,
        data: DataSettings | None = None,
        *,
        cache: bool = True,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.loaded, self.plan, self.data, self.cache = loaded, plan, data, cache
        self._elsewhere = elsewhere if can_be_shared(plan.criterion) else None
        self._stream: Stream | None = None

    @property
    def looks_at_images(self) -> bool:
        """Whether the criterion needs data."""
        return by_images(self.plan.criterion)

    @property
    def skipped(self) -> int:
        """Images that could not be read, of those looked at so far."""
        return self._stream.skipped if self._stream is not None else 0

    def stream(self) -> Stream | None:
        """Return the images, opened once, or None when none are given or needed.

        Raises
        ------
        UserError
            For data that cannot be used.
        """
        if self._stream is None and self.data is not None and self.looks_at_images:
            from core.data.stream import Stream

            facts = self.loaded.facts
            data = self.data.fitted(self.loaded.model)
            if self._elsewhere is not None:  # what is here may lack the device that is there
                data = replace(data, device="cpu")
            self._stream = Stream(data, facts.task, facts.classes)
        return self._stream

    def rank(self, model: nn.Module, table: ChannelTable, progress: Progress = silent) -> Ranking:
        """Score the atoms of a network; its table may be one cut already.

        Raises
        ------
        UserError
            For data that is missing or cannot be used, or scores that are not numbers.
        """
        stream, file = self.stream(), None
        if stream is not None and self.cache:
            file = self._file(model, stream)
            known = read_scores(file, table.atom_count)
            if known is not None:
                progress(1.0, "Ranking from images found in the cache")
                return Ranking(known, file, self.skipped)
        scores = self._scores(model, table, stream, progress)
        if file is not None:
            file = write_scores(file, scores)
        return Ranking(scores, file, self.skipped)

    def _scores(
        self, model: nn.Module, table: ChannelTable, stream: Stream | None, progress: Progress
    ) -> Scores:
        plan = self.plan
        if stream is not None and self._elsewhere is not None:
            found = self._elsewhere.scores(model, table, plan.criterion, stream, progress)
            return checked_scores(plan.criterion, found, table.atom_count)
        return score_atoms(
            model,
            table,
            plan.criterion,
            plan.seed,
            stream,
            progress,
            representative=plan.representative,
        )

    def _device(self, stream: Stream) -> str:
        """Return the kind of device that looks at images."""
        there = self._elsewhere
        device = stream.settings.pick_device() if there is None else there.pool.device
        return device.split(":")[0]

    def _file(self, model: nn.Module, stream: Stream) -> Path | None:
        settings = {
            key: value
            for key, value in stream.settings.to_json().items()
            if key not in ("path", "device")
        }
        facts: dict[str, Any] = {
            "weights": _weights(model),
            "images": stream.fingerprint(),
            "settings": settings,
            "device": self._device(stream),
        }
        if keeps_one(self.plan.criterion):
            facts["representative"] = self.plan.representative
        sha256 = self.loaded.facts.sha256
        return score_path(sha256, self.plan.criterion, self.plan.seed, facts)


def _weights(model: nn.Module) -> str:
    """Name a network by what is in it: one cut, repaired or trained since is another."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        values = tensor.detach().double()
        sums = (float(values.sum()), float(values.square().sum()))
        digest.update(f"{name} {tuple(tensor.shape)} {np.array(sums).tobytes().hex()}".encode())
    return digest.hexdigest()
