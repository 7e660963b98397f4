"""Dataset YAMLs are resolved as Ultralytics resolves them, whatever tree and spelling."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data.check import check_data
from core.data.description import read_description
from core.data.listing import image_files
from core.data.source import find_description, read_source
from core.data.stock import IMG_FORMATS, datasets_folder
from core.data.stream import ALL, DataSettings, Stream
from core.errors import UserError
from core.tune.feed import read_feed

NAMES = {0: "cat", 1: "dog"}
FOLDERS = ("train/images", "valid/images", "images/train", "images/val", "test", "train", "odd [1]")
"""Folders that a tree may have."""
PLACES = (
    *FOLDERS, *(f"../{f}" for f in FOLDERS), *(f"./{f}" for f in FOLDERS),
    "../../train/images", "train.txt", "../val.txt", "nowhere", "images/*", "", ".",
)  # fmt: skip


@contextlib.contextmanager
def ultralytics_at(datasets: Path, folder: Path) -> Iterator[None]:
    """Work in a folder, with the ``datasets_dir`` of one's own Ultralytics at a place."""
    home = datasets.parent / "settings"
    (home / "Ultralytics").mkdir(parents=True, exist_ok=True)
    told = json.dumps({"datasets_dir": str(datasets)})
    (home / "Ultralytics" / "settings.json").write_text(told)
    before = Path.cwd()
    with (
        mock.patch("ultralytics.data.utils.DATASETS_DIR", datasets),
        mock.patch("ultralytics.data.utils.check_font"),
        mock.patch.dict(os.environ, {"SECATEUR_YOLO_CONFIG_DIR": str(home)}),
    ):
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def stock(path: Path, split: str) -> dict | None:
    """What Ultralytics makes of a description, or None where it refuses it."""
    from ultralytics.data.utils import check_det_dataset

    try:
        found = check_det_dataset(str(path), autodownload=False, split=split)
    except Exception:
        return None
    places = found[split] if isinstance(found[split], list) else [found[split]]
    return {**found, split: tuple(places)} if all(Path(p).exists() for p in places) else None


def ours(path: Path, split: str) -> tuple | None:
    try:
        source = read_source(path, split)
    except UserError as error:
        assert error.message.endswith(".") and "\n" not in str(error)
        return None
    return source.images, dict(source.names)


def tree(root: Path, folders: list[str]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "a.jpg").touch()
    for name in ("train.txt", "val.txt"):
        (root / name).write_text("./train/images/a.jpg\nimages/val/a.jpg\n")


@st.composite
def descriptions(draw: st.DrawFn) -> dict:
    place = st.sampled_from(PLACES)
    places = st.one_of(place, st.lists(place, max_size=3))
    words = st.sampled_from(["cat", "dog", 3, True, None, 1.5, "n01440764"])
    names = draw(st.lists(words, max_size=3))
    kind = draw(st.sampled_from(["list", "map", "text", "float", "gap", "none"]))
    spelled = {
        "list": names,
        "map": dict(enumerate(names)),
        "text": {str(n): name for n, name in enumerate(names)},
        "float": {float(n): name for n, name in enumerate(names)},
        "gap": {n + 1: name for n, name in enumerate(names)},
    }
    data = {"train": draw(places)}
    data[draw(st.sampled_from(["val", "val", "validation", "valid"]))] = draw(places)
    if kind != "none":
        data["names"] = spelled[kind]
    count = st.sampled_from([len(names), str(len(names)), float(len(names)), 1.5, "x", None, 7])
    if draw(st.booleans()):
        data["nc"] = draw(count)
    if draw(st.booleans()):
        data["path"] = draw(
            st.sampled_from(["sets/own", "own", ".", "./", "..", "../own", "gone", "ABS", "None"])
        )
    if draw(st.booleans()):
        data["test"] = draw(places)
    return data


@example(
    said={"path": "own", "train": "../images/val", "val": "train/images", "names": ["cat"]},
    here=["images/val"],
    others=[],
    split="train",
    codec="utf-8",
    end="\n",
)
@given(
    said=descriptions(),
    here=st.lists(st.sampled_from(FOLDERS), unique=True),
    others=st.lists(st.sampled_from(FOLDERS), unique=True),
    split=st.sampled_from(["train", "val", "test"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=200)
def test_a_split_is_where_ultralytics_finds_it(
    said: dict, here: list, others: list, split: str, codec: str, end: str
) -> None:
    """In the current folder; and failing that, as if it were started in that of the YAML."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        own, datasets = root / "work" / "sets" / "own", root / "datasets"
        tree(own, here)
        tree(datasets / "own", others)
        tree(root / "work", others[:1])
        if said.get("path") == "ABS":
            said = {**said, "path": str(own)}
        text = yaml.safe_dump(said).replace("\n", end)
        (own / "data.yaml").write_bytes(text.encode(codec))
        file = Path("sets/own/data.yaml")
        with ultralytics_at(datasets, root / "work"):
            got, expected = ours(file, split), stock(file, split)
            before = sorted(root.rglob("*"))
        if expected is None:
            with ultralytics_at(datasets, own):
                expected = stock(Path("data.yaml"), split)
        if expected is None and split in ("train", "test") and got is not None:
            # Ultralytics also refuses a split for the want of another one.
            assert not {"train", "val"} <= {"val" if k == "validation" else k for k in said}
            return
        assert got == (None if expected is None else (expected[split], expected["names"]))
        assert before == sorted(root.rglob("*"))


@given(data=st.data())
@settings(max_examples=60)
def test_images_are_those_that_ultralytics_lists(data: st.DataObject) -> None:
    from ultralytics.data.base import BaseDataset

    names = st.sampled_from(
        ["a.jpg", "b.PNG", "c.txt", ".hidden.jpg", "in.side/d.webp", "x/.y/e.jpg", "f[1].bmp"]
    )
    lines = st.sampled_from(["./a.jpg", "/abs/b.png", "./x/c.jpg", "", "d.gif", "set/a.jpg"])
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        for file in data.draw(st.lists(names, min_size=1)):
            (root / "set" / file).parent.mkdir(parents=True, exist_ok=True)
            (root / "set" / file).touch()
        listing = data.draw(st.lists(lines, min_size=1))
        start = data.draw(st.sampled_from(["", "\ufeff"]))
        (root / "all.txt").write_text(start + "\n".join(listing), encoding="utf-8")
        places = data.draw(
            st.lists(st.sampled_from([str(root / "set"), str(root / "all.txt")]), min_size=1)
        )
        asked = mock.Mock(fraction=1.0, prefix="")
        with ultralytics_at(root, root):
            try:
                with mock.patch("ultralytics.data.base.check_file_speeds"):
                    expected = BaseDataset.get_img_files(asked, places)
            except FileNotFoundError:
                expected = []
            assert image_files(places) == sorted(str(Path(path).absolute()) for path in expected)


def test_image_formats_are_those_of_ultralytics() -> None:
    from ultralytics.data import utils

    assert utils.IMG_FORMATS == IMG_FORMATS


@given(
    folders=st.lists(st.sampled_from(["cat", "dog", "n01440764", "n01443537", "Ape"]), unique=True),
    places=st.lists(st.sampled_from(["val", "validation", "valid", "test"]), unique=True),
    split=st.sampled_from(["train", "val", "test"]),
)
@settings(max_examples=60)
def test_class_folders_are_found_as_ultralytics_finds_them(
    folders: list, places: list, split: str
) -> None:
    from ultralytics.data.utils import check_class_names, check_cls_dataset

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for place in ["train", *places]:
            for folder in folders or ["a"]:
                (root / place / folder).mkdir(parents=True)
                (root / place / folder / "x.jpg").touch()
        expected = check_cls_dataset(root, split)
        got = None
        with contextlib.suppress(UserError):
            got = read_source(root, split)
    if expected[split] is None:
        assert got is None
    else:
        assert got is not None and got.images == (str(expected[split]),)
        assert dict(got.names) == check_class_names(dict(expected["names"]))


# ---- trees as services export them -------------------------------------------------------------


def sample(root: Path, images: str, labels: str) -> None:
    (root / images).mkdir(parents=True, exist_ok=True)
    (root / labels).mkdir(parents=True, exist_ok=True)
    for number in range(2):
        Image.new("RGB", (64, 64)).save(root / images / f"{number}.png")
        (root / labels / f"{number}.txt").write_text("0 0.5 0.5 0.4 0.4\n")


ROBOFLOW = "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['thing']\n"
EXPORTS = {
    "Roboflow": (ROBOFLOW, "train/", "valid/", ""),
    "Roboflow, nested": (ROBOFLOW.replace("../", ""), "train/", "valid/", ""),
    "Label Studio": ("path: .\ntrain: images\nval: images\nnames: {0: thing}\n", "", "", ""),
    "CVAT": (
        "path: ./ # root\ntrain: train.txt\nval: val.txt\nnames:\n  0: thing\n", "", "", "a/",
    ),
    "Ultralytics": (
        "path: ROOT\ntrain: [images/a]\nval: images/b\nnames: {0: thing}\n", "", "", "ab",
    ),
    "spellings": (
        'train: images/a\nvalidation: images/b\nnc: "1"\nnames: {"0": thing}\n', "", "", "ab",
    ),
    "not UTF-8": ("# Größe\ntrain: images/a\nval: images/b\nnc: 1\nnames: [thing]\n", "", "", "ab"),
}  # fmt: skip


@pytest.mark.parametrize("service", EXPORTS)
def test_exports_are_read_from_anywhere(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, train, val, inside = EXPORTS[service]
    root = tmp_path / "export"
    if inside == "ab":
        for part in inside:
            sample(root, f"images/{part}", f"labels/{part}")
    elif inside:  # lists of images
        for split in ("train", "val"):
            sample(root, f"images/{split}", f"labels/{split}")
            lines = [f"images/{split}/{n}.png" for n in range(2)]
            (root / f"{split}.txt").write_text("\n".join(lines))
    else:
        for part in {train, val}:
            sample(root, f"{part}images", f"{part}labels")
    (root / "data.yaml").write_bytes(text.replace("ROOT", str(root)).encode("latin-1"))
    monkeypatch.chdir("/")
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    report = check_data(root, task="detect", classes={0: "thing"})
    assert report["usable"] and report["classes"] == {"0": "thing"}
    for split in ("train", "val"):
        counts = report["splits"][split]
        assert (counts["images"], counts["labelled"]) == (2, 2)
        settings_ = DataSettings(root / "data.yaml", ALL, image_size=64, device="cpu", split=split)
        assert len(Stream(settings_, "detect", {0: "thing"})) == 2
    assert read_feed(root, "detect", {0: "thing"}).description["names"] == {0: "thing"}
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_names_of_datasets_are_looked_up_as_ultralytics_does(tmp_path: Path) -> None:
    """A dataset that Ultralytics ships is found by its name, and never downloaded."""
    with ultralytics_at(tmp_path / "sets", tmp_path):
        assert datasets_folder() == tmp_path / "sets"
        for name in ("coco8", "coco8.yaml"):
            assert find_description(Path(name)).parts[-3:] == ("cfg", "datasets", "coco8.yaml")
        with pytest.raises(UserError, match="sets/coco8/images/train does not exist"):
            read_source("coco8", "train")
        assert not (tmp_path / "sets").exists()
        (tmp_path / "sets/coco8/images/train").mkdir(parents=True)
        assert len(read_source("coco8.yaml", "train").names) == 80
        (tmp_path / "sets/pets/train/cat").mkdir(parents=True)
        assert read_source("pets", "train").names == {0: "cat"}


def test_without_settings_datasets_are_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (None, "{", "[]", "{}"):
        monkeypatch.setenv("SECATEUR_YOLO_CONFIG_DIR", str(tmp_path))
        if text is not None:
            (tmp_path / "Ultralytics").mkdir(exist_ok=True)
            (tmp_path / "Ultralytics/settings.json").write_text(text)
        assert datasets_folder() == tmp_path / "datasets"


# ---- what cannot be used -----------------------------------------------------------------------

BAD = {
    "no names": ("train: a\nval: a\n", "no class names"),
    "no name at all": ("train: a\nval: a\nnames: []\n", "no class names"),
    "another count": ("train: a\nval: a\nnc: 3\nnames: [a]\n", "1 names and nc: 3"),
    "half a class": ("train: a\nval: a\nnc: 1.5\n", "not a whole number"),
    "more classes than memory": ("train: a\nval: a\nnc: 1000000000000\n", "more than 100,000"),
    "as many, as text": ('train: a\nval: a\nnc: "1e12"\n', "more than 100,000"),
    "a number of 4,000 digits": (
        f"train: a\nval: a\nnc: {'9' * 4000}\n",
        "more than 100,000|whole number",
    ),
    "endless": ("train: a\nval: a\nnc: .inf\n", "not a whole number"),
    "a gap": ("train: a\nval: a\nnames: {0: a, 5: b}\n", "not numbered from 0 to 1"),
    "words for numbers": ("train: a\nval: a\nnames: {a: 0}\n", "has no number"),
    "a name of lists": ("train: a\nval: a\nnames: [[a, b]]\n", "is not text"),
    "names in one text": ("train: a\nval: a\nnames: a, b\n", "must be a list or a mapping"),
    "a number for a place": ("train: 5\nval: a\nnames: [a]\n", "must be text or a list"),
    "numbers for places": ("train: [5]\nval: a\nnames: [a]\n", "must be a list of paths"),
    "a name that no file has": ('train: "a\\0b"\nval: a\nnames: [a]\n', "cannot exist|missing"),
    "a name too long": (f"train: {'a' * 5000}\nval: a\nnames: [a]\n", "cannot exist|missing"),
    "a pattern": ("train: im*/train\nval: a\nnames: [a]\n", "does not exist"),
    "another key": ("training: a\nval: a\nnames: [a]\n", "no split “train”"),
    "deep": ("train: " + "[" * 3000 + "\nnames: [a]\n", "not a dataset YAML"),
    "a list": ("- train\n", "not a dataset YAML"),
    "nothing": ("# only a comment\n", "not a dataset YAML"),
    "a date that is none": ("train: 2001-99-99\nnames: [a]\n", "not a dataset YAML"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_used_is_said_in_one_line(kind: str, tmp_path: Path) -> None:
    text, words = BAD[kind]
    path = tmp_path / "data.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=words) as refused:
        read_source(path, "train")
    assert "\n" not in str(refused.value)


def test_splits_that_overlap_or_lie_elsewhere_are_said(tmp_path: Path) -> None:
    root, away = tmp_path / "own", tmp_path / "away"
    sample(root, "images/a", "labels/a")
    sample(away, "images/b", "labels/b")
    for number in range(2):  # not the same bytes as those of the other split
        Image.new("RGB", (64, 64), "red").save(away / f"images/b/{number}.png")
    path = root / "data.yaml"
    path.write_text(f"train: images\nval: images/a\ntest: {away}/images/b\nnames: [thing]\n")
    report = check_data(path)
    warnings = [p["message"] for p in report["problems"] if p["severity"] == "warning"]
    assert report["usable"]
    assert any("in two splits" in text for text in warnings)
    outside = [text for text in warnings if "outside the folder" in text]
    assert len(outside) == 1 and "“test”" in outside[0] and str(away) in outside[0]


def test_the_yaml_of_a_folder_is_the_one_that_ultralytics_takes(tmp_path: Path) -> None:
    from ultralytics.data.utils import find_dataset_yaml

    cases = ["data.yaml"], ["own.yaml", "b.yaml"], ["x.yml"], ["a/b/x.yaml"], ["y.yml", "z.yaml"]
    for number, files in enumerate(cases):
        folder = tmp_path / str(number) / "own"
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text("names: [a]\n")
        assert find_description(folder) == find_dataset_yaml(folder)


def test_a_description_says_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("path: p\ntrain: [a, b]\nval: c\nnames: [x]\nkpt_shape: [17, 3]\nchannels: 1\n")
    said = read_description(path)
    assert said.root == "p" and said.places == {"train": ("a", "b"), "val": "c"}
    assert said.extra == {"kpt_shape": [17, 3], "channels": 1} and said.names == {0: "x"}


@pytest.mark.parametrize("most", [0, 5, 11])
def test_a_folder_of_too_many_files_is_not_looked_through(most, tmp_path, monkeypatch):
    from core.data.source import find_description

    (tmp_path / "a" / "b").mkdir(parents=True)
    for number in range(10):
        (tmp_path / "a" / f"{number}.txt").touch()
    monkeypatch.setattr("core.data.source.MOST_LOOKED", most)
    with pytest.raises(UserError, match="too many files"):
        find_description(tmp_path)
    (tmp_path / "a" / "b" / "data.yaml").touch()
    monkeypatch.setattr("core.data.source.MOST_LOOKED", 13)
    assert find_description(tmp_path) == tmp_path / "a" / "b" / "data.yaml"
