"""Networks of any number of channels, on images with as many; and repairs that fail."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import yaml

import core
from core.cli.main import main
from core.data.bands import read_bands
from core.data.evaluate import evaluate
from core.data.stream import DataSettings
from core.errors import CancelledError
from core.repair import RepairSettings
from core.repair.images import jitter, letterbox, open_pool
from core.tryout.run import try_networks
from tests.core.checkpoint.conftest import SMALL

NAMES = {number: str(number) for number in range(2)}


def make_images(folder, channels, count=6, *, named=True):
    """Write images of as many channels, with labels: TIFFs of several pages above three."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "labels" / split).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (70 + number, 96, channels), dtype=np.uint8)
            place = folder / "images" / split / f"{number}"
            if channels in (1, 3):
                assert cv2.imwrite(f"{place}.png", pixels)
            elif channels == 4:
                assert cv2.imwrite(f"{place}.tiff", pixels)
            else:
                assert cv2.imwritemulti(f"{place}.tiff", list(pixels.transpose(2, 0, 1)))
            label = folder / "labels" / split / f"{number}.txt"
            label.write_text(f"{number % 2} 0.5 0.5 0.4 0.4\n")
    text = {"train": "images/train", "val": "images/val", "names": NAMES}
    if named:
        text["channels"] = channels
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(text))
    return path


def network(folder, channels):
    path = folder / "yolov8n.yaml"
    text = {**yaml.safe_load(SMALL), "nc": 2, "channels": channels}
    path.write_text(yaml.safe_dump(text))
    return core.load(path)


@pytest.fixture(params=[1, 2, 3, 4, 10], scope="module")
def case(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("channels")
    loaded = network(folder, request.param)
    assert next(loaded.model.parameters()).shape[1] == request.param
    return request.param, loaded, make_images(folder / "data", request.param)


@pytest.mark.parametrize("criterion", ["l2", "taylor"])
def test_ranked_repaired_and_evaluated(case, criterion, tmp_path):
    channels, loaded, path = case
    data = DataSettings(path, image_size=64, device="cpu", split="val")
    plan = core.Plan(selection=[{"block": 1, "ratio": 0.5}], criterion=criterion)
    out = tmp_path / "out.pt"
    repair = RepairSettings(minutes=0.02)
    done = core.prune(loaded, plan, out, cache=False, data=data, repair=repair)
    assert done.verification.passed
    assert (done.repaired is None, done.repair_failed) == (False, "")
    pruned = core.load(out)
    assert evaluate(pruned.model, data, NAMES, "detect").images == 6
    with torch.no_grad():
        assert pruned.model(torch.rand(1, channels, 64, 64))


def test_suggested(case):
    _, loaded, path = case
    data = DataSettings(path, image_size=64, device="cpu", split="val")
    plan = core.Plan(criterion="taylor", target={"macs": 0.8})
    assert core.suggest(loaded, plan, data=data).plan.selection


def test_a_dataset_that_does_not_say_its_channels(case, tmp_path):
    """What the network takes is read, as its training did."""
    channels, loaded, _ = case
    data = DataSettings(
        make_images(tmp_path / "d", channels, named=False), image_size=64, device="cpu", split="val"
    )
    assert evaluate(loaded.model, data, NAMES, "detect").images == 6


def test_images_are_those_that_ultralytics_reads(case):
    from ultralytics.data.dataset import YOLODataset

    channels, loaded, path = case
    data = DataSettings(path, image_size=64, device="cpu", split="val").fitted(loaded.model)
    pool = open_pool(data)
    theirs = YOLODataset(
        img_path=str(path.parent / "images" / "val"),
        imgsz=64,
        augment=False,
        data={"names": NAMES, "nc": 2, "channels": channels},
        task="detect",
    )
    read = {file: n for n, file in enumerate(theirs.im_files)}
    for file, pixels in zip(pool.held_files, pool.held, strict=True):
        expected = theirs.load_image(read[str(file)])[0]
        if channels == 3:
            expected = expected[..., ::-1]
        mine = letterbox(pixels, 64)
        top = (64 - expected.shape[0]) // 2
        inside = mine[top : top + expected.shape[0]]
        assert inside.shape == expected.shape
        # The pool keeps larger images and scales once more, so single levels may differ.
        assert np.abs(inside.astype(int) - expected.astype(int)).mean() < 25
    for batch in pool.plain():
        assert batch.shape[1:] == (channels, 64, 64)
    views = pool.views(np.random.default_rng(0), 3)
    assert views.shape == (3, channels, 64, 64)


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 12])
def test_colours_change_in_every_channel(channels):
    pixels = np.full((9, 7, channels), 100, np.uint8)
    rng = np.random.default_rng(1)
    changed = np.stack([jitter(pixels, rng) for _ in range(8)])
    assert changed.shape[1:] == pixels.shape
    assert all((changed[..., c] != 100).any() for c in range(channels))


@pytest.mark.parametrize("channels", [1, 4, 10])
def test_bands_are_read_or_refused(channels, tmp_path):
    make_images(tmp_path / "d", channels)
    file = next((tmp_path / "d" / "images" / "val").iterdir())
    pixels = read_bands(file, channels)
    assert pixels is not None
    assert pixels.shape[2] == channels
    assert read_bands(file, channels + 1 if channels > 1 else 7) is None
    assert read_bands(tmp_path / "none.tiff", channels) is None
    (tmp_path / "damaged.tiff").write_bytes(b"II*\0nonsense")
    assert read_bands(tmp_path / "damaged.tiff", channels) is None


def fail(error):
    def repair_stage(*_args, **_options):
        raise error

    return repair_stage


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Given groups=1,\nexpected 3 channels"),
        torch.OutOfMemoryError("CUDA out of memory"),
        ValueError("odd"),
        core.UserError("There are no images.", "Choose others."),
        MemoryError(),
    ],
)
def test_a_repair_that_fails_loses_nothing(error, case, tmp_path, monkeypatch):
    _, loaded, path = case
    monkeypatch.setattr("core.repair.repair_stage", fail(error))
    data = DataSettings(path, image_size=64, device="cpu")
    plan = core.Plan(selection=[{"block": 1, "ratio": 0.5}])
    out = tmp_path / "out.pt"
    done = core.prune(loaded, plan, out, cache=False, data=data, repair=RepairSettings())
    assert done.repaired is None
    assert done.verification.passed
    assert "\n" not in done.repair_failed
    assert done.repair_failed
    assert done.to_json()["repair_failed"] == done.repair_failed
    assert core.verify(loaded, core.load(out)).passed


def test_a_cancelled_repair_stays_cancelled(case, tmp_path, monkeypatch):
    _, loaded, path = case
    monkeypatch.setattr("core.repair.repair_stage", fail(CancelledError()))
    data = DataSettings(path, image_size=64, device="cpu")
    plan = core.Plan(selection=[{"block": 1, "ratio": 0.5}])
    with pytest.raises(CancelledError):
        core.prune(
            loaded, plan, tmp_path / "out.pt", cache=False, data=data, repair=RepairSettings()
        )
    assert not (tmp_path / "out.pt").exists()


def test_the_command_warns(case, tmp_path, monkeypatch, capsys):
    channels, _, path = case
    monkeypatch.setattr("core.repair.repair_stage", fail(ValueError("odd")))
    plan = tmp_path / "plan.json"
    plan.write_text('{"version": 1, "selection": [{"block": 1, "ratio": 0.5}]}')
    network(tmp_path, channels)
    arguments = ["prune", str(tmp_path / "yolov8n.yaml"), "--plan", str(plan), "--repair", "auto"]
    arguments += ["-o", str(tmp_path / "out.pt"), "--data", str(path)]
    assert main(arguments) == 0
    assert "Warning: repair failed, so the file is not repaired." in capsys.readouterr().out
    assert (tmp_path / "out.pt").exists()


def test_tried_on_images(case, tmp_path):
    channels, _, path = case
    image = next((path.parent / "images" / "val").iterdir())
    network(tmp_path, channels)
    other = tmp_path / "text.tiff"
    other.write_bytes(b"II*\0nonsense")
    networks = [tmp_path / "yolov8n.yaml"] * 2
    found = try_networks(networks, [image, other], image_size=64, device="cpu")
    assert len(found["images"]) == 1
    assert len(found["skipped"]) == 1


def test_networks_of_other_channels_are_not_tried_together(tmp_path):
    places = []
    for channels in (1, 3):
        (tmp_path / str(channels)).mkdir()
        network(tmp_path / str(channels), channels)
        places.append(tmp_path / str(channels) / "yolov8n.yaml")
    image = tmp_path / "a.png"
    cv2.imwrite(str(image), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(core.UserError, match="1 and 3 channels"):
        try_networks(places, [image], device="cpu")
