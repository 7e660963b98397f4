"""The score of an image: as the validators match, for every task, and drawn where it was found."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import core
from core.compare.files import compare_files
from core.compare.images import BoxWatch, f1, image_by_image, match
from core.compare.pictures import panel_marks, write_pictures
from core.data.labels import read_objects
from core.data.stream import ALL, DataSettings
from core.data.validation import Validation
from core.errors import UserError
from tests.core.images import LABELS, make_dataset
from tests.core.networks import network

FAMILY = {
    "detect": "yolov8n", "segment": "yolov8n-seg", "pose": "yolov8n-pose", "obb": "yolov8n-obb",
}  # fmt: skip
THRESHOLDS = np.linspace(0.5, 0.95, 10)


def test_a_match_is_one_to_one_and_the_surest_comes_first() -> None:
    overlaps = np.array([[0.6, 0.96, 0.0], [0.55, 0.7, 0.0]])
    hits, label = match(overlaps, THRESHOLDS)
    # The first takes the label it fits best, the second what is left at each threshold.
    assert label.tolist() == [0, 1, -1]
    assert hits.sum(1).tolist() == [3, 10, 0]
    assert f1(hits, 2) == pytest.approx(np.mean([2 * n / 5 for n in hits.sum(0)]))
    assert f1(np.zeros((0, 10), bool), 0) == 1.0
    assert f1(np.zeros((0, 10), bool), 3) == f1(np.zeros((3, 10), bool), 0) == 0.0
    assert match(np.zeros((0, 2)), THRESHOLDS)[1].tolist() == [-1, -1]


def test_matches_equal_the_validators(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", network("yolov8n").names, images=1, side=64)
    measure = measure_of("detect", data)
    validator, random = measure._state, np.random.default_rng(0)
    for _ in range(50):
        overlaps = random.random((random.integers(0, 8), random.integers(1, 12)))
        kinds = torch.zeros(overlaps.shape[1]), torch.zeros(overlaps.shape[0])
        own = (
            validator.match_predictions(*kinds, torch.from_numpy(overlaps))
            if len(overlaps)
            else torch.zeros(overlaps.shape[1], 10, dtype=torch.bool)
        )
        assert np.array_equal(match(overlaps, validator.iouv.numpy())[0], own.numpy())


def measure_of(task: str, data: Path):
    model = network(FAMILY[task])
    settings = DataSettings(data, images=ALL, image_size=256, split="val", device="cpu")
    return Validation(model, settings, model.names, task).measure(copy.deepcopy(model))


@pytest.mark.parametrize("task", list(LABELS))
def test_what_is_found_lies_where_the_label_lies(task: str, tmp_path: Path) -> None:
    names = dict(network(FAMILY[task]).names)
    data = make_dataset(tmp_path / "data", names, task, images=2, side=96)
    for path in (data.parent / "images/val").iterdir():  # letterboxed, not only scaled
        Image.open(path).resize((150, 90)).save(path)
    measure = measure_of(task, data)
    validator, batch = measure._state, measure.prepare(0)
    preds = []
    for place in range(2):
        truth = validator._prepare_batch(place, batch)
        sure = torch.tensor([0.9, 0.8])
        if place:  # the second label is not found, and a box is where there is nothing
            truth["bboxes"][1, :2] = truth["bboxes"][1, :2] * 0 + 1
            truth["bboxes"][1, 2:4] = 4
            for key in ("masks", "keypoints"):
                if key in truth:
                    truth[key] = truth[key].clone()
                    truth[key][1] = 0
        told = {key: truth[key] for key in ("bboxes", "cls", "masks", "keypoints") if key in truth}
        preds.append({**told, "conf": sure})
    seen: dict = {}
    BoxWatch(seen, task)(validator, preds, batch)
    (first, second) = (seen[file] for file in sorted(seen))
    assert first["score"] == 1.0 and first["missed"] == []
    assert [box["outcome"] for box in first["boxes"]] == ["found", "found"]
    assert [box["confidence"] for box in first["boxes"]] == [0.9, 0.8]
    assert second["missed"] == [1] and second["score"] == 0.5
    assert [box["outcome"] for box in second["boxes"]] == ["found", "wrong"]
    label = data.parent / "labels/val/000.txt"
    labels = read_objects(label, task, names, (17, 3) if task == "pose" else None)
    for told in (first["truth"], first["boxes"]):
        ordered = sorted(told, key=lambda thing: thing["x"])  # masks come by their size
        for thing, wanted in zip(ordered, labels, strict=True):
            assert thing["class"] == wanted["class"]
            for key in ("x", "y", "width", "height"):
                assert thing[key] == pytest.approx(wanted[key], abs=0.06)
            assert len(thing.get("keypoints", ())) == len(wanted.get("keypoints", ()))
            for mine, theirs in zip(
                thing.get("keypoints", ()), wanted.get("keypoints", ()), strict=True
            ):
                assert mine[:2] == pytest.approx(theirs[:2], abs=0.02)
            if "points" in wanted:
                xs, ys = zip(*thing["points"], strict=True)
                assert max(xs) - min(xs) == pytest.approx(wanted["width"], abs=0.08)
                assert max(ys) - min(ys) == pytest.approx(wanted["height"], abs=0.08)


def test_classes_by_the_probability_of_the_right_one(tmp_path: Path) -> None:
    model = network("yolov8n-cls")
    names = {n: model.names[n] for n in range(3)}
    data = make_dataset(tmp_path / "data", names, "classify", images=6, side=64)
    path = tmp_path / "cls.pt"
    core.checkpoint.save(model, path, train_args={"task": "classify"})
    settings = DataSettings(data, image_size=64, split="val", device="cpu", batch=4)
    result = compare_files([path, path], settings)
    assert result["task"] == "classify" and len(result["images"]) == 6
    for row in result["images"]:
        (truth,) = row["truth"]
        assert truth["class"] == Path(row["image"]).parent.name
        best = row["boxes"][0][0]
        assert row["scores"][0] <= best["confidence"] + 1e-4
        assert (best["outcome"] == "found") == (best["class"] == truth["class"])
        assert bool(row["missed"][0]) == (best["outcome"] == "wrong")
        assert [mark["outcome"] for mark in panel_marks(row, -1)] == ["label"]


def seen(**scores: float) -> dict:
    return {
        name: {"score": score, "truth": [], "boxes": [], "missed": []}
        for name, score in scores.items()
    }


def test_the_worst_of_every_two_models_are_handed_on() -> None:
    first = seen(a=1.0, b=1.0, c=1.0, d=0.2)
    second = seen(a=0.1, b=0.9, c=1.0, d=0.2)
    third = seen(a=1.0, b=0.5, c=0.8, d=0.9)
    rows = image_by_image([first, second, third], 1)
    # b fell most from the first to the last, a from the first to the second, b again afterwards.
    assert [(row["image"], row["change"]) for row in rows] == [("b", -0.5), ("a", 0.0)]
    assert [row["image"] for row in image_by_image([first, second, third], 9)] == list("bcad")
    assert image_by_image([first, {}], 3) == []


def test_pictures_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    paths = []
    for name in ("one", "two"):
        paths.append(tmp_path / f"{name}.png")
        Image.new("RGB", (80, 60), "#334455").save(paths[-1])
    box = {"class": "cat", "x": 0.5, "y": 0.5, "width": 0.4, "height": 0.4}
    rows = [
        {"image": str(path), "change": -0.5, "scores": [1.0, 0.5], "truth": [box],
         "boxes": [[{**box, "confidence": 0.9, "outcome": "found"}], []], "missed": [[], [0]]}
        for path in (*paths, tmp_path / "gone.png")
    ]  # fmt: skip
    result = {"models": [{"path": "a.pt"}, {"path": "b.pt"}], "images": rows}
    written = write_pictures(result, folder)
    assert [path.name for path in written] == ["001-0.50-one.jpg", "002-0.50-two.jpg"]
    assert sorted(folder.iterdir()) == written
    with Image.open(written[0]) as sheet:
        wide, high = (sheet.width - 12) // 3, sheet.height - 22
        assert (wide, high) == (320, 240)  # small images are enlarged
        # The label is drawn in white, what was found in green, what was missed in red.
        lefts = [n * (wide + 6) for n in range(3)]
        panels = [sheet.crop((left, 22, left + wide, 22 + high)) for left in lefts]
        flat = [np.asarray(panel).reshape(-1, 3).astype(int) for panel in panels]
        strongest = [pixels[np.ptp(pixels, axis=1).argmax()] for pixels in flat]
    assert strongest[1].argmax() == 1 and strongest[2].argmax() == 0
    with pytest.raises(UserError, match="not empty"):
        write_pictures(result, folder)
    with pytest.raises(UserError, match="does not exist"):
        write_pictures(result, tmp_path / "none" / "pictures")
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "two.png", "pictures"}
