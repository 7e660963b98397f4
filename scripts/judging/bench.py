"""One part of a dataset: networks made from its training images, judged on the others."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

import core
from core.data.resample import BoxImages
from core.data.stream import ALL, DataSettings
from core.data.validation import Validation
from core.pipeline import resolve
from core.plan.schema import Plan, Target, parse_plan
from core.plan.widths import Mask
from core.pruning.surgery import cut_network
from core.repair.images import letterbox, open_pool, to_tensor
from core.repair.outputs import gaps_on, outputs_on
from core.structure.scales import strides_of
from scripts.judging.folds import Part, write_taught
from scripts.judging.ways import WAYS


@dataclass(frozen=True)
class Judged:
    """What a network found on the judged images.

    Attributes
    ----------
    labelled, agreeing : BoxImages
        Matched with the labels, and with the unpruned network's detections.
    gaps : float array, shape (images,)
        Between the outputs and the unpruned network's.
    seconds : float
        That it took; for the first way that uses a plan, with its ranking.
    """

    labelled: BoxImages
    agreeing: BoxImages
    gaps: NDArray[np.float64]
    seconds: float

    def save(self, path: Path) -> None:
        arrays = {f"{k}.{f}": v for k in TOLD for f, v in asdict(getattr(self, k)).items()}
        np.savez_compressed(path, gaps=self.gaps, seconds=self.seconds, **arrays)

    @classmethod
    def load(cls, path: Path) -> Judged:
        with np.load(path) as file:
            told = [
                BoxImages(**{f.name: _plain(file[f"{k}.{f.name}"]) for f in fields(BoxImages)})
                for k in TOLD
            ]
            return cls(*told, file["gaps"], float(file["seconds"]))


TOLD = ("labelled", "agreeing")


def _plain(value: Any) -> Any:
    return value if value.ndim else value.item()


class Bench:
    """Makes networks from a part's training images, and judges them on its judged ones.

    Parameters
    ----------
    options : Namespace
        Of ``scripts/judge.py``.
    part : Part
    """

    def __init__(self, options: argparse.Namespace, part: Part) -> None:
        self.options, self.part = options, part
        self.loaded = core.load(options.model)
        self.analysis = core.analyse(self.loaded)
        self.folder = Path(options.folder)
        self.data = DataSettings(
            part.path,
            images=options.images or ALL,
            seed=options.seed,
            image_size=options.size,
        )
        facts = self.loaded.facts
        judged = DataSettings(part.path, images=ALL, image_size=options.size, split="val")
        taught = write_taught(self.loaded.model, facts.classes, part, self.folder, options.size)
        self._validations = {
            "labelled": Validation(self.loaded.model, judged, facts.classes, facts.task),
            "agreeing": Validation(
                self.loaded.model,
                DataSettings(taught, images=ALL, image_size=options.size, split="val"),
                facts.classes,
                facts.task,
            ),
        }
        pool = open_pool(judged)
        self._images = [to_tensor([letterbox(p, options.size)]) for p in (*pool.fit, *pool.held)]
        self._wanted = outputs_on(self.loaded.model.float().eval(), self._images)

    @property
    def judged_images(self) -> int:
        return len(self._images)

    def place(self, way: str, less: float, end: str) -> Path:
        """Where something of a way is kept."""
        name = way.replace(",", "+").replace(":", "-").replace(" ", "").replace("/", "+")
        return self.folder / f"{self.part.name}-{less:g}-{name}{end}"

    def judge_unpruned(self) -> Judged:
        return self._known(self.place("unpruned", 0.0, ".npz"), lambda: (self.loaded.model, 0.0))

    def judge(self, way: str, less: float) -> Judged:
        """Make a network, judge it, and keep what was found."""

        def make() -> tuple[nn.Module, float]:
            began = time.monotonic()
            model = WAYS.make(way, self, less)
            return model, time.monotonic() - began

        return self._known(self.place(way, less, ".npz"), make)

    def _known(self, place: Path, make: Any) -> Judged:
        if place.is_file():
            return Judged.load(place)
        model, seconds = make()
        judged = self.look(model, seconds)
        judged.save(place)
        return judged

    def look(self, model: nn.Module, seconds: float = 0.0) -> Judged:
        """Judge a network."""
        found = {k: v.evaluate_by_image(model)[1] for k, v in self._validations.items()}
        trial = model.float().eval()
        scales, kept = strides_of(self.loaded.model), strides_of(trial)
        gaps = gaps_on(trial, self._wanted, self._images, scales, kept)
        return Judged(**found, gaps=np.array(gaps), seconds=seconds)

    # ---- what ways are made of ---------------------------------------------------------------

    def plan(self, less: float, **choices: Any) -> Plan:
        """Return exact channels for fewer multiply-adds, ranked once."""
        told = {"criterion": "fisher", **choices}
        name = "rank-" + "-".join(map(str, told.values()))
        place = self.place(name, less, ".json")
        if not place.is_file():
            plan = Plan(target=Target(macs=1 - less), round_to=1, seed=self.options.seed, **told)
            found = resolve(self.loaded, self.analysis, plan, self.data)[0]
            place.write_text(json.dumps(found.to_json()), encoding="utf-8")
        return parse_plan(json.loads(place.read_text(encoding="utf-8")))

    def removed(self, plan: Plan) -> Mask:
        """Return the atoms that an exact plan removes."""
        return resolve(self.loaded, self.analysis, plan)[1].removed

    def cut(self, removed: Mask) -> nn.Module:
        """Return the network without some atoms, its other weights as they were."""
        return cut_network(self.loaded.model, self.analysis.table, removed)
