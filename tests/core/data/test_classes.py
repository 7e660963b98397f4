"""Classes of a dataset held against a model's: refused, or taken as the same and recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import core
from core.checkpoint import save
from core.cli.main import main
from core.data.check import check_data
from core.data.classes import ClassesDifferError, assumed_classes, difference
from core.data.evaluate import evaluate
from core.data.source import read_source
from core.data.stream import ALL, DataSettings, Stream
from core.errors import UserError
from core.plan.schema import parse_plan
from core.project import DataSetting
from core.repair import RepairSettings
from core.structure.retarget import retarget
from core.tune.feed import read_feed
from tests.core.images import make_dataset
from tests.core.networks import untrained

MINE, THEIRS = {0: "x", 1: "y", 2: "z"}, {0: "a", 1: "b", 2: "c"}

OTHERS = {
    "no name in common": MINE,
    "another order": {0: "b", 1: "a", 2: "c"},
    "one of them elsewhere": {0: "a", 1: "z", 2: "b"},
    "another language": {0: "Apfel", 1: "Birne", 2: "Kirsche"},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", MINE, images=4, side=64)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "abc.pt"
    made = retarget(untrained("yolov8n"), THEIRS).loaded
    save(made.model, path, train_args=made.train_args)
    return path


@pytest.mark.parametrize("kind", OTHERS)
def test_other_names_are_refused_and_may_be_the_same(kind: str, data: Path) -> None:
    text = data.read_text()
    for number, name in OTHERS[kind].items():
        text = text.replace(f"{number}: {MINE[number]}\n", f"{number}: {name}\n")
    data.write_text(text)
    with pytest.raises(ClassesDifferError, match="--same-classes") as refused:
        read_source(data, "train", THEIRS)
    assert refused.value.may_be_same and refused.value.names == OTHERS[kind]
    source = read_source(data, "train", THEIRS, same_classes=True)
    assert source.names == THEIRS
    assert source.assumed == assumed_classes(OTHERS[kind], THEIRS) != {}
    assert not check_data(data, task="detect", classes=THEIRS)["usable"]
    assert check_data(data, task="detect", classes=THEIRS, same_classes=True)["usable"]


def test_another_count_is_no_other_name(data: Path) -> None:
    for same in (False, True):
        with pytest.raises(ClassesDifferError, match=r"3 classes and the model 1.*retarget") as no:
            read_source(data, "train", {0: "a"}, same_classes=same)
        assert not no.value.may_be_same


words = st.text("abAB", min_size=1, max_size=2)


@given(st.lists(words, min_size=1, max_size=5), st.data())
def test_names_in_their_places_pass_and_in_others_do_not(names: list, drawn: st.DataObject) -> None:
    classes = dict(enumerate(dict.fromkeys(name.casefold() for name in names)))
    assert not difference({n: name.upper() for n, name in classes.items()}, classes)
    order = drawn.draw(st.permutations(sorted(classes)))
    moved = {n: classes[old] for n, old in enumerate(order)}
    assert bool(difference(moved, classes)) == (moved != classes)
    one = {**classes, 0: "new"}
    assert bool(difference(one, classes)) == (len(classes) == 1)


def test_folders_of_other_names_go_in_order(tmp_path: Path) -> None:
    path = make_dataset(tmp_path / "folders", MINE, "classify", images=6)
    with pytest.raises(ClassesDifferError, match="--same-classes"):
        read_source(path, "val", THEIRS)
    source = read_source(path, "val", THEIRS, same_classes=True)
    assert source.folders == MINE and source.names == THEIRS
    assert source.assumed == {"x": "a", "y": "b", "z": "c"}
    feed = read_feed(path, "classify", THEIRS, same_classes=True)
    assert feed.assumed == source.assumed and feed.description["names"] == THEIRS
    assert check_data(path, task="classify", classes=THEIRS, same_classes=True)["usable"]
    mixed = make_dataset(tmp_path / "mixed", {0: "b", 1: "d", 2: "e"}, "classify", images=6)
    with pytest.raises(UserError, match="names of other classes"):
        read_feed(mixed, "classify", THEIRS, same_classes=True)


def test_everything_that_reads_labels_asks(data: Path, model: Path, tmp_path: Path) -> None:
    loaded = core.load(model)
    settings = DataSettings(data, ALL, image_size=64, device="cpu", split="val")
    plan = parse_plan({"version": 1, "selection": [{"block": 5, "ratio": 0.3}]})
    by_images = plan.model_copy(update={"criterion": "taylor"})

    def work(settings: DataSettings) -> list:
        output = tmp_path / "pruned.pt"
        repair = RepairSettings(steps=("bn",))
        return [
            lambda: Stream(settings, "detect", THEIRS),
            lambda: evaluate(loaded.model, settings, THEIRS),
            lambda: core.prune(loaded, plan, output, data=settings, repair=repair),
            lambda: core.prune(loaded, by_images, data=settings),
            lambda: read_feed(data, "detect", THEIRS, settings.same_classes),
        ]

    for call in work(settings):
        with pytest.raises(ClassesDifferError, match="--same-classes"):
            call()
    said = DataSettings.from_json({"path": str(data), "same_classes": True}, image_size=64)
    assert said.same_classes
    for call in work(DataSettings(data, ALL, image_size=64, device="cpu", same_classes=True)):
        call()


def test_the_command_line_says_what_it_assumes(
    data: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(model), "--data", str(data), "--image-size", "64", "--device", "cpu"]
    assert main(words) == 1
    assert "--same-classes" in capsys.readouterr().err
    assert main([*words, "--same-classes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["assumed"] == {"x": "a", "y": "b", "z": "c"}
    assert main([*words, "--same-classes"]) == 0
    assert "Assumed of the classes: “x” is “a”, “y” is “b”" in capsys.readouterr().out


def test_a_project_remembers_it(data: Path) -> None:
    said = DataSetting(path=str(data), same_classes=True)
    assert DataSettings.from_json(DataSetting(**said.model_dump()).model_dump()).same_classes
    assert not DataSetting(path=str(data)).same_classes


@pytest.mark.parametrize("unnamed", [{0: "0", 1: "1"}, {0: "class_0", 1: "class_1"}])
def test_numbers_in_the_place_of_names_are_any_classes(unnamed: dict[int, str]) -> None:
    """Of a network from a model YAML, or of a dataset YAML with ``nc`` alone."""
    named = {0: "cat", 1: "dog"}
    assert difference(unnamed, named) == difference(named, unnamed) == ""
    assert difference({0: "0", 1: "class_1"}, named) == ""
    assert difference({0: "1", 1: "0"}, named) != ""
    assert difference({0: "0", 1: "dogs"}, named) != ""
