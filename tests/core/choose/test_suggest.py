"""Suggestions: exact, within the target, replayed without data; the front; the score cache."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.choose.front import not_dominated
from core.choose.ranking import Ranker
from core.choose.score_cache import read_scores
from core.cli.commands.choosing import suggestion_text
from core.cli.main import main
from core.cli.text import prediction_text
from core.data.stream import DataSettings
from core.errors import CancelledError, UserError
from core.pipeline import analyse, load, predict, resolve, suggest
from core.plan.schema import Entry, Plan, Removal, Target
from core.plan.widths import compute_widths
from tests.core.images import make_dataset


@pytest.fixture(scope="module")
def loaded():
    return load("yolov8n.yaml")


@pytest.fixture(scope="module")
def table(loaded):
    return analyse(loaded).table


@pytest.fixture
def data(loaded, tmp_path) -> DataSettings:
    path = make_dataset(tmp_path / "data", loaded.facts.classes)
    return DataSettings(path, images=2, image_size=64, device="cpu")


def plan(**options) -> Plan:
    options = {"criterion": "l2", "round_to": 1, "target": Target(macs=0.93), **options}
    return Plan(**options)


ALLOCATIONS = ("auto", "ratios", "uniform", "global", "isomorphic", "cost")


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_target_met_and_replayed_without_data(loaded, table, allocation: str) -> None:
    found = suggest(loaded, plan(allocation=allocation))
    assert found.after.macs / found.before.macs == pytest.approx(0.93, rel=0.01)
    assert found.plan.target is None
    assert all(entry.channels is not None for entry in found.plan.selection)
    replay = resolve(loaded, analyse(loaded), found.plan.model_copy(update={"seed": 9}))[1]
    assert compute_widths(table, replay.removed).macs == found.after.macs
    check_front(loaded, table, found)


def check_front(loaded, table, found) -> None:
    assert len(found.front) > 2
    macs = [other.macs for other in found.front]
    scores = [other.score for other in found.front]
    assert macs == sorted(macs, reverse=True)
    assert scores == sorted(scores)
    assert found.plan.selection in [other.plan.selection for other in found.front]
    for other in (found.front[0], found.front[-1]):
        removed = resolve(loaded, analyse(loaded), other.plan)[1].removed
        whole = compute_widths(table, np.zeros_like(removed))
        now = compute_widths(table, removed)
        assert now.macs / whole.macs == other.macs
        assert now.parameters / whole.parameters == other.params


@pytest.mark.parametrize("allocation", ["auto", "global", "isomorphic", "uniform"])
def test_by_images(loaded, table, data, allocation: str) -> None:
    found = suggest(loaded, plan(criterion="fisher", allocation=allocation), data)
    assert found.after.macs / found.before.macs == pytest.approx(0.93, rel=0.01)
    check_front(loaded, table, found)
    again = suggest(loaded, plan(criterion="fisher", allocation=allocation), data, cache=False)
    assert again.plan == found.plan, "the cache changes nothing"


def test_deep_cuts_of_channels_alone_name_what_may_keep_more(loaded) -> None:
    assert suggest(loaded, plan()).hint == ""
    deep = suggest(loaded, plan(target=Target(macs=0.5)))
    assert "scales" in deep.hint
    assert '"depth": true' in suggestion_text(deep, None)
    assert deep.to_json()["hint"] == deep.hint
    structure = (Removal(scale=8),)
    assert suggest(loaded, plan(target=Target(macs=0.5), structure=structure)).hint == ""


@pytest.mark.parametrize("name", ["yolov8n-cls.yaml", "rtdetr-l.yaml"])
def test_networks_without_scales_are_not_advised_to_remove_one(name) -> None:
    assert suggest(load(name), plan(target=Target(macs=0.6))).hint == ""


def test_ratios_become_exact_channels(loaded, table, data) -> None:
    wish = plan(criterion="activation", target=None, selection=(Entry(block=4, ratio=0.5),))
    found = suggest(loaded, wish, data)
    direct = resolve(loaded, analyse(loaded), wish, data)[1].removed
    replay = resolve(loaded, analyse(loaded), found.plan)[1].removed
    assert np.array_equal(direct, replay)
    assert found.front


def test_skipped_images_are_counted(loaded, data) -> None:
    (data.path.parent / "images/train/001.png").write_bytes(b"no image")
    settings = DataSettings(data.path, images=6, image_size=64, device="cpu")
    assert suggest(loaded, plan(criterion="fisher"), settings).skipped == 1
    assert suggest(loaded, plan(criterion="fisher"), settings).skipped == 1, "from the cache too"
    prediction = predict(loaded, plan(criterion="fisher"), data=settings)
    assert prediction.to_json()["skipped"] == 1
    assert "1 image could not be read and was skipped." in prediction_text(prediction)


def test_a_suggestion_that_removes_nothing_is_refused(loaded) -> None:
    with pytest.raises(UserError, match="removes nothing"):
        suggest(loaded, plan(target=None, selection=(Entry(block=4, ratio=0.0),)))


def test_a_suggestion_can_be_cancelled_and_goes_on(loaded, data) -> None:
    wish = plan(criterion="fisher")

    def cancel(fraction: float, text: str) -> None:
        if text.startswith("Round 2"):
            raise CancelledError

    with pytest.raises(CancelledError):
        suggest(loaded, wish, data, cancel)
    texts: list[str] = []
    found = suggest(loaded, wish, data, lambda fraction, text: texts.append(text))
    assert any("Round 1" in text and "found in the cache" in text for text in texts), (
        "round 1 was kept"
    )
    assert found.plan == suggest(loaded, wish, data, cache=False).plan


def ranked(loaded, table, data, **options):
    return Ranker(loaded, plan(criterion="fisher", **options), data).rank(loaded.model, table)


def test_scores_are_kept_by_all_they_depend_on(loaded, table, data) -> None:
    first = ranked(loaded, table, data)
    assert first.file is not None
    assert ranked(loaded, table, data).file == first.file
    assert ranked(loaded, table, data, seed=1).file != first.file
    other = DataSettings(data.path, images=3, image_size=64, device="cpu")
    assert ranked(loaded, table, other).file != first.file
    larger = DataSettings(data.path, images=2, image_size=96, device="cpu")
    assert ranked(loaded, table, larger).file != first.file
    for label in (data.path.parent / "labels/train").iterdir():
        label.write_text("3 0.5 0.5 0.2 0.2\n")
    changed = ranked(loaded, table, data)
    assert changed.file != first.file
    assert not np.array_equal(changed.scores, first.scores)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_renewed(loaded, table, data, damage: bytes) -> None:
    first = ranked(loaded, table, data)
    assert first.file is not None
    first.file.write_bytes(damage)
    again = ranked(loaded, table, data)
    assert np.array_equal(again.scores, first.scores)
    stored = read_scores(first.file, table.atom_count)
    assert stored is not None
    assert np.array_equal(stored, first.scores)


def test_a_network_changed_in_memory_is_another(loaded, table, data) -> None:
    import copy

    first = ranked(loaded, table, data)
    model = copy.deepcopy(loaded.model)
    next(model.parameters()).data.mul_(2)
    other = Ranker(loaded, plan(criterion="fisher"), data).rank(model, table)
    assert other.file != first.file


def test_dominated_rows_go() -> None:
    rows = np.array([[1, 1, 0.0], [0.5, 0.5, 2], [0.5, 0.6, 2], [0.4, 0.7, 1], [0.5, 0.5, 2]])
    assert not_dominated(rows) == [0, 1, 3]


def test_command_line(data, tmp_path: Path, capsys) -> None:
    wish, output = tmp_path / "plan.json", tmp_path / "found.json"
    wish.write_text(json.dumps(plan(criterion="fisher").to_json()))
    images = ["--data", str(data.path), "--images", "2", "--image-size", "64", "--device", "cpu"]
    assert main(["suggest", "yolov8n.yaml", "--plan", str(wish), *images, "-o", str(output)]) == 0
    assert "predicted cost" in capsys.readouterr().out
    assert main(["predict", "yolov8n.yaml", "--plan", str(output), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["after"]["macs"] / report["before"]["macs"] == pytest.approx(0.93, rel=0.01)
    assert main(["suggest", "yolov8n.yaml", "--plan", str(wish), *images, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["plan"] == json.loads(output.read_text())
    assert {"macs", "params", "score", "plan"} == set(found["front"][0])


def test_engine_jobs(loaded, table, data) -> None:
    from core.engine.models import ModelStore
    from core.engine.tasks import find_task
    from core.progress import silent

    models = ModelStore()
    images = {"path": str(data.path), "images": 2, "image_size": 64, "device": "cpu"}
    args = {"path": "yolov8n.yaml", "criterion": "fisher", "seed": 0, "data": images}
    result = find_task("scores")(models, args, silent)
    scores = np.load(result["scores"])
    assert scores.shape == (table.atom_count,)
    assert (result["criterion"], result["seed"], result["skipped"]) == ("fisher", 0, 0)
    wish = plan(criterion="fisher").to_json()
    found = find_task("suggest")(
        models, {"path": "yolov8n.yaml", "plan": wish, "data": images}, silent
    )
    assert np.array_equal(np.load(found["scores"]), scores)
    assert found["after"]["macs"] / found["before"]["macs"] == pytest.approx(0.93, rel=0.01)
    json.dumps(found)
    with pytest.raises(UserError, match="no dataset was given"):
        find_task("scores")(models, {**args, "data": None}, silent)
