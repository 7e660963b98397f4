"""Datasets dealt into parts: one to rank, repair and tune on, another to judge on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml

from core.data.source import read_source
from core.data.stream import ALL, DataSettings
from core.repair.images import files_of

SHOWN = 0.25
"""Confidence from which the unpruned network's detections count as labels."""


@dataclass(frozen=True)
class Part:
    """One dataset YAML: ``train`` is for ranking, repair and tuning, ``val`` for judging alone.

    ``inner`` is the same with a part of ``train`` as ``val``: for what chooses between states by
    images, which must not be those it is judged on.
    """

    name: str
    path: Path
    inner: Path


INNER = 8
"""One image in as many of those to tune on chooses between the states of a tuning."""


def split_once(data: Path, judged: str, folder: Path) -> Part:
    """Return the dataset's own splits."""
    return _part(data, f"{judged}", _files(data, "train"), _files(data, judged), folder)


def split_folds(data: Path, count: int, seed: int, folder: Path) -> list[Part]:
    """Deal all images of train and val into parts, each judged once."""
    files = sorted({*_files(data, "train"), *_files(data, "val")})
    order = np.random.default_rng(seed).permutation(len(files))
    parts = []
    for number in range(count):
        held = set(order[number::count].tolist())
        own = [file for n, file in enumerate(files) if n in held]
        rest = [file for n, file in enumerate(files) if n not in held]
        parts.append(_part(data, f"fold{number}", rest, own, folder))
    return parts


def _files(data: Path, split: str) -> list[Path]:
    return files_of(DataSettings(data, images=ALL, split=split))


def _part(data: Path, name: str, train: list[Path], judged: list[Path], folder: Path) -> Part:
    inner = train[::INNER]
    rest = [file for file in train if file not in set(inner)]
    outer = _write(data, folder / f"{name}.yaml", train, judged)
    return Part(name, outer, _write(data, folder / f"{name}-inner.yaml", rest, inner))


def _write(data: Path, place: Path, train: list[Path], val: list[Path]) -> Path:
    source = read_source(data, "train")
    lists = {}
    for split, files in (("train", train), ("val", val)):
        listing = place.with_name(f"{place.stem}-{split}.txt").resolve()
        listing.write_text("".join(f"{file.resolve()}\n" for file in files), encoding="utf-8")
        lists[split] = str(listing)
    text = {**source.extra, "names": dict(source.names), **lists}
    place.write_text(yaml.safe_dump(text), encoding="utf-8")
    return place.resolve()


def write_taught(model, classes, part: Part, folder: Path, size: int, task: str = "detect") -> Path:
    """Write a dataset of a part's judged images with the detections of a network as labels.

    Returns
    -------
    Path
        The dataset YAML; the images are links.
    """
    from core.data.validation import Validation

    place = folder / f"{part.name}-taught"
    for name in ("images", "labels"):
        (place / name).mkdir(parents=True, exist_ok=True)
    settings = DataSettings(part.path, images=ALL, image_size=size, split="val")
    validation = Validation(model, settings, classes, task)
    lines: dict[str, list[str]] = {}

    def watch(validator, predictions, batch) -> None:
        for number, found in enumerate(predictions):
            own = validator._prepare_batch(number, batch)
            height, width = own["ori_shape"]
            scaled = validator.scale_preds(found, own)
            size = torch.tensor([width, height]).to(found["conf"])
            first, last = (scaled["bboxes"].view(-1, 2, 2) / size).unbind(1)
            boxes = torch.cat([(first + last) / 2, last - first], 1)[found["conf"] >= SHOWN]
            kinds = found["cls"][found["conf"] >= SHOWN].int().tolist()
            rows = [
                f"{kind} " + " ".join(f"{value:.6f}" for value in box)
                for kind, box in zip(kinds, boxes.tolist(), strict=True)
            ]
            lines[batch["im_file"][number]] = rows

    validation.evaluate(model, watch=watch)
    for file, rows in lines.items():
        link = place / "images" / Path(file).name
        if not link.exists():
            link.symlink_to(file)
        label = (place / "labels" / Path(file).name).with_suffix(".txt")
        label.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    names = dict(read_source(part.path, "val").names)
    text = {"path": str(place.resolve()), "train": "images", "val": "images", "names": names}
    (place / "data.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    return place / "data.yaml"
