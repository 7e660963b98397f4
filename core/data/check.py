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

from core.data.source import Source, _parse, read_source
from core.data.stream import ALL, TASKS, DataSettings, open_dataset
from core.errors import UserError
from core.progress import Progress, silent

_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_SHOWN = 20
"""How many files of one kind of trouble are named."""
SPLITS = ("train", "val", "test")


@dataclass
class Findings:
    """Troubles in the order found; an error makes training impossible, a warning only worse."""

    problems: list[dict[str, str]] = field(default_factory=list)

    def error(self, message: str, hint: str = "") -> None:
        """Note what must be mended."""
        self.problems.append({"severity": "error", "message": message, "hint": hint})

    def warning(self, message: str, hint: str = "") -> None:
        """Note what should be looked at."""
        self.problems.append({"severity": "warning", "message": message, "hint": hint})

    @property
    def usable(self) -> bool:
        """Whether there is no error."""
        return all(problem["severity"] != "error" for problem in self.problems)


def check_data(
    path: str | Path,
    *,
    task: str | None = None,
    classes: Mapping[int, str] | None = None,
    samples: int = 12,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Check a dataset, and hold it against a model where one is given.

    Parameters
    ----------
    path : str or Path
        A dataset yaml, a folder that holds one, or a folder with a folder a class.
    task : str, optional
        The model's; without one, ``pose`` where keypoints are described, ``classify`` for a folder
        of classes, else ``detect``.
    classes : mapping, optional
        The model's.
    samples : int
        Images of each split to hand on with their boxes.
    seed : int
        For the choice of samples.
    progress : Progress
        May cancel.

    Returns
    -------
    dict
        ``path``, ``task``, ``usable``, ``problems`` [{severity, message, hint}], ``classes``
        {number: name}, ``splits`` {name: {images, labelled, background, unreadable, objects,
        classes {name: count}, messages, samples [{image, boxes [{class, x, y, width, height}]}]}}
        with boxes as fractions of the image, and ``duplicates`` [{split, image, other_split,
        other_image}].

    Raises
    ------
    UserError
        When there is no dataset at all at that place.
    """
    progress(0.0, "Reading the description")
    place = find_description(Path(path))
    found = Findings()
    if place.is_dir():
        kind, names, splits = _check_folders(place, classes, found, samples, seed)
    else:
        kind, names, splits = _check_labelled(place, task, classes, found, samples, seed, progress)
    if task is not None and kind != task:
        found.error(
            f"The dataset is for the task “{kind}”, the model for “{task}”.",
            "Use data with labels for the model's task.",
        )
    for wanted in ("train", "val"):
        if wanted not in splits:
            found.error(
                f"The dataset has no split “{wanted}”.",
                "Training learns from train and is measured on val.",
            )
    progress(0.8, "Looking for images in two splits")
    same = _duplicates({name: split.pop("files") for name, split in splits.items()})
    if same:
        found.warning(
            f"{len(same)} images are in two splits, so figures flatter the model.",
            "Leave them out of one split.",
        )
    progress(1.0, "Checked")
    return {
        "path": str(place),
        "task": kind,
        "usable": found.usable,
        "problems": found.problems,
        "classes": {str(number): name for number, name in names.items()},
        "splits": splits,
        "duplicates": same[:_SHOWN],
    }


def find_description(path: Path) -> Path:
    """Return the yaml that a path means: itself, or the one in the folder; or a class folder.

    Raises
    ------
    UserError
        When there is nothing, or several descriptions.
    """
    if not path.is_dir():
        return path
    if (path / "data.yaml").is_file():
        return path / "data.yaml"
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(file.name for file in found[:4])
        raise UserError(f"{path} holds several descriptions: {names}.", "Name the one you mean.")
    if (path / "train").is_dir() and any(item.is_dir() for item in (path / "train").iterdir()):
        return path
    raise UserError(
        f"{path} holds no dataset: neither a yaml nor train with a folder a class.",
        "Name a dataset yaml of Ultralytics.",
    )


def _check_labelled(
    path: Path,
    task: str | None,
    classes: Mapping[int, str] | None,
    found: Findings,
    samples: int,
    seed: int,
    progress: Progress,
) -> tuple[str, Mapping[int, str], dict[str, dict[str, Any]]]:
    data = _parse(path)
    labelled = task in TASKS and task != "classify"
    kind = str(task) if labelled else ("pose" if "kpt_shape" in data else "detect")
    if kind == "pose" and "kpt_shape" not in data:
        found.error(
            "The description does not say how many keypoints are labelled.",
            "Add kpt_shape, for example [17, 3].",
        )
        kind = "detect"
    names: Mapping[int, str] = {}
    splits: dict[str, dict[str, Any]] = {}
    told = [name for name in SPLITS if data.get(name) or (name == "val" and data.get("validation"))]
    for number, name in enumerate(told):
        progress(0.05 + 0.75 * number / max(len(told), 1), f"Reading the split {name}")
        try:
            source = read_source(path, name)
            splits[name] = _split(source, kind, samples, seed)
        except UserError as error:
            found.error(error.message, error.hint)
            continue
        names = source.names
        _judge(name, splits[name], found)
    if classes is not None and names:
        _compare_classes(names, classes, found)
    return kind, names, splits


def _split(source: Source, task: str, samples: int, seed: int) -> dict[str, Any]:
    settings = DataSettings(source.path, images=ALL, image_size=64)
    dataset, unreadable = open_dataset(source, settings, task)
    counts: Counter[int] = Counter()
    for label in dataset.labels:
        counts.update(int(number) for number in label["cls"].ravel())
    labelled = sum(1 for label in dataset.labels if len(label["cls"]))
    order = np.random.default_rng(seed).permutation(len(dataset.labels))[:samples]
    return {
        "images": len(dataset.labels) + unreadable,
        "labelled": labelled,
        "background": len(dataset.labels) - labelled,
        "unreadable": unreadable,
        "objects": sum(counts.values()),
        "classes": {source.names.get(n, str(n)): counts[n] for n in sorted(counts)},
        "messages": [_plain(text) for text in dataset.messages[:_SHOWN]],
        "samples": [_sample(dataset.labels[n], source.names) for n in sorted(order.tolist())],
        "files": list(dataset.im_files),
    }


def _plain(text: str) -> str:
    """Return a message without Ultralytics' colours and marks."""
    return " ".join("".join(c for c in text if c.isprintable() and ord(c) < 0x2600).split())


def _sample(label: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    boxes = []
    for number, (x, y, width, height) in zip(
        label["cls"].ravel().tolist(), label["bboxes"].tolist(), strict=True
    ):
        place = {"x": x, "y": y, "width": width, "height": height}
        rounded = {key: round(value, 5) for key, value in place.items()}
        boxes.append({"class": names.get(int(number), str(int(number))), **rounded})
    return {"image": str(label["im_file"]), "boxes": boxes}


def _judge(name: str, split: Mapping[str, Any], found: Findings) -> None:
    if not split["objects"]:
        found.error(
            f"No image of the split “{name}” has a labelled object.",
            "Check that the labels lie where Ultralytics looks for them (images → labels).",
        )
    if split["unreadable"]:
        found.warning(f"{split['unreadable']} images or labels of “{name}” cannot be read.")
    if split["objects"] and split["background"] > split["labelled"]:
        found.warning(f"More than half of the images of “{name}” have no labelled object.")


def _compare_classes(names: Mapping[int, str], classes: Mapping[int, str], found: Findings) -> None:
    if len(names) != len(classes):
        found.error(
            f"The dataset has {len(names)} classes and the model {len(classes)}.",
            "Use data with the classes the model was trained for.",
        )
        return
    pairs = [(n, names.get(n), str(classes.get(n))) for n in sorted(classes)]
    other = [pair for pair in pairs if str(pair[1]).casefold() != pair[2].casefold()]
    if not other:
        return
    number, mine, theirs = other[0]
    text = f"{len(other)} classes have other names than the model's; {number} is “{mine}”, the"
    text += f" model's “{theirs}”."
    known = {name.casefold() for *_, name in pairs}
    if {str(name).casefold() for name in names.values()} & known:
        found.warning(text, "Check that the order is the same.")
    else:
        found.error(text, "Use data with the classes the model was trained for.")


def _check_folders(
    path: Path, classes: Mapping[int, str] | None, found: Findings, samples: int, seed: int
) -> tuple[str, Mapping[int, str], dict[str, dict[str, Any]]]:
    splits: dict[str, dict[str, Any]] = {}
    names: set[str] = set()
    for name in SPLITS:
        folders = sorted(p for p in (path / name).glob("*") if p.is_dir())
        if not folders:
            continue
        files = {
            folder.name: [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in _SUFFIXES]
            for folder in folders
        }
        names |= set(files)
        everything = [(file, key) for key, kept in files.items() for file in kept]
        order = np.random.default_rng(seed).permutation(len(everything))[:samples]
        whole = {"class": "", "x": 0.5, "y": 0.5, "width": 1.0, "height": 1.0}
        splits[name] = {
            "images": len(everything),
            "labelled": len(everything),
            "background": 0,
            "unreadable": 0,
            "objects": len(everything),
            "classes": {key: len(kept) for key, kept in files.items()},
            "messages": [],
            "samples": [
                {"image": str(file), "boxes": [{**whole, "class": key}]}
                for file, key in (everything[n] for n in sorted(order.tolist()))
            ],
            "files": [str(file) for file, _ in everything],
        }
        _judge(name, splits[name], found)
    listed = dict(enumerate(sorted(names)))
    if classes is not None:
        strange = sorted(names - {str(name) for name in classes.values()})
        if strange:
            found.error(
                f"The model does not know the classes {', '.join(strange[:5])}.",
                "Name the folders like the model's classes.",
            )
    return "classify", listed, splits


def _duplicates(files: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return images whose bytes are in two splits; only files of equal length are read."""
    sized: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for split, paths in files.items():
        for path in paths:
            sized[Path(path).stat().st_size].append((split, path))
    found = []
    for group in sized.values():
        if len({split for split, _ in group}) < 2:
            continue
        seen: dict[bytes, tuple[str, str]] = {}
        for split, path in group:
            with Path(path).open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").digest()
            first = seen.setdefault(digest, (split, path))
            if first[0] != split:
                pair = {"split": first[0], "image": first[1], "other_split": split}
                found.append({**pair, "other_image": path})
    return found
