"""The data stream: same images for the same seed, the user's files untouched, clear refusals."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from core.data.evaluate import evaluate
from core.data.stream import DataSettings, Stream
from core.errors import UserError
from core.system.paths import NOWHERE
from tests.core.images import make_dataset
from tests.core.networks import network

CLASSES = {n: f"thing {n}" for n in range(80)}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", CLASSES)


def stream(path: Path, **options) -> Stream:
    return Stream(DataSettings(path, image_size=64, device="cpu", **options), "detect", CLASSES)


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in files}


def test_batches_hold_images_and_labels(data: Path) -> None:
    batches = list(stream(data, batch=4).batches())
    assert [tuple(b["img"].shape) for b in batches] == [(4, 3, 64, 64), (2, 3, 64, 64)]
    assert all(float(b["img"].min()) >= 0 and float(b["img"].max()) <= 1 for b in batches)
    assert [len(b["cls"]) for b in batches] == [8, 4]


def test_same_seed_same_images(data: Path) -> None:
    one, two = (stream(data, images=3, seed=5).dataset.im_files for _ in range(2))
    assert one == two
    assert len(one) == 3
    drawn = {tuple(stream(data, images=3, seed=s).dataset.im_files) for s in range(6)}
    assert len(drawn) > 1


@pytest.mark.parametrize("room", [1 << 28, 20_000, 0])
def test_passes_are_the_same(data: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Whether all images fit in memory, one, or none; and in batches of any size."""
    monkeypatch.setattr("core.data.stream.KEEP", room)
    source = stream(data)
    first, again, single = (list(source.batches(size)) for size in (None, None, 1))
    for key in ("img", "cls", "bboxes", "batch_idx"):
        for one, two in zip(first, again, strict=True):
            assert torch.equal(one[key], two[key])
    assert torch.equal(torch.cat([b["img"] for b in first]), torch.cat([b["img"] for b in single]))
    assert all((b["batch_idx"] == 0).all() for b in single)


def test_nothing_is_written_beside_the_data(data: Path) -> None:
    broken = data.parent / "images/train/000.jpg"
    (data.parent / "labels/train/000.txt").unlink()
    from PIL import Image

    Image.new("RGB", (64, 64), (9, 9, 9)).save(broken)
    broken.write_bytes(broken.read_bytes()[:-2])  # Ultralytics would “restore” and overwrite it
    before = snapshot(data.parent)
    source = stream(data)
    list(source.batches())
    evaluate(
        network("yolov8n"), DataSettings(data, image_size=64, split="val", device="cpu"), CLASSES
    )
    assert snapshot(data.parent) == before


def test_unreadable_images_are_skipped_and_counted(data: Path) -> None:
    (data.parent / "images/train/001.png").write_bytes(b"no image")
    (data.parent / "labels/train/002.txt").write_text("0 0.5 nonsense")
    source = stream(data)
    assert (len(source), source.skipped) == (4, 2)
    assert sum(len(b["img"]) for b in source.batches()) == 4


def rewrite(path: Path, **changes) -> None:
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**content, **changes}))


def no_images(path: Path) -> None:
    shutil.rmtree(path.parent / "images/train")
    (path.parent / "images/train").mkdir()


def bad_images(path: Path) -> None:
    for image in (path.parent / "images/train").iterdir():
        image.write_bytes(b"")


def no_labels(path: Path) -> None:
    shutil.rmtree(path.parent / "labels")


DAMAGE = {
    "missing file": (lambda p: p.unlink(), "Could not read the dataset"),
    "not yaml": (lambda p: p.write_text("{["), "is not a dataset YAML"),
    "not text": (lambda p: p.write_bytes(b"\xff\xfe\x00"), "is not a dataset YAML"),
    "no mapping": (lambda p: p.write_text("- 1"), "is not a dataset YAML"),
    "no split": (lambda p: rewrite(p, train=None), "has no split “train”"),
    "missing folder": (lambda p: rewrite(p, train="nowhere"), "images of the dataset"),
    "no names": (lambda p: rewrite(p, names=None), "has no class names"),
    "fewer classes": (lambda p: rewrite(p, names=["cat"]), "has 1 class and the model 80"),
    "other classes": (
        lambda p: rewrite(p, names=[f"x{n}" for n in range(80)]),
        "none of the classes",
    ),
    "no images": (no_images, "no usable image"),
    "only bad images": (bad_images, "no usable image"),
    "no labels": (no_labels, "has a labelled object"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_bad_data_is_refused_in_one_sentence(data: Path, kind: str) -> None:
    damage, words = DAMAGE[kind]
    damage(data)
    with pytest.raises(UserError, match=words):
        stream(data)


def test_other_tasks_are_refused(data: Path) -> None:
    with pytest.raises(UserError, match="depth"):
        Stream(DataSettings(data), "depth", CLASSES)


# ---- classification: folders by class ----------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "folders", CLASSES, "classify")


def by_folders(path: Path, classes=CLASSES, task: str = "classify", **options) -> Stream:
    return Stream(DataSettings(path, image_size=64, device="cpu", **options), task, classes)


def test_folders_give_images_and_classes(folders: Path) -> None:
    batches = list(by_folders(folders, batch=4).batches())
    assert [tuple(b["img"].shape) for b in batches] == [(4, 3, 64, 64), (2, 3, 64, 64)]
    assert all(0 <= float(b["img"].min()) < float(b["img"].max()) <= 1 for b in batches)
    assert torch.cat([b["cls"] for b in batches]).tolist() == list(range(6)), "some of the classes"
    drawn = by_folders(folders, images=3, seed=5).dataset.im_files
    assert len(drawn) == 3
    assert drawn == by_folders(folders, images=3, seed=5).dataset.im_files


def test_folders_by_order_only_where_names_cannot_tell(tmp_path: Path) -> None:
    wordnet = {0: "n01440764", 1: "n01443537"}
    path = make_dataset(tmp_path / "wordnet", wordnet, "classify", images=2)
    assert by_folders(path, {0: "tench", 1: "goldfish"}).dataset.labels[1]["cls"] == [1]
    path = make_dataset(tmp_path / "others", {0: "a", 1: "b"}, "classify", images=2)
    with pytest.raises(UserError, match="none of the classes"):
        by_folders(path, {0: "tench", 1: "goldfish"})
    with pytest.raises(UserError, match="has 2 classes and the model 3"):
        by_folders(path, {0: "tench", 1: "goldfish", 2: "c"})


def test_bad_folders_are_refused(folders: Path, data: Path) -> None:
    with pytest.raises(UserError, match="no dataset YAML or class folders found"):
        by_folders(folders / "train")
    with pytest.raises(UserError, match="labels for the task “detect”"):
        by_folders(folders, task="detect")
    with pytest.raises(UserError, match="labels for the task “classify”"):
        by_folders(data)
    bad = next((folders / "train").rglob("*.png"))
    bad.write_bytes(b"no image")
    assert by_folders(folders).skipped == 1
    no_images_at_all(folders)
    with pytest.raises(UserError, match="no usable image"):
        by_folders(folders)
    shutil.rmtree(folders / "train")
    (folders / "train").mkdir()
    with pytest.raises(UserError, match="no class folders"):
        by_folders(folders)


def no_images_at_all(folders: Path) -> None:
    for image in (folders / "train").rglob("*.png"):
        image.write_bytes(b"")


def test_a_script_in_the_description_is_not_run(data: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    rewrite(data, download=f"open({str(mark)!r}, 'w').close()", train="nowhere")
    with pytest.raises(UserError):
        stream(data)
    assert not mark.exists()


def test_evaluation_comes_to_the_figure_known_from_elsewhere(coco: Path) -> None:
    from core.pipeline import load

    loaded = load(coco / "yolov8n-coco.pt")
    data = coco / "coco128" / "coco128.yaml"
    settings = DataSettings(data, images=10**6, split="val", device="cpu")
    before = snapshot(data.parent)
    accuracy = evaluate(loaded.model, settings, loaded.facts.classes)
    assert accuracy.map50_95 == pytest.approx(0.4217, abs=0.002)
    assert (accuracy.images, accuracy.skipped) == (32, 0)
    assert snapshot(data.parent) == before


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="“cuda:1” was selected, but torch finds no GPU"):
        DataSettings(Path("data.yaml"), device="cuda:1").pick_device()
    assert DataSettings(Path("data.yaml")).pick_device() == "cpu"


@pytest.mark.parametrize("shape", ["(32, 32, 3)", "(7,)", "broken"])
def test_arrays_that_others_planted_change_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    """In the temporary folder, where anyone may write, or next to the images."""
    plain = [batch["img"] for batch in stream(data).batches()]
    place = tmp_path / "temporary"
    (place / "secateur-no-such-folder").mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    planted = [place / "secateur-no-such-folder" / "none.npy"]
    planted += [image.with_suffix(".npy") for image in (data.parent / "images").rglob("*.png")]
    for file in planted:
        if shape == "broken":
            file.write_bytes(b"no array")
        else:
            np.save(file, np.full(ast.literal_eval(shape), 255, np.uint8))
    before = snapshot(tmp_path)
    assert all(
        torch.equal(one, batch["img"])
        for one, batch in zip(plain, stream(data).batches(), strict=True)
    )
    assert snapshot(tmp_path) == before


def test_no_code_asks_for_the_shared_temporary_folder() -> None:
    """Every temporary place is made anew for its owner alone (``mkdtemp``)."""
    root = Path(__file__).resolve().parents[3]
    files = [file for part in ("core", "app") for file in (root / part).rglob("*.py")]
    assert files and not [
        str(file.relative_to(root))
        for file in files
        if re.search(r"gettempdir|mktemp\(|/tmp\b(?!/.X11)", file.read_text("utf-8"))
    ]


def test_nothing_can_be_nowhere() -> None:
    assert not NOWHERE.exists() and not NOWHERE.with_suffix(".npy").exists()
    with pytest.raises(OSError):
        NOWHERE.write_bytes(b"")
    with pytest.raises(OSError):
        NOWHERE.mkdir(parents=True)
