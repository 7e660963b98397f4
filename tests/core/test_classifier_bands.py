"""Classifiers of images that are not in colour: one, four and six bands, from repair to report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import core
from core.checkpoint import save
from core.cli.main import main
from core.compare.files import compare_files
from core.compare.pictures import write_pictures
from core.data.evaluate import evaluate
from core.data.picture import as_picture, open_picture
from core.data.stream import DataSettings
from core.errors import UserError
from core.project import ModelReference, Project, Result, write_project
from core.repair import RepairSettings
from core.report import ReportSettings, build_report
from core.report.render import write_report
from core.report.wanted import Measuring
from core.tryout.run import try_networks
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.networks import enliven

SIDE = 64
BANDS = (1, 2, 3, 4, 6)


STEPS = ("fold", "bn", "refit", "distill")
SELECTION = ({"block": 3, "ratio": 0.5}, {"block": 4, "ratio": 0.5, "scope": "inside"})
NETWORK = """
nc: 2
ch: {bands}
channels: {bands}
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [32, 3, 2]]
  - [-1, 1, C2f, [32, True]]
  - [-1, 1, Conv, [64, 3, 2]]
head:
  - [-1, 1, Classify, [nc]]
"""


def write_image(path: Path, pixels: np.ndarray) -> Path:
    """Write bands as Ultralytics reads them: grey, with transparency, or as pages of a TIFF."""
    bands = pixels.shape[2]
    if bands == 1:
        Image.fromarray(pixels[..., 0]).save(path := path.with_suffix(".png"))
    elif bands == 3:
        Image.fromarray(pixels).save(path := path.with_suffix(".png"))
    elif bands == 4:
        Image.fromarray(pixels, "RGBA").save(path := path.with_suffix(".png"))
    else:
        first, *others = (Image.fromarray(pixels[..., n]) for n in range(bands))
        first.save(path := path.with_suffix(".tiff"), save_all=True, append_images=others)
    return path


def write_folders(folder: Path, bands: int, images: int = 6) -> Path:
    """Two classes: one has its first band bright, the other its last."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(images):
            kind = number % 2
            place = folder / split / ("first", "last")[kind]
            place.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 80, (SIDE, SIDE + 8, bands), dtype=np.uint8)
            pixels[: SIDE // 2, :, -kind] += 150
            if kind:
                pixels[:] = pixels[::-1]
            write_image(place / f"{number:02d}", pixels)
    return folder


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    made = {}

    def get(bands):
        if bands not in made:
            folder = tmp_path_factory.mktemp(f"bands{bands}")
            (folder / "own-cls.yaml").write_text(NETWORK.format(bands=bands))
            loaded = core.load(folder / "own-cls.yaml")
            loaded.model.names = {0: "first", 1: "last"}
            whole, small = folder / "whole.pt", folder / "small.pt"
            save(enliven(loaded.model.float().eval()), whole, train_args={"imgsz": SIDE})
            data = write_folders(folder / "data", bands)
            plan = core.Plan(selection=SELECTION, round_to=1)
            settings = DataSettings(data, images=6, image_size=SIDE, device="cpu")
            done = core.prune(
                core.load(whole), plan, small, data=settings,
                repair=RepairSettings(STEPS, minutes=0.3),
            )  # fmt: skip
            made[bands] = folder, whole, small, data, done
        return made[bands]

    return get


@pytest.mark.parametrize("bands", BANDS)
def test_repaired(bands, cases) -> None:
    *_, done = cases(bands)
    assert done.verification.passed and not done.repair_failed
    assert [step.step for step in done.repaired.steps] == list(STEPS)


@pytest.mark.parametrize("bands", BANDS)
def test_tuned_and_evaluated(bands, cases, tmp_path) -> None:
    _, whole, small, data, _ = cases(bands)
    settings = Settings(
        model=str(small), data=str(data), teacher=str(whole), epochs=4, batch=2, image_size=SIDE,
        device="cpu", options={"lr0": 0.01, "optimizer": "AdamW", "warmup_epochs": 0},
    )  # fmt: skip
    (folder := tmp_path / "job").mkdir()
    before = {p: p.stat().st_mtime_ns for p in data.rglob("*")}
    result = finetune(settings, folder)
    assert {p: p.stat().st_mtime_ns for p in data.rglob("*")} == before
    tuned = core.load(result["output"])
    images = DataSettings(data, image_size=SIDE, device="cpu", split="val")
    found = evaluate(tuned.model, images, tuned.facts.classes, "classify")
    assert found.images == 6 and found.figures["top1"] == pytest.approx(result["after"]["top1"])


@pytest.mark.parametrize("bands", BANDS)
def test_tried(bands, cases, tmp_path) -> None:
    _, whole, small, data, _ = cases(bands)
    (keep := tmp_path / "keep").mkdir()
    tried = try_networks([whole, small], [data / "val" / "last"], device="cpu", keep=keep)
    assert len(tried["images"]) == 3 and tried["skipped"] == []
    for image in tried["images"]:
        assert {one["class"] for one in image["objects"][0]} == {"first", "last"}
    command = ["try", str(whole), str(small), str(data / "val" / "last"), "--device", "cpu"]
    assert main([*command, "-o", str(tmp_path / "tried")]) == 0
    assert len(list((tmp_path / "tried").iterdir())) == 3


@pytest.mark.parametrize("bands", BANDS)
def test_what_is_tried_is_what_is_evaluated(bands, cases, tmp_path) -> None:
    """The same bands in the same order and size: the same guess for every image."""
    _, whole, _, data, _ = cases(bands)
    images = DataSettings(data, image_size=SIDE, device="cpu", split="val")
    loaded = core.load(whole)
    found = evaluate(loaded.model, images, loaded.facts.classes, "classify")
    right = 0
    for name in ("first", "last"):
        tried = try_networks([whole], [data / "val" / name], device="cpu")
        right += sum(image["objects"][0][0]["class"] == name for image in tried["images"])
    assert found.figures["top1"] == pytest.approx(right / 6)


@pytest.mark.parametrize("bands", BANDS)
def test_compared_and_reported(bands, cases, tmp_path, capsys) -> None:
    folder, whole, small, data, _ = cases(bands)
    images = DataSettings(data, image_size=SIDE, device="cpu", split="val")
    result = compare_files([whole, small], images)
    written = write_pictures(result, tmp_path / "pictures")
    assert len(written) == len(result["images"]) > 0
    facts = core.load(whole).facts
    made = Result(
        output="small.pt", date="2026-01-01T10:00:00+00:00", parameters_before=2,
        parameters_after=1, macs_before=2, macs_after=1, relative_error=0.0,
    )  # fmt: skip
    reference = ModelReference(path="whole.pt", sha256=facts.sha256, family=facts.family)
    write_project(folder / "p.secateur", Project(model=reference, results=(made,)))
    report = build_report(
        folder / "p.secateur", ReportSettings(measuring=Measuring(("accuracy",), images), samples=3)
    )
    assert report["notes"] == [] and len(report["samples"]) == 3
    # What was measured is read again, from where it is kept.
    write_report(folder / "p.secateur", tmp_path / "report.html", ReportSettings(samples=3))
    page = (tmp_path / "report.html").read_text("utf-8")
    for guess in report["samples"][0]["boxes"][0]:
        assert f">{guess['class']} {guess['confidence']:.2f}</text>" in page
    command = ["evaluate", str(small), "--data", str(data), "--image-size", str(SIDE), "--json"]
    assert main([*command, "--split", "val", "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["top5"] == 1.0


@pytest.mark.parametrize("other", [1, 3, 6])
def test_images_of_other_bands_are_refused_in_a_sentence(other, cases, tmp_path) -> None:
    _, _, small, _, _ = cases(4)
    rng = np.random.default_rng(0)
    data = tmp_path / "data"
    for split in ("train", "val"):
        for name in ("first", "last"):
            (data / split / name).mkdir(parents=True)
            pixels = rng.integers(0, 255, (SIDE, SIDE, other), dtype=np.uint8)
            write_image(data / split / name / "a", pixels)
    loaded = core.load(small)
    images = DataSettings(data, image_size=SIDE, device="cpu", split="val")
    with pytest.raises(UserError, match="no usable images") as refused:
        evaluate(loaded.model, images, loaded.facts.classes, "classify")
    assert "4 channels" in refused.value.hint
    settings = Settings(model=str(small), data=str(data), epochs=1, batch=2, image_size=SIDE)
    with pytest.raises(UserError, match=r"4 channels|no usable images"):
        finetune(settings.model_copy(update={"device": "cpu"}), tmp_path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5, 9])
def test_any_bands_are_a_picture(bands, dtype) -> None:
    rng = np.random.default_rng(0)
    pixels = (rng.random((8, 9, bands)) * (200 if dtype == np.uint8 else 5000)).astype(dtype)
    picture = as_picture(pixels)
    assert picture.shape == (8, 9, 3) and picture.dtype == np.uint8 and picture.std() > 10
    if dtype == np.uint8 and bands >= 3:
        np.testing.assert_array_equal(picture, pixels[..., :3])
    if np.issubdtype(dtype, np.floating):
        pixels[0, 0] = np.nan
        assert as_picture(pixels).std() > 10


@pytest.mark.parametrize("name", ["pages.tiff", "deep.tiff", "grey.png", "deep.png", "alpha.png"])
def test_files_of_any_bands_are_opened(name, tmp_path) -> None:
    import cv2

    rng = np.random.default_rng(0)
    path = tmp_path / name
    pixels = rng.integers(0, 255, (12, 16, 5), dtype=np.uint8)
    if name in ("pages.tiff", "deep.tiff"):
        pages = pixels if name == "pages.tiff" else pixels.astype(np.uint16) * 200
        split = [np.ascontiguousarray(page) for page in np.moveaxis(pages, 2, 0)]
        assert cv2.imwritemulti(str(path), split)
    elif name == "deep.png":
        assert cv2.imwrite(str(path), pixels[..., 0].astype(np.uint16) * 200)
    else:
        Image.fromarray(pixels[..., 0] if name == "grey.png" else pixels[..., :4]).save(path)
    picture = np.asarray(open_picture(path))
    assert picture.shape == (12, 16, 3) and picture.std() > 20
    if name == "pages.tiff":
        np.testing.assert_array_equal(picture, pixels[..., :3])
