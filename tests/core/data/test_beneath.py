"""Folders are listed as glob lists them; one that is no dataset, or has no end, is refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from core.data import beneath
from core.data.beneath import files_beneath
from core.data.listing import image_files
from core.errors import UserError


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beneath, "SPARE", 50)


def names(folder: Path, **how: bool) -> list[str]:
    options = {"links": True, "hidden": False} | how
    found = files_beneath(str(folder), lambda name: name.endswith(".png"), **options)
    return sorted(os.path.relpath(path, folder) for path in found)


def test_links_and_hidden_names(tmp_path: Path) -> None:
    (tmp_path / "a" / ".b").mkdir(parents=True)
    for name in ("a/1.png", "a/.2.png", "a/.b/3.png", "4.txt"):
        (tmp_path / name).touch()
    (tmp_path / "to").symlink_to("a")
    (tmp_path / "nowhere").symlink_to("gone")
    assert names(tmp_path) == ["a/1.png", "to/1.png"]
    assert names(tmp_path, links=False) == ["a/1.png"]
    assert names(tmp_path, links=False, hidden=True) == ["a/.2.png", "a/.b/3.png", "a/1.png"]
    assert names(tmp_path / "gone") == []


def test_labels_and_masks_beside_the_images_are_no_reason(small: None, tmp_path: Path) -> None:
    for number in range(60):
        for end in ("png", "txt", "json", "xml"):
            (tmp_path / f"{number}.{end}").touch()
    assert len(names(tmp_path)) == 60


@pytest.mark.parametrize("deep", [False, True])
def test_a_folder_of_other_files_is_refused(small: None, deep: bool, tmp_path: Path) -> None:
    (tmp_path / "one.png").touch()
    for number in range(60):
        place = tmp_path / f"{number}" / "within" if deep else tmp_path
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.dat").touch()
    with pytest.raises(UserError, match=r"contains more than \d+ other files"):
        names(tmp_path)


@pytest.mark.parametrize("kind", ["two that lead upwards", "doubling", "a ladder"])
def test_links_without_end(kind: str, tmp_path: Path) -> None:
    """Without a limit, there are up to 2 ** 40 paths."""
    start = tmp_path / "0"
    start.mkdir()
    if kind == "two that lead upwards":
        for name in ("a", "b"):
            (start / name).symlink_to(start)
            (start / f"{name}.png").touch()
    for level in range(40 if kind != "two that lead upwards" else 0):
        place = tmp_path / str(level + 1)
        place.mkdir()
        (place / "1.png").touch()
        for name in ("a", "b"):
            target = place if kind == "doubling" else f"../{level + 1}"
            (tmp_path / str(level) / name).symlink_to(target)
    began = time.process_time()
    with pytest.raises(UserError, match="again and again"):
        names(start)
    assert time.process_time() - began < 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder of very many files")
def test_the_whole_disk_is_not_listed() -> None:
    began = time.process_time()
    with pytest.raises(UserError, match=r"^/ contains more than [\d,]+ other files"):
        image_files(["/"])
    assert time.process_time() - began < 5
