"""A dataset checked before anything starts: images, labels, classes, splits, duplicates.

Files are only read. What is found is plain data, for a panel or a page of JSON.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.data.class_folders import splits_of
from core.data.dense import DENSE
from core.data.description import read_description
from core.data.findings import (
    SHOWN,
    DatasetCheck,
    Detail,
    Findings,
    Sample,
    SplitCheck,
    SplitRead,
    Twin,
    compare_classes,
    compare_folders,
    judge_classes,
    judge_places,
    judge_split,
    many,
)
from core.data.index import Index, Split, write_index
from core.data.labels import Object, box
from core.data.source import Source, find_description, read_source, roots_of
from core.data.stream import ALL, TASKS, DataSettings, open_dataset
from core.errors import UserError
from core.progress import Progress, Span, silent
from core.system.size import ImageSize

_IGNORING = tuple(
    f"ignoring corrupt image/{what}: " for what in ("label", "mask", "depth")
)  # as Ultralytics says it
DIGEST = 0.85
"""Share of the progress after which images are looked for in two splits."""


def check_data(
    path: str | Path,
    *,
    task: str | None = None,
    classes: Mapping[int, str] | None = None,
    keypoints: Sequence[int] | None = None,
    same_classes: bool = False,
    samples: int = 12,
    seed: int = 0,
    index: bool = False,
    progress: Progress = silent,
) -> DatasetCheck:
    """Check a dataset, and compare it with a model if given.

    Parameters
    ----------
    path : str or Path
        A dataset YAML, a folder that holds one, or a folder with a folder a class.
    task : str, optional
        The model's; without one, ``pose`` where keypoints are described, ``semantic`` where masks
        are, ``classify`` for a folder of classes, else ``detect``.
    classes : mapping, optional
        The model's.
    keypoints : sequence of int, optional
        The model's ``kpt_shape``.
    same_classes : bool
        Whether the dataset's classes are the model's, by number, whatever their names.
    samples : int
        Images of each split to hand on with their objects.
    seed : int
        For the choice of samples.
    index : bool
        Whether to write a list of all images (`core.data.index`) among the caches.
    progress : Progress
        May cancel.

    Returns
    -------
    DatasetCheck
        Plain data: `core.data.findings` reports what is in it.

    Raises
    ------
    UserError
        If there is no dataset at that place, or its YAML cannot be used.
    """
    progress(0.0, "Reading the dataset YAML")
    place = find_description(Path(path))
    found = Findings()
    read = _read_folders if place.is_dir() else _read_labelled
    checked = read(place, task, found, _Wish(samples, seed), progress)
    unlike = Findings()  # what does not fit the model comes first
    _compare(checked, _Model(task, classes, keypoints, same_classes), place.is_dir(), unlike)
    found.problems[:0] = unlike.problems
    for wanted in ("train", "val"):
        if wanted not in checked.counts and not checked.refused:
            found.error(
                f"The dataset has no split “{wanted}”.",
                "Training uses train and is validated on val.",
            )
    judge_classes(checked.names, checked.counts, found)
    files = {name: split.images for name, split in checked.splits.items()}
    same = _duplicates(files, Span(progress, DIGEST, 1.0))
    if same:
        found.warning(
            f"{many(len(same), 'image')} in two splits, so the measured accuracy is too high.",
            "Remove them from one split.",
            map(_pair, same),
        )
    listed = Index(str(place), checked.task, checked.names, checked.splits, checked.keypoints)
    progress(1.0, "Checked")
    return {
        "path": str(place),
        "task": checked.task,
        "usable": found.usable,
        "problems": found.problems,
        "classes": {str(number): name for number, name in checked.names.items()},
        "splits": checked.counts,
        "duplicates": same[:SHOWN],
        "index": str(write_index(listed)) if index else None,
    }


@dataclass(frozen=True, slots=True)
class _Model:
    task: str | None
    classes: Mapping[int, str] | None
    keypoints: Sequence[int] | None
    same_classes: bool = False


def _compare(checked: _Checked, model: _Model, folders: bool, found: Findings) -> None:
    """Hold what was read against a model, as far as that is known."""
    if model.task is not None and checked.task != model.task:
        found.error(
            f"The dataset is for the task “{checked.task}”, the model for “{model.task}”.",
            "Use a dataset labelled for the task of the model.",
        )
    if model.classes is not None and checked.names:
        if folders:
            compare_folders(checked.names, model.classes, found, model.same_classes)
        else:
            compare_classes(checked.names, model.classes, found, model.same_classes)
    points = checked.keypoints
    if model.keypoints and points and tuple(model.keypoints) != points:
        found.error(
            f"The dataset has {_points(points)} and the model {_points(model.keypoints)}.",
            "Use a dataset with the keypoints of the model.",
        )


def _points(shape: Sequence[int]) -> str:
    return f"{shape[0]} keypoints of {shape[1]} numbers"


@dataclass(frozen=True, slots=True)
class _Wish:
    samples: int
    seed: int


@dataclass
class _Checked:
    """What was read: counts for people, and every image with what is in it."""

    task: str
    names: Mapping[int, str] = field(default_factory=dict)
    keypoints: tuple[int, ...] = ()
    counts: dict[str, SplitCheck] = field(default_factory=dict)
    splits: dict[str, Split] = field(default_factory=dict)
    places: dict[str, Sequence[str]] = field(default_factory=dict)
    refused: bool = False
    """Whether a split is there and cannot be read; it is not called missing then."""


def _read_labelled(
    path: Path, task: str | None, found: Findings, wish: _Wish, progress: Progress
) -> _Checked:
    said = read_description(path)
    labelled = task in TASKS and task != "classify"
    told = {"kpt_shape": "pose", "masks_dir": "semantic"}
    guess = next((kind for key, kind in told.items() if key in said.extra), "detect")
    kind = str(task) if labelled else guess
    if kind == "pose" and "kpt_shape" not in said.extra:
        found.error(
            "The dataset YAML does not define the keypoints.",
            "Add kpt_shape, for example [17, 3].",
        )
        kind = "detect"
    checked = _read_splits(path, kind, list(said.places), found, wish, progress)
    judge_places(roots_of(said), checked.places, found)
    return checked


def _read_folders(
    path: Path, task: str | None, found: Findings, wish: _Wish, progress: Progress
) -> _Checked:
    return _read_splits(path, "classify", splits_of(path), found, wish, progress)


def _read_splits(
    path: Path,
    task: str,
    told: Sequence[str],
    found: Findings,
    wish: _Wish,
    progress: Progress,
) -> _Checked:
    checked = _Checked(task)
    names: dict[int, str] = {}
    for number, name in enumerate(told):
        start, end = (DIGEST * n / len(told) for n in (number, number + 1))
        part = Span(progress, start, end, f"{name}: ")
        try:
            source = read_source(path, name, task=task)
            checked.places[name] = source.images
            read, checked.splits[name] = _split(source, task, wish, part)
        except UserError as error:
            found.error(error.message, error.hint)
            checked.refused = True
            continue
        if source.folders:  # folders of a split may be fewer than the classes there are
            names |= {len(names) + n: c for n, c in enumerate(_new(source.names, names))}
            checked.splits[name] = _renumbered(checked.splits[name], source.names, names)
        else:
            names = dict(source.names)
            checked.keypoints = tuple(int(n) for n in source.extra.get("kpt_shape", ()))
        checked.counts[name] = read.counts
        judge_split(name, read, found)
    checked.names = names
    return checked


def _new(some: Mapping[int, str], known: Mapping[int, str]) -> list[str]:
    return [name for name in some.values() if name not in set(known.values())]


def _renumbered(split: Split, own: Mapping[int, str], names: Mapping[int, str]) -> Split:
    number = {name: n for n, name in names.items()}
    classes = tuple(tuple(number[own[n]] for n in found) for found in split.classes)
    return Split(split.images, split.labels, classes)


def _split(source: Source, task: str, wish: _Wish, progress: Progress) -> tuple[SplitRead, Split]:
    settings = DataSettings(source.path, images=ALL, image_size=ImageSize(64, 64))
    dataset, unreadable = open_dataset(source, settings, task, progress=progress)
    counts: Counter[int] = Counter()
    classes = []
    for place, label in enumerate(dataset.labels):
        numbers = (
            _in_map(dataset, place, task, progress)
            if task in DENSE
            else [int(number) for number in label["cls"].ravel()]
        )
        counts.update(numbers)
        classes.append(tuple(sorted(set(numbers))))
    labelled = sum(1 for found in classes if found)
    files = [str(file) for file in dataset.im_files]
    label_of = {} if task in DENSE else getattr(dataset, "label_of", {})
    split = Split(tuple(files), tuple(label_of[file] for file in files if label_of), tuple(classes))
    messages = [_plain(text) for text in dataset.messages]
    gone = set(dataset.listed) - set(files)
    told: SplitCheck = {
        "images": len(files) + unreadable,
        "labelled": labelled,
        "background": len(files) - labelled,
        "unreadable": unreadable,
        "objects": sum(counts.values()),
        "classes": {source.names.get(n, str(n)): counts[n] for n in sorted(counts)},
        "messages": messages[:SHOWN],
        "samples": _samples(source, task, split, wish),
    }
    looked = list(zip(split.images, split.labels, strict=False))[:3]
    read = SplitRead(told, looked, _about(messages, sorted(gone)), _about(messages, files))
    return read, split


def _in_map(dataset: Any, place: int, task: str, progress: Progress) -> list[int]:
    """Return the classes that occur in the map of an image; of a depth map one, for itself."""
    progress(0.99, "Counting classes")
    if task == "depth":
        return [0]
    mask = dataset.load_mask(place, image_shape=tuple(dataset.labels[place]["shape"]))
    return [int(number) for number in np.unique(mask) if number < len(dataset.data["names"])]


def _about(messages: Sequence[str], files: Sequence[str]) -> list[Detail]:
    """Return what messages say of some files, each with its file."""
    wanted = set(files)
    found: list[Detail] = []
    for text in messages:
        file, _, reason = text.partition(": ")
        if file in wanted:
            for start in (*_IGNORING, f"{file} "):
                reason = reason.removeprefix(start)
            found.append({"image": file, "text": reason})
    return found


def _plain(text: str) -> str:
    """Return a message without Ultralytics' colours and marks."""
    return " ".join("".join(c for c in text if c.isprintable() and ord(c) < 0x2600).split())


def _samples(source: Source, task: str, split: Split, wish: _Wish) -> list[Sample]:
    index = Index(
        str(source.path),
        task,
        source.names,
        {"": split},
        tuple(source.extra.get("kpt_shape", ())),
    )
    order = np.random.default_rng(wish.seed).permutation(len(split.images))[: wish.samples]

    def boxes(number: int) -> list[Object]:
        found = index.objects("", number)
        return found if split.labels else [box(one["class"], 0.5, 0.5, 1.0, 1.0) for one in found]

    chosen = sorted(order.tolist())
    return [{"image": split.images[n], "boxes": boxes(n)} for n in chosen]


def _pair(same: Twin) -> Detail:
    other = f"{same['other_split']}: {Path(same['other_image']).name}"
    return {"image": same["image"], "text": f"in {same['split']}, and in {other}"}


def _duplicates(files: Mapping[str, Sequence[str]], progress: Progress = silent) -> list[Twin]:
    """Return images whose bytes are in two splits; only files of equal length are read."""
    progress(0.0, "Looking for images in two splits")
    sized: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for split, paths in files.items():
        for path in paths:
            sized[Path(path).stat().st_size].append((split, path))
    groups = [group for group in sized.values() if len({split for split, _ in group}) > 1]
    found: list[Twin] = []
    for number, group in enumerate(groups):
        progress(number / len(groups), "Looking for images in two splits")
        seen: dict[bytes, tuple[str, str]] = {}
        for split, path in group:
            with Path(path).open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").digest()
            first = seen.setdefault(digest, (split, path))
            if first[0] != split:
                found.append(
                    {
                        "split": first[0],
                        "image": first[1],
                        "other_split": split,
                        "other_image": path,
                    }
                )
    return found


def keypoints_of(model: Any) -> tuple[int, ...] | None:
    """Return how many keypoints a network finds and how many numbers each has, if it finds any."""
    shape = getattr(model.model[-1], "kpt_shape", None)
    return None if shape is None else tuple(int(n) for n in shape)
