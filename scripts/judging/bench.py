"""One part of a dataset: networks made from its training images, judged on the others."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
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
from core.structure.scales import places_of, strides_of
from scripts.judging.deployed import Deployed, multiply_adds, time_in_turns, write_onnx
from scripts.judging.folds import Part, write_taught

CRITERION = "fisher"
"""Of the ranking, unless another is named."""
Make = Callable[[str, "Bench", float], nn.Module]
"""Makes a network by the name of a way, to a share less of the multiply-adds."""


@dataclass(frozen=True)
class Judged:
    """What a network found on the judged images.

    Attributes
    ----------
    labelled, agreeing : BoxImages
        Matched with the labels, and with the unpruned network's detections.
    gaps : float array, shape (images,)
        Between the outputs and the unpruned network's.
        NaN where they do not correspond: at another image size, or of an exported file.
    seconds : float
        That it took; for the first way that uses a plan, with its ranking.
    macs : float
        Multiply-adds as a share of the unpruned network's.
    note : str
        What else there is to say of the network.
    """

    labelled: BoxImages
    agreeing: BoxImages
    gaps: NDArray[np.float64]
    seconds: float
    macs: float
    note: str = ""

    def save(self, path: Path) -> None:
        arrays = {f"{k}.{f}": v for k in TOLD for f, v in asdict(getattr(self, k)).items()}
        plain = {name: getattr(self, name) for name in PLAIN}
        np.savez_compressed(path, **plain, **arrays)

    @classmethod
    def load(cls, path: Path) -> Judged:
        with np.load(path) as file:
            told = {
                k: BoxImages(**{f.name: _plain(file[f"{k}.{f.name}"]) for f in fields(BoxImages)})
                for k in TOLD
            }
            return cls(**told, **{name: _plain(file[name]) for name in PLAIN})


TOLD = ("labelled", "agreeing")
PLAIN = ("gaps", "seconds", "macs", "note")


def _plain(value: Any) -> Any:
    return value if value.ndim else value.item()


def reordered(found: BoxImages, files: Sequence[str], wanted: Sequence[str]) -> BoxImages:
    """Return what was found on images in another order, so that networks can be paired by image."""
    place = {file: number for number, file in enumerate(wanted)}
    moved = np.array([place[file] for file in files])
    return replace(found, image=moved[found.image], label_image=moved[found.label_image])


class Bench:
    """Makes networks from a part's training images, and judges them on its judged ones.

    Parameters
    ----------
    options : Namespace
        Of ``scripts/judge.py``.
    part : Part
    make : callable
        Of all ways (``scripts/judging/ways.py``).

    Attributes
    ----------
    kept : dict
        What ways keep for the next network.
    note : str
        What a way has to say of the network that it makes.
    """

    def __init__(self, options: argparse.Namespace, part: Part, make: Make) -> None:
        self.options, self.part, self._make = options, part, make
        self.loaded = core.load(options.model)
        self.analysis = core.analyse(self.loaded)
        self.folder = Path(options.folder)
        self.data = DataSettings(
            part.path,
            images=options.images or ALL,
            seed=options.seed,
            image_size=options.size,
            device=options.device,
        )
        facts = self.loaded.facts
        self.kept: dict[str, Any] = {}
        self.note = ""
        self._whole = multiply_adds(self.loaded.model, options.size)
        taught = write_taught(self.loaded.model, facts.classes, part, self.folder, options.size)
        self._sources = {"labelled": part.path, "agreeing": taught}
        self._opened: dict[tuple[int, bool], dict[str, Validation]] = {}
        judged = DataSettings(part.path, images=ALL, image_size=options.size, split="val")
        pool = open_pool(judged)
        self._images = [to_tensor([letterbox(p, options.size)]) for p in (*pool.fit, *pool.held)]
        self._places: list[tuple[int, ...]] = []
        self._wanted = outputs_on(self.loaded.model.float().eval(), self._images)

    @property
    def judged_images(self) -> int:
        return len(self._images)

    def place(self, way: str, less: float, end: str) -> Path:
        """Where something of a way is kept."""
        name = way.replace(",", "+").replace(":", "-").replace(" ", "").replace("/", "+")
        if self.options.criterion != CRITERION and way != "unpruned":
            name += f"-{self.options.criterion}"
        return self.folder / f"{self.part.name}-{less:g}-{name}{end}"

    def judge_unpruned(self) -> Judged:
        return self._known(self.place("unpruned", 0.0, ".npz"), lambda: (self.loaded.model, 0.0))

    def judge(self, way: str, less: float) -> Judged:
        """Make a network, judge it, and keep what was found."""

        def make() -> tuple[nn.Module, float]:
            began = time.monotonic()
            model = self.make(way, less)
            return model, time.monotonic() - began

        return self._known(self.place(way, less, ".npz"), make)

    def make(self, way: str, less: float) -> nn.Module:
        self.note = ""
        return self._make(way, self, less)

    def _known(self, place: Path, make: Any) -> Judged:
        file = place.with_suffix(".onnx")
        if place.is_file() and (file.is_file() or not self.options.time):
            return Judged.load(place)
        model, seconds = make()
        if self.options.time:
            write_onnx(model, self.options.size, file)
        judged = self.look(model, seconds)
        judged.save(place)
        return judged

    def times(self, way: str, less: float) -> NDArray[np.float64]:
        """Time a network that was judged, in turns with the unpruned one; see `time_in_turns`."""
        place = self.place(f"time-{way}", less, ".npy")
        if not place.is_file():
            files = [self.place(*key, ".onnx") for key in (("unpruned", 0.0), (way, less))]
            np.save(place, time_in_turns(*files))
        return np.load(place)

    def look(self, model: nn.Module, seconds: float = 0.0) -> Judged:
        """Judge a network."""
        network, size, file = model, self.options.size, None
        if isinstance(model, Deployed):
            network, size, file = model.network, model.size, model.file
        usual = self._validations(self.options.size, False)
        found = {}
        for name, validation in self._validations(size, file is not None).items():
            images = validation.evaluate_by_image(file or network)[1]
            order = (validation.dataset.im_files, usual[name].dataset.im_files)
            found[name] = reordered(images, *order)
        gaps = np.full(len(self._images), np.nan)
        if network is model:
            gaps = self._gaps(network)
        macs = multiply_adds(network, size) / self._whole
        return Judged(**found, gaps=gaps, seconds=seconds, macs=macs, note=self.note)

    def _validations(self, size: int, single: bool) -> dict[str, Validation]:
        """Return what judges networks at an image size, or files of single square images."""
        if (size, single) not in self._opened:
            facts = self.loaded.facts
            settings = DataSettings(
                self.part.path,
                ALL,
                image_size=size,
                batch=1 if single else 8,
                device="cpu" if single else self.options.device,
                split="val",
            )
            self._opened[size, single] = {
                name: Validation(
                    self.loaded.model,
                    replace(settings, path=path),
                    facts.classes,
                    facts.task,
                    square=single,
                )
                for name, path in self._sources.items()
            }
        return self._opened[size, single]

    def _gaps(self, model: nn.Module) -> NDArray[np.float64]:
        trial = model.float().eval()
        scales, kept = strides_of(self.loaded.model), strides_of(trial)
        if kept != scales and not self._places:
            self._places = [places_of(self.loaded.model, batch) for batch in self._images]
        told = scales, kept, self._places
        return np.array(gaps_on(trial, self._wanted, self._images, *told))

    # ---- what ways are made of ---------------------------------------------------------------

    def plan(self, less: float, **choices: Any) -> Plan:
        """Return exact channels for fewer multiply-adds, ranked once."""
        told = {"criterion": self.options.criterion, **choices}
        structure = (entry.to_json() for entry in told.get("structure", ()))
        named = {**told, "structure": json.dumps(list(structure))} if "structure" in told else told
        name = "rank-" + "-".join(re.sub(r"\W+", "-", str(value)) for value in named.values())
        place = self.place(name, less, ".json")
        if not place.is_file():
            plan = Plan(target=Target(macs=1 - less), round_to=1, seed=self.options.seed, **told)
            made = core.suggest(self.loaded, plan, self.data)
            found, tried = made.plan, [one.to_json() for one in made.rankings]
            if tried:
                print(f"<!-- {self.part.name}: {tried} -->", flush=True)
            place.write_text(json.dumps(found.to_json()), encoding="utf-8")
        return parse_plan(json.loads(place.read_text(encoding="utf-8")))

    def removed(self, plan: Plan) -> Mask:
        """Return the atoms that an exact plan removes."""
        return resolve(self.loaded, self.analysis, plan)[1].removed

    def cut(self, removed: Mask) -> nn.Module:
        """Return the network without some atoms, its other weights as they were."""
        return cut_network(self.loaded.model, self.analysis.table, removed)
