"""Networks of a value per pixel: semantic segmentation and depth, from the data to the export."""

from __future__ import annotations

import copy
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import core
from core.checkpoint import save
from core.cli.main import main
from core.compare.files import compare_files
from core.data.check import check_data
from core.data.dense import with_background
from core.data.evaluate import evaluate
from core.data.figures import ERRORS, FIGURES, MAIN, SECOND, figure_name, key_of, names_of
from core.data.resample import MapImages, draw
from core.data.source import read_source
from core.data.stream import DataSettings, Stream
from core.data.validation import Validation
from core.errors import UserError
from core.history.accuracy import accuracy_of
from core.history.nodes import Node
from core.project import ModelReference, Project, Result, write_project
from core.repair import RepairSettings
from core.report import ReportSettings, build_report, write_report
from core.report.wanted import Measuring
from core.ship.export.maps import map_error
from core.ship.export.run import ExportSettings, export
from core.tryout.agreement import marks
from core.tryout.maps import Map, drawn, legend, map_of
from core.tryout.run import try_networks
from core.tune.distill import ClassMapDistillation
from core.tune.run import finetune
from core.tune.settings import Settings
from tests.core.images import make_dataset
from tests.core.networks import network, parameters

TASKS = {
    "yolo26n-sem": {"miou", "pixel_accuracy"},
    "yolo26n-depth": {"delta1", "delta2", "delta3", "abs_rel", "rmse", "silog"},
}
SIZE = 64


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """A whole and a pruned file of each family, and images."""
    made = {}

    def get(family):
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            model = network(family)
            data = make_dataset(folder / "data", dict(model.names), model.task, 4, SIZE)
            whole, small = folder / "whole.pt", folder / "small.pt"
            own = copy.deepcopy(model)
            if model.task == "semantic":  # something is found: the ground
                own.model[-1].classifier[-1].bias.data[0] = 5.0
            save(own, whole, train_args={"imgsz": SIZE})
            plan = core.Plan(selection=({"block": 4, "ratio": 0.5},), round_to=1)
            core.prune(core.load(whole), plan, small)
            made[family] = folder, whole, small, data
        return made[family]

    return get


def on(data: Path, split: str = "val", **others) -> DataSettings:
    return DataSettings(data, image_size=SIZE, device="cpu", split=split, **others)


@pytest.mark.parametrize("family", TASKS)
def test_evaluated_as_ultralytics_does(family, cases, tmp_path, capsys) -> None:
    from ultralytics import YOLO

    _, _, small, data = cases(family)
    loaded = core.load(small)
    facts = loaded.facts
    found = evaluate(loaded.model, on(data), facts.classes, facts.task)
    assert set(found.figures) == TASKS[family]
    validator = YOLO(small).val(
        data=str(data), imgsz=SIZE, device="cpu", batch=8, plots=False, verbose=False, workers=0,
        project=str(tmp_path), rect=True,
    )  # fmt: skip
    theirs = {key_of(name): value for name, value in validator.results_dict.items()}
    assert {key: theirs[key] for key in found.figures} == pytest.approx(found.figures, abs=1e-5)
    command = ["evaluate", str(small), "--data", str(data), "--image-size", str(SIZE)]
    assert main([*command, "--split", "val", "--device", "cpu"]) == 0
    first, second = names_of(facts.task)
    text = capsys.readouterr().out
    assert f"{first} {found.map50_95:.4f}, {second} {found.map50:.4f} on 4 images" in text
    assert "mAP" not in text
    assert main([*command, "--split", "val", "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["measure"] == next(iter(found.figures))


@pytest.mark.parametrize("family", TASKS)
def test_a_tuning_keeps_the_pruned_shape(family, cases, tmp_path) -> None:
    _, whole, small, data = cases(family)
    before = {p: p.stat().st_mtime_ns for p in data.parent.rglob("*")}
    (folder := tmp_path / "job").mkdir()
    settings = Settings(
        model=str(small), data=str(data), epochs=2, batch=2, image_size=SIZE, device="cpu",
        options={"lr0": 0.01},
    )  # fmt: skip
    events = []
    result = finetune(settings, folder, emit=events.append)
    tuned = core.load(result["output"])
    assert parameters(tuned.model) == result["parameters"] == parameters(core.load(small).model)
    assert parameters(tuned.model) < parameters(core.load(whole).model)
    assert set(result["before"]) == set(result["after"]) == TASKS[family]
    assert any(event["event"] == "epoch" and event["metrics"] for event in events)
    assert {p: p.stat().st_mtime_ns for p in data.parent.rglob("*")} == before
    assert next(e for e in events if e["event"] == "started")["task"] == tuned.facts.task


@pytest.mark.parametrize("preset", ["recover_quickly", "recover_fully", "as_trained"])
@pytest.mark.parametrize("family", TASKS)
def test_a_tuning_has_a_teacher(family, preset, cases, tmp_path) -> None:
    _, whole, small, data = cases(family)
    (folder := tmp_path / "job").mkdir()
    settings = Settings(
        model=str(small), data=str(data), teacher=str(whole), preset=preset, epochs=1, batch=2,
        image_size=SIZE, device="cpu",
    )  # fmt: skip
    if preset == "recover_fully":  # whose way is by features
        with pytest.raises(UserError, match="needs a detection head, which a network for"):
            finetune(settings.model_copy(update={"distill": "features"}), folder)
    events: list[dict] = []
    result = finetune(settings, folder, emit=events.append)
    assert set(result["after"]) == TASKS[family]
    assert "dis_loss" in str(next(e for e in events if e["event"] == "epoch"))
    tuned = core.load(folder / "last.pt")
    assert parameters(tuned.model) == parameters(core.load(small).model)


@pytest.mark.parametrize("family", TASKS)
def test_a_map_gets_closer_to_the_teacher(family, cases, tmp_path) -> None:
    """With no weight on the labels, it is the teacher's map that is learned."""
    _, whole, small, data = cases(family)
    teacher = core.load(whole).model.float().eval()
    head = teacher.model[-1]
    with torch.no_grad():  # another answer than the student's
        (head.classifier if family.endswith("sem") else head.head)[-1].bias.add_(
            torch.linspace(-2, 3, len(teacher.names)) if family.endswith("sem") else 1.0
        )
    whole = tmp_path / "teacher.pt"
    save(teacher, whole, train_args={"imgsz": SIZE})
    images = torch.rand(4, 3, SIZE, SIZE)

    def apart(path) -> float:
        with torch.no_grad():
            told, said = (m(images) for m in (teacher, core.load(path).model.float().eval()))
        way = torch.log if family.endswith("depth") else lambda each: each.softmax(1)
        return float((way(told) - way(said)).abs().mean())

    options = {"dis": 1000.0, "optimizer": "AdamW", "lr0": 1e-3, "warmup_epochs": 0}
    settings = Settings(
        model=str(small), data=str(data), teacher=str(whole), epochs=8, batch=2, image_size=SIZE,
        device="cpu", options=options,
    )  # fmt: skip
    (folder := tmp_path / "job").mkdir()
    finetune(settings, folder)
    assert apart(folder / "last.pt") < 0.8 * apart(small)


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_the_same_map_has_nothing_to_learn(classes) -> None:
    way = ClassMapDistillation.__new__(ClassMapDistillation)
    said, told = (torch.randn(2, classes, 4, 4) for _ in range(2))
    assert float(way.apart((said, None), said)) == pytest.approx(0, abs=1e-6)
    assert float(way.apart((said, None), told)) > 0.01


@pytest.mark.parametrize("family", TASKS)
def test_a_teacher_of_another_task_is_refused(family, cases, tmp_path) -> None:
    _, _, small, data = cases(family)
    other = next(one for one in TASKS if one != family)
    settings = Settings(model=str(small), data=str(data), teacher=str(cases(other)[1]))
    with pytest.raises(UserError, match="has the task"):
        finetune(settings, tmp_path)


@pytest.mark.parametrize("family", TASKS)
def test_ranked_and_repaired(family, cases, tmp_path) -> None:
    _, whole, _, data = cases(family)
    plan = core.Plan(criterion="fisher", selection=({"block": 4, "ratio": 0.5},), round_to=1)
    repair = RepairSettings(("bn", "refit", "distill"), minutes=0.3)
    done = core.prune(
        core.load(whole), plan, tmp_path / "a.pt", data=on(data, "train"), repair=repair
    )
    assert done.verification.passed and not done.repair_failed
    assert done.repaired is not None
    assert [step.step for step in done.repaired.steps] == ["bn", "refit", "distill"]
    assert all(np.isfinite(step.after.gap) for step in done.repaired.steps)
    assert all(step.after.map50_95 is not None for step in done.repaired.steps)


@pytest.mark.parametrize("form", ["onnx", "torchscript"])
@pytest.mark.parametrize("family", TASKS)
def test_an_export_equals_its_checkpoint(family, form, cases, tmp_path) -> None:
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    small = core.load(cases(family)[2])
    output = tmp_path / f"a.{form}"
    done = export(small, output, ExportSettings(form, image_size=(64, 96)))
    assert done.parity is not None and done.parity.passed and done.parity.detections is None


def test_a_wrong_map_is_found() -> None:
    torch.manual_seed(0)
    scores = torch.randn(1, 5, 8, 8)
    whole = torch.nn.functional.interpolate(scores, (64, 64), mode="bilinear")
    kinds = whole.argmax(1).to(torch.uint8)
    assert map_error(scores, kinds, "semantic", 1e-3) == 0
    assert map_error(scores, whole, "semantic", 1e-3) < 1e-6
    other = kinds.clone()
    other[0, :8] = (other[0, :8] + 1) % 5
    assert map_error(scores, other, "semantic", 1e-3) > 0.1
    assert map_error(scores, whole * 1.01, "semantic", 1e-3) == pytest.approx(0.01, rel=0.01)
    assert map_error(scores, whole, "depth", 1e-3) > 1e-3  # corners are elsewhere
    one = scores[:, :1]
    big = torch.nn.functional.interpolate(one, (64, 64), mode="bilinear")
    assert map_error(one, (big[:, 0] > 0), "semantic", 1e-3) == 0


@pytest.mark.parametrize("family", TASKS)
def test_compared_image_by_image(family, cases, capsys) -> None:
    _, whole, small, data = cases(family)
    result = compare_files([whole, small], on(data))
    assert len(result["images"]) == 4
    means = np.mean([row["scores"] for row in result["images"]], axis=0)
    if family.endswith("depth"):  # every image counts the same
        figures = [model["figures"]["delta1"] for model in result["models"]]
        assert means == pytest.approx(figures, abs=1e-4)
    json.dumps(result)
    command = ["compare", str(whole), str(small), "--data", str(data), "--image-size", str(SIZE)]
    assert main([*command, "--device", "cpu"]) == 0
    assert next(iter(TASKS[family])) in capsys.readouterr().out


@pytest.mark.parametrize("family", TASKS)
def test_figures_by_image_are_those_of_all(family, cases) -> None:
    _, _, small, data = cases(family)
    loaded = core.load(small)
    validation = Validation(
        loaded.model, on(data, batch=3), loaded.facts.classes, loaded.facts.task
    )
    accuracy, images = validation.evaluate_by_image(loaded.model)
    once = images.figures(np.ones((1, images.images)))
    assert images.images == 4 and once[0] == pytest.approx(accuracy.map50_95, abs=1e-6)
    assert np.isfinite(images.figures(draw(4))).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.integers(2, 4), st.integers(0, 99))
def test_resampled_miou_is_that_of_ultralytics(count, classes, seed) -> None:
    from ultralytics.utils.metrics import SemanticMetrics

    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (count, classes, classes)).astype(float)
    weights = rng.integers(0, 3, (1, count)).astype(float)
    names = {n: str(n) for n in range(1 if classes == 2 else classes)}
    metrics = SemanticMetrics(names)
    metrics.matrix = torch.from_numpy(np.tensordot(weights[0], counts, 1)).float()
    metrics.process()
    mine = MapImages(counts, binary=classes == 2).figures(weights)[0]
    assert mine == pytest.approx(metrics.miou, abs=1e-6)


# ---- data ---------------------------------------------------------------------------------------


def test_data_knows_masks(cases, capsys) -> None:
    _, whole, _, data = cases("yolo26n-sem")
    for task in (None, "semantic"):
        found = check_data(data, task=task, classes=dict(network("yolo26n-sem").names))
        assert found["task"] == "semantic" and found["usable"]
        train = found["splits"]["train"]
        assert (train["images"], train["labelled"], train["unreadable"]) == (4, 4, 0)
        assert set(train["classes"]) == {"0", "1", "2", "3"} and train["classes"]["0"] == 4
    assert main(["data", str(data), "--model", str(whole)]) == 0


@pytest.mark.parametrize("named", [True, False, None, ""])
def test_masks_are_where_ultralytics_finds_them(named, cases, tmp_path) -> None:
    """In the folder “masks” unless another is named, and then there is no background."""
    from ultralytics.data.utils import check_det_dataset

    _, _, _, data = cases("yolo26n-sem")
    path = damaged(data, tmp_path / "data", lambda folder: None)
    said = yaml.safe_load(path.read_text("utf-8"))
    said["path"] = str(path.parent)
    assert said.pop("masks_dir") == "masks"
    if named is not False:
        said["masks_dir"] = "masks" if named else named
    path.write_text(yaml.safe_dump(said), "utf-8")
    expected = check_det_dataset(path, autodownload=False).get("masks_dir")
    classes = network("yolo26n-sem").names
    source = read_source(path, "val", None if named == "" else classes, task="semantic")
    assert (source.extra.get("masks_dir") or None) == (expected or None)
    assert ("background" in source.names.values()) == (not expected)


def damaged(data: Path, folder: Path, what) -> Path:
    import shutil

    shutil.copytree(data.parent, folder)
    what(folder)
    return folder / "data.yaml"


def test_maps_that_are_missing_or_wrong_are_named(cases, tmp_path) -> None:
    _, _, _, data = cases("yolo26n-sem")

    def gone(folder):
        (folder / "masks" / "train" / "000.png").unlink()

    def small(folder):
        Image.fromarray(np.zeros((5, 5), np.uint8)).save(folder / "masks" / "train" / "001.png")

    def strange(folder):
        path = folder / "masks" / "train" / "002.png"
        Image.fromarray(np.full_like(np.asarray(Image.open(path)), 77)).save(path)

    for number, harm in enumerate((gone, small, strange)):
        path = damaged(data, tmp_path / str(number), harm)
        found = check_data(path)
        assert found["splits"]["train"]["unreadable"] == 1 and found["usable"]
        assert any("cannot be read" in problem["message"] for problem in found["problems"])
        stream = Stream(on(path, "train"), "semantic", network("yolo26n-sem").names)
        assert stream.skipped == 1 and len(stream) == 3
    shutil_all = damaged(data, tmp_path / "all", lambda f: None)
    for file in (shutil_all.parent / "masks").rglob("*.png"):
        file.unlink()
    with pytest.raises(UserError, match="no usable images") as caught:
        Stream(on(shutil_all, "train"), "semantic", network("yolo26n-sem").names)
    assert "masks_dir" in caught.value.hint


def test_depth_maps_of_every_kind(cases, tmp_path) -> None:
    _, _, small, data = cases("yolo26n-depth")
    loaded = core.load(small)
    names = loaded.facts.classes

    def to_png(folder):
        for file in (folder / "depth").rglob("*.npy"):
            metres = np.load(file)
            Image.fromarray((metres * 1000).astype(np.uint16)).save(file.with_suffix(".png"))
            file.unlink()

    other = damaged(data, tmp_path / "png", to_png)
    first, second = (
        evaluate(loaded.model, on(path), names, "depth").figures for path in (data, other)
    )
    assert first == pytest.approx(second, abs=1e-3)
    none = damaged(data, tmp_path / "none", lambda f: None)
    for file in (none.parent / "depth").rglob("*.npy"):
        file.unlink()
    with pytest.raises(UserError, match="no usable images") as caught:
        evaluate(loaded.model, on(none), names, "depth")
    assert "depth" in caught.value.hint


def test_polygons_have_a_background(tmp_path) -> None:
    """Of a dataset without masks, the network has one class more."""
    from core.tune.feed import read_feed

    data = make_dataset(tmp_path / "data", {0: "a", 1: "b"}, "segment", 3, SIZE)
    classes = with_background({0: "a", 1: "b"}, {}, "semantic")
    assert classes == {0: "a", 1: "b", 2: "background"}
    stream = Stream(on(data), "semantic", classes)
    (batch,) = stream.batches()
    assert set(batch["semantic_mask"].unique().tolist()) <= {0, 1, 2, 255}
    assert 2 in batch["semantic_mask"].unique()
    feed = read_feed(data, "semantic", classes)
    assert feed.description["nc"] == 3 and feed.description["bg_class_idx"] == 2
    with pytest.raises(UserError, match="has 2 classes and the model 3"):
        Stream(on(data), "detect", classes)
    one = make_dataset(tmp_path / "one", {0: "a"}, "segment", 2, SIZE)
    (batch,) = Stream(on(one), "semantic", {0: "a"}).batches()
    assert set(batch["semantic_mask"].unique().tolist()) <= {0, 1, 255}


@pytest.mark.parametrize(
    ("key", "value"),
    [("masks_dir", 3), ("label_mapping", [1]), ("depth_scale", "x"), ("max_depth", {})],
)
def test_a_key_of_the_wrong_kind_is_one_clear_line(key, value, tmp_path) -> None:
    data = make_dataset(tmp_path / "data", {0: "a", 1: "b"}, "semantic", 1, SIZE)
    text = yaml.safe_load(data.read_text())
    data.write_text(yaml.safe_dump({**text, key: value}))
    with pytest.raises(UserError, match=f"“{key}”"):
        Stream(on(data), "semantic", {0: "a", 1: "b"})


# ---- names --------------------------------------------------------------------------------------


def test_every_figure_has_its_name() -> None:
    assert all(key in FIGURES and SECOND[key] in FIGURES for key in MAIN)
    assert names_of("semantic") == ("mIoU", "Pixel accuracy")
    assert names_of("depth") == ("δ1", "AbsRel") and names_of("detect") == ("mAP50-95", "mAP50")
    assert names_of("classify") == ("top-1", "top-5") and set(FIGURES) >= ERRORS
    assert key_of("metrics/mIoU") == "miou" and key_of("metrics/abs_rel") == "abs_rel"


@pytest.mark.parametrize("main_key", MAIN)
def test_a_history_knows_the_accuracy_of_every_task(main_key) -> None:
    figures = {main_key: 0.5, SECOND[main_key]: 0.25}
    details = {"data": "d.yaml", "split": "val", "images": 4, "image_size": [64, 96]}

    def measured(figures):
        return Node(
            id="a", parent=None, kind="evaluate", file="x.pt", sha256="s", date="2026",
            figures=figures, details=details,
        )  # fmt: skip

    node = measured(figures)
    found = accuracy_of([node], "s", "d.yaml", (64, 96))
    assert found is not None and (found.map50_95, found.map50) == (0.5, 0.25)
    assert accuracy_of([node], "s", "d.yaml", 96) is None
    assert accuracy_of([measured({"rmse": 1.0})], "s", "d.yaml") is None


# ---- without labels ----------------------------------------------------------------------------


@pytest.mark.parametrize("family", TASKS)
def test_tried_as_ultralytics_predicts(family, cases, tmp_path) -> None:
    from ultralytics import YOLO

    _, whole, small, data = cases(family)
    images = data.parent / "images" / "val"
    (keep := tmp_path / "keep").mkdir()
    tried = try_networks([whole, small, small], [images], keep=keep, device="cpu")
    stock = [YOLO(str(path)) for path in (whole, small)]
    assert len(tried["images"]) == 4 and tried["task"] == network(family).task
    for image in tried["images"]:
        wanted = [
            one.predict(image["image"], imgsz=tried["image_size"], verbose=False)[0]
            for one in stock
        ]
        maps = [map_of(result.cpu()) for result in wanted]
        assert image["same"][0] == 1.0 and image["same"][1] == image["same"][2]
        assert image["same"][1] == pytest.approx(maps[1].alike(maps[0]), abs=1e-5)
        for network_, file in enumerate(image["maps"]):
            with Image.open(file) as drawn, Image.open(image["image"]) as of:
                assert drawn.size == of.size
                assert np.asarray(drawn).std() > 0
            assert all("colour" in mark for mark in image["objects"][network_])
        assert all(marks(image, n, 0.5) == image["objects"][n] for n in range(3))
    if family.endswith("sem"):
        (ground, *_) = tried["images"][0]["objects"][0]
        assert ground["class"] == network(family).names[0] and ground["share"] > 0.5


@pytest.mark.parametrize("family", TASKS)
def test_the_command_draws_the_maps(family, cases, tmp_path, capsys) -> None:
    _, whole, small, data = cases(family)
    images = data.parent / "images" / "val"
    command = ["try", str(whole), str(small), str(images), "--device", "cpu"]
    assert main([*command, "-o", str(tmp_path / "tried")]) == 0
    text = capsys.readouterr().out
    assert "same pixels" in text and "confidence" not in text and "4 pictures" in text
    with Image.open(sorted((tmp_path / "tried").iterdir())[0]) as sheet:
        sides = np.asarray(sheet)[30:-8]
    half = sides.shape[1] // 2
    with Image.open(sorted(images.iterdir())[0]) as image:
        assert sides[:, : half - 10].std() > 0 and sheet.width > 2 * image.width
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["same"]) == 2 and "counts" not in found and "maps" not in found["images"][0]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (np.arange(12).reshape(3, 4) % 3, {0: "a", 1: "b", 2: "c"}),
        (np.array([[0, 1], [1, 0]]), {1: "only"}),
        (np.full((2, 3), 255), {0: "a", 1: "b"}),
        (np.linspace(0.5, 80, 20, dtype=np.float32).reshape(4, 5), None),
        (np.full((3, 3), 2.0, np.float32), None),
        (np.zeros((3, 3), np.float32), None),
    ],
)
@pytest.mark.parametrize("bands", [1, 3, 4, 7])
def test_any_map_is_drawn_over_any_image(values, names, bands) -> None:
    found = Map(values, names)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (*(4 * side for side in values.shape), bands), dtype=np.uint8)
    with Image.open(io.BytesIO(drawn(pixels, found, found))) as picture:
        assert picture.size == pixels.shape[1::-1]
    assert found.alike(found) == 1.0
    shares = [mark["share"] for mark in legend(found, found) if "share" in mark]
    assert sum(shares) <= 1.0 + 1e-6 and shares == sorted(shares, reverse=True)
    other = Map(values + 1 if names else 2 * values + 1, names)
    assert found.alike(other) == 0.0


@pytest.mark.parametrize("family", TASKS)
def test_the_report_has_its_figures(family, cases, tmp_path) -> None:
    _, whole, small, data = cases(family)
    for path in (whole, small):
        shutil.copy(path, tmp_path)
    facts = core.load(whole).facts
    made = Result(
        output="small.pt", date="2026-01-01T10:00:00+00:00", parameters_before=2,
        parameters_after=1, macs_before=2, macs_after=1, relative_error=0.0,
    )  # fmt: skip
    reference = ModelReference(path="whole.pt", sha256=facts.sha256, family=facts.family)
    write_project(tmp_path / "p.secateur", Project(model=reference, results=(made,)))
    measuring = Measuring(("accuracy",), on(data))
    wanted = ReportSettings(measuring=measuring, samples=2)
    report = build_report(tmp_path / "p.secateur", wanted)
    accuracy = report["accuracy"]
    assert [m["role"] for m in accuracy["models"]] == ["original", "pruned"]
    first = names_of(facts.task)[0]
    assert figure_name(accuracy["measure"]) == first
    assert all(set(m["figures"]) == TASKS[family] for m in accuracy["models"])
    assert len(report["samples"]) == 2 and len(report["samples"][0]["scores"]) == 2
    for ending in ("html", "md"):
        text = write_report(tmp_path / "p.secateur", tmp_path / f"r.{ending}").path.read_text()
        assert first in text and "mAP" not in text
        figure = accuracy["models"][1]["figures"][accuracy["measure"]]
        assert f"{figure:.4f}" in text
