"""The scene generator: the same scenes from the same seed, with boxes that fit what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from core.data.check import check_data
from core.errors import CancelledError
from resources import scenes


def test_the_seed_decides(tmp_path):
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        scenes.write_dataset(tmp_path / name, train=3, val=2, seed=seed)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert len(files) == 2 * 5 + 1

    def read(name):
        return [(tmp_path / name / file).read_bytes() for file in files]

    assert read("one") == read("same")
    assert read("one") != read("other")


def test_a_longer_data_set_begins_like_a_shorter_one(tmp_path):
    """The demo's network was trained on more scenes; the split it is measured on is the same."""
    scenes.write_dataset(tmp_path / "short", train=2, val=1)
    scenes.write_dataset(tmp_path / "long", train=4, val=2)
    for file in (tmp_path / "short" / "images").rglob("*.jpg"):
        other = tmp_path / "long" / file.relative_to(tmp_path / "short")
        assert file.read_bytes() == other.read_bytes()
    first = {p.read_bytes() for p in (tmp_path / "long" / "images" / "train").iterdir()}
    assert not first & {p.read_bytes() for p in (tmp_path / "long" / "images" / "val").iterdir()}


@pytest.mark.parametrize("index", range(12))
def test_boxes_lie_around_what_is_drawn(index, monkeypatch):
    """Without its objects the very same scene differs inside the boxes, and hardly outside."""
    picture, boxes = scenes.draw_scene(np.random.default_rng((7, index)))
    laid = scenes._lay

    def leave_out(canvas, *args, shadow=False):
        target = canvas.copy() if shadow else canvas
        return laid(target, *args, shadow=shadow)

    monkeypatch.setattr(scenes, "_lay", leave_out)
    bare, again = scenes.draw_scene(np.random.default_rng((7, index)))
    assert boxes == again
    changed = np.abs(np.asarray(picture, int) - np.asarray(bare, int)).max(2) > 60
    size = scenes.SIZE
    inside = np.zeros((size, size), bool)
    for box in boxes:
        assert 0 <= box.kind < len(scenes.CLASSES)
        left, top = box.x - box.width / 2, box.y - box.height / 2
        assert min(left, top) >= 0
        assert max(left + box.width, top + box.height) <= 1
        rows = slice(round(top * size), round((top + box.height) * size) + 1)
        columns = slice(round(left * size), round((left + box.width) * size) + 1)
        assert changed[rows, columns].mean() > 0.1
        inside[rows, columns] = True
    assert (changed & ~inside).sum() < 0.1 * changed.sum()


def test_nothing_to_find_fault_with(tmp_path):
    description = scenes.write_dataset(tmp_path, train=6, val=3)
    found = check_data(str(description), task="detect", classes=dict(enumerate(scenes.CLASSES)))
    assert found["usable"]
    assert not [p for p in found["problems"] if p["severity"] == "error"]


def test_cancelled_it_leaves_no_description(tmp_path):
    def progress(fraction, text):
        if fraction > 0.4:
            raise CancelledError

    with pytest.raises(CancelledError):
        scenes.write_dataset(tmp_path, train=3, val=2, progress=progress)
    assert not (tmp_path / "data.yaml").exists()
