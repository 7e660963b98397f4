"""The check of a dataset finds what would spoil a training, and changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.data.check import check_data
from core.errors import UserError
from tests.core.images import make_dataset

NAMES = {0: "cat", 1: "dog"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", NAMES, images=4, side=64)


def messages(report: dict, severity: str) -> list[str]:
    return [p["message"] for p in report["problems"] if p["severity"] == severity]


def test_sound_data(data: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in data.parent.rglob("*")}
    # Both splits are drawn by the same numbers but not the same ones.
    report = check_data(data.parent, task="detect", classes=NAMES)
    assert {p: p.stat().st_mtime_ns for p in data.parent.rglob("*")} == before
    json.dumps(report, allow_nan=False)
    assert report["usable"] and report["task"] == "detect"
    train = report["splits"]["train"]
    assert (train["images"], train["labelled"], train["objects"]) == (4, 4, 8)
    assert sum(train["classes"].values()) == 8 and set(train["classes"]) <= set(NAMES.values())
    (box, _) = train["samples"][0]["boxes"]
    assert (box["x"], box["width"]) == (0.3, 0.4) and box["class"] in NAMES.values()


def test_troubles_are_named(data: Path) -> None:
    root = data.parent
    shutil.copy(root / "images/train/000.png", root / "images/val/copy.png")
    (root / "images/train/001.png").write_bytes(b"no image")
    for label in (root / "labels/val").iterdir():
        label.unlink()
    report = check_data(data, task="detect", classes={0: "car", 1: "bus"})
    errors, warnings = messages(report, "error"), messages(report, "warning")
    assert not report["usable"]
    assert any("split “val” has no labelled objects" in text for text in errors)
    assert any("other names than in the model" in text for text in errors)
    assert any("cannot be read" in text for text in warnings)
    assert report["splits"]["train"]["unreadable"] == 1
    (pair,) = report["duplicates"]
    assert Path(pair["image"]).name == "000.png" and Path(pair["other_image"]).name == "copy.png"


def test_missing_split_classes_and_task(data: Path) -> None:
    text = data.read_text().replace("val: images/val", "")
    data.write_text(text)
    report = check_data(data, task="pose", classes={0: "cat"})
    errors = messages(report, "error")
    assert any("no split “val”" in text for text in errors)
    assert any("2 classes and the model 1" in text for text in errors)
    assert any("for the task “detect”, the model for “pose”" in text for text in errors)


def test_folders_of_classes(data: Path, tmp_path: Path) -> None:
    root = tmp_path / "folders"
    for split in ("train", "val"):
        for number, name in NAMES.items():
            (root / split / name).mkdir(parents=True)
            image = data.parent / "images" / split / f"00{number}.png"
            shutil.copy(image, root / split / name)
    report = check_data(root, task="classify", classes=NAMES)
    assert report["usable"] and report["splits"]["val"]["classes"] == {"cat": 1, "dog": 1}
    refused = check_data(root, task="classify", classes={0: "cat", 1: "bird"})
    assert messages(refused, "error") == ["The model does not have the classes dog."]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a dataset"):
        check_data(tmp_path)
    with pytest.raises(UserError, match="Could not read"):
        check_data(tmp_path / "missing.yaml")
