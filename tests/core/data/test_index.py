"""Every image of a checked dataset can be paged through, with its objects, for every task."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.check import check_data
from core.data.index import KEPT, index_path, read_index, write_index
from core.data.labels import read_objects
from core.errors import CancelledError, UserError
from tests.core.images import BOXES, LABELS, make_dataset

NAMES = {0: "cat", 1: "dog"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("task", [*LABELS, "classify"])
def test_every_task(task: str, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", NAMES, task, images=5, side=64)
    report = check_data(data, task=task, classes=NAMES, index=True)
    assert report["usable"], report["problems"]
    index = read_index(report["index"])
    assert (index.task, dict(index.names)) == (task, NAMES)
    for split, told in report["splits"].items():
        everything = index.find(split)
        assert len(everything) == told["images"] == 5
        by_class = {name: index.find(split, name) for name in NAMES.values()}
        assert sorted({n for found in by_class.values() for n in found}) == everything
        objects = [found for n in everything for found in index.objects(split, n)]
        assert len(objects) == told["objects"]
        for name, count in told["classes"].items():
            assert sum(found["class"] == name for found in objects) == count
            in_images = [any(o["class"] == name for o in index.objects(split, n)) for n in
                         everything]  # fmt: skip
            assert [n for n in everything if in_images[n]] == by_class[name]
            assert index.counts(split)[name] == sum(in_images)
        assert {s["image"] for s in told["samples"]} <= set(index.splits[split].images)
    first = index.objects("train", 0)
    if task == "classify":
        assert [list(found) for found in first] == [["class"]]
        return
    for found, (x, y, width, height) in zip(first, BOXES, strict=True):
        place = [found[key] for key in ("x", "y", "width", "height")]
        assert place == pytest.approx([x, y, width, height], abs=1e-4)
    assert all(("points" in found) == (task in ("segment", "obb")) for found in first)
    assert all(len(found.get("keypoints", ())) == (17 if task == "pose" else 0) for found in first)
    if task == "obb":
        assert len(first[0]["points"]) == 4


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", NAMES, images=4, side=64)
    (data.parent / "images/train/001.png").write_bytes(b"no image")
    (data.parent / "labels/train/002.txt").write_text("7 0.5 0.5 0.2 0.2\n")
    for label in (data.parent / "labels/val").iterdir():
        label.unlink()
    (data.parent / "labels/train/000.txt").write_text("0 0.5 0.5 0.2 0.2\n" * 2)
    (data.parent / "labels/train/003.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    report = check_data(data, task="detect", classes=NAMES)
    details = {p["message"]: p["details"] for p in report["problems"]}
    unreadable = next(d for text, d in details.items() if "cannot be read" in text)
    assert [Path(d["image"]).name for d in unreadable] == ["001.png", "002.png"]
    assert "class 7 exceeds" in unreadable[1]["text"]
    (noted,) = next(d for text, d in details.items() if "corrected" in text)
    assert (Path(noted["image"]).name, noted["text"]) == ("000.png", "1 duplicate labels removed")
    (missing, *_) = next(d for text, d in details.items() if "labelled object" in text)
    assert missing["text"].endswith("labels/val/000.txt")
    (unlearnt,) = (text for text in details if "have no object" in text)
    assert unlearnt.endswith("“train”: dog.") and unlearnt.startswith("1 of 2 classes")


def test_why_nothing_can_be_read(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", NAMES, images=2, side=64)
    for label in (data.parent / "labels/train").iterdir():
        label.write_text("0 0.5 0.5\n")
    report = check_data(data, task="detect", classes=NAMES)
    (problem,) = [p for p in report["problems"] if p["severity"] == "error"]
    assert "no usable image" in problem["message"] and "5 columns" in problem["hint"]


def test_keypoints_are_held_against_the_models(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", {0: "person"}, "pose", images=2, side=64)
    good = check_data(data, task="pose", classes={0: "person"}, keypoints=(17, 3))
    other = check_data(data, task="pose", classes={0: "person"}, keypoints=(21, 3))
    assert good["usable"] and not other["usable"]
    assert "17 keypoints of 3 numbers and the model 21" in other["problems"][0]["message"]


def test_a_check_can_be_cancelled(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", NAMES, images=4, side=64)
    told: list[str] = []

    def progress(fraction: float, text: str) -> None:
        told.append(text)
        if "image" in text:
            raise CancelledError

    with pytest.raises(CancelledError):
        check_data(data, index=True, progress=progress)
    assert told[-1] == "train: Reading image 0 of 4"
    assert not index_path(data, "detect").exists()


def test_damaged_files(tmp_path: Path) -> None:
    assert read_objects(tmp_path / "none.txt", "detect", NAMES) == []
    path = tmp_path / "label.txt"
    path.write_text("a b c d e\n")
    with pytest.raises(UserError, match="no labels"):
        read_objects(path, "detect", NAMES)
    with pytest.raises(UserError, match="cannot be read"):
        read_index(path)
    data = make_dataset(tmp_path / "data", NAMES, images=2, side=64)
    index = read_index(check_data(data, index=True)["index"])
    damaged = index_path(data, "detect")
    damaged.write_text(damaged.read_text().replace('"images"', '"image"'))
    with pytest.raises(UserError, match="Check the dataset again"):
        read_index(damaged)
    for number in range(KEPT + 3):
        other = type(index)(f"/{number}.yaml", "detect", index.names, index.splits)
        assert read_index(write_index(other)).path == f"/{number}.yaml"
    assert len(list(damaged.parent.iterdir())) <= KEPT + 1
