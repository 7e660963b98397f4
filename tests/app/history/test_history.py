"""The history of a network: kept by the window, shown as a tree, opened, compared, gone on from."""

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from app.compare.feature import CompareFeature
from app.data.feature import DataFeature
from app.files.feature import FilesFeature
from app.history.feature import HistoryFeature
from app.pruning.feature import PruningFeature
from app.pruning.result_dialog import ResultDialog
from app.state import plan_edits
from app.state.history import _place
from app.state.measurements import Evaluation
from app.tune.feature import TuneFeature
from core.history.measurements import read_measurements
from core.history.nodes import home_of, new_node, read_nodes, record
from core.history.remember import remember_measured
from core.history.results import pruned_node
from core.plan.schema import Plan
from core.runs.received import claims_of, confirm
from core.ship.exported.metadata import hash_of_network
from core.system.files import sha256_of
from tests.app.compare.test_compare import THREE, comparison
from tests.app.conftest import ENGINE_MS, QUICK_MS
from tests.core.history.test_samples import FILES, SAMPLES

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def own(tmp_path, trained):
    """A copy of the model: other files may be next to it."""
    path = tmp_path / "own" / "model.pt"
    path.parent.mkdir()
    shutil.copy(trained, path)
    path.chmod(0o644)
    return path


@pytest.fixture
def opened(window, qtbot, own, drop):
    """A window with that copy open."""
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        drop(window, own)
    window.session.flush()
    return window


@pytest.fixture
def panel(opened, qtbot):
    opened.workspace.go_to("history")
    panel = opened.workspace["history"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    assert not panel.tree.topLevelItemCount() and "No steps yet" in panel.intro.whole
    return panel


@pytest.fixture
def lineage(opened):
    return opened.session.lineage


def made(path, words="x"):
    path.write_text(words)
    return path


def report(output, *blocks):
    """What the engine tells of a pruning."""
    plan = Plan(selection=[{"block": block, "ratio": 0.5} for block in blocks])
    return {
        "output": str(output), "before": {"parameters": 3_000_000, "macs": 4_000_000_000},
        "after": {"parameters": 2_000_000, "macs": 3_000_000_000}, "plan": plan.to_json(),
        "verification": {"relative_error": 1e-6}, "repair": None,
    }  # fmt: skip


def steps(lineage):
    from core.history.tree import title

    return [(depth, title(branch.node)) for depth, branch in lineage.steps()]


def taken(opened, qtbot, output, *blocks):
    with qtbot.waitSignal(opened.session.lineage.changed, timeout=QUICK_MS):
        opened.session.take([pruned_node(report(made(output, output.name), *blocks))])


def row(panel, words):
    return next(item for item in panel._items() if words in item.text(0))


def mark(panel, *words):
    panel.tree.clearSelection()
    for one in words:
        row(panel, one).setSelected(True)


def test_prunings_become_branches(opened, panel, lineage, own, qtbot):
    taken(opened, qtbot, own.parent / "a.pt", 4)
    taken(opened, qtbot, own.parent / "b.pt", 6)
    assert steps(lineage) == [(0, "model.pt"), (1, "Pruned: a.pt"), (1, "Pruned: b.pt")]
    root, first, _ = panel._items()
    assert root.text(0) == "model.pt (open)" and root.font(0).bold()
    assert [first.text(n) for n in (2, 3)] == ["2.00 M (−33.3%)", "6.00 (−25.0%)"]
    assert "relative error 1.0e-06" in first.toolTip(0)
    assert panel.intro.whole == "2 prunings."
    # Nothing is overwritten: another one of the same name is another step.
    before = {path: path.read_bytes() for path in Path(lineage.folder).iterdir()}
    taken(opened, qtbot, own.parent / "b.pt", 8)
    assert {path: path.read_bytes() for path in before} == before and len(panel._items()) == 4


def test_measurements_and_comparisons_are_steps(
    opened, panel, lineage, own, dataset, fake_jobs, qtbot
):
    small = own.parent / "small.pt"
    taken(opened, qtbot, small, 4)
    opened.features[DataFeature].controller.set_data(str(dataset))
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        opened.session.measured.set_accuracy(Evaluation(0.4, 0.5, 32, 0))
    measured = "Measured on val of own.yaml (32 images)"
    assert steps(lineage) == [(0, "model.pt"), (1, "Pruned: small.pt"), (1, measured)]
    assert row(panel, "model.pt").text(1) == "0.4000"  # measured of its file
    result = comparison(*THREE[:2])
    for one, path in zip(result["models"], (own, small), strict=True):
        sha256 = sha256_of(path)
        one |= {"path": str(path), "sha256": sha256, "origin": opened.session.model.facts.sha256}

    def compared():
        opened.features[CompareFeature].controller.compare([str(own), str(small)])
        fake_jobs.done("compare", result)
        qtbot.waitUntil(lambda: not lineage.fresh, timeout=QUICK_MS)

    compared()
    assert [depth for depth, _ in steps(lineage)] == [0, 1, 2, 1, 1]
    assert row(panel, "small.pt").text(1) == "0.2000"
    last = next(b.node for _, b in lineage.steps() if b.node.sha256 == sha256_of(small)
                and b.node.kind == "evaluate")  # fmt: skip
    assert last.details["images"] == 32 and last.figures["recall"] == 0.5
    nodes = read_nodes(lineage.folder)
    (kept,) = read_measurements(lineage.folder)
    assert kept.models == (sha256_of(own), sha256_of(small))
    # The same again says nothing new.
    compared()
    assert [depth for depth, _ in steps(lineage)] == [0, 1, 2, 1, 1]
    assert read_nodes(lineage.folder) == nodes


def test_what_a_comparison_measured_is_the_accuracy_of_the_open_model(
    opened, panel, lineage, own, dataset, fake_jobs, qtbot
):
    small, measured = own.parent / "small.pt", opened.session.measured
    taken(opened, qtbot, small, 4)
    opened.features[DataFeature].controller.set_data(str(dataset))
    result = comparison(*THREE[:2])
    for one, path in zip(result["models"], (own, small), strict=True):
        origin = opened.session.model.facts.sha256
        one |= {"path": str(path), "sha256": sha256_of(path), "origin": origin}
    opened.features[CompareFeature].controller.compare([str(own), str(small)])
    fake_jobs.done("compare", result)
    qtbot.waitUntil(lambda: measured.accuracy is not None, timeout=QUICK_MS)
    figures = result["models"][0]["figures"]
    assert measured.accuracy.map50_95 == figures["map50_95"] and measured.accuracy.images == 32
    assert [depth for depth, _ in steps(lineage)] == [0, 1, 2, 1]  # it is no second measurement
    measured.set_data(None)
    assert measured.accuracy is None


def test_the_scorecard_knows_what_was_measured_of_the_file_that_the_plan_made(
    opened, panel, lineage, own, dataset, fake_jobs, qtbot
):
    session, small = opened.session, made(own.parent / "small.pt")
    card = opened.scorecard.accuracy
    opened.features[DataFeature].controller.set_data(str(dataset))
    session.edit(plan_edits.set_ratio(session.plan, {4}, 0.5))
    session.flush()
    session.measured.set_accuracy(Evaluation(0.4, 0.5, 32, 0))
    assert "0.400 → ?" in card.value.text()
    told = {**report(small), "plan": session.plan.to_json()}
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        session.take([pruned_node(told)])
    assert "0.400 → ?" in card.value.text()
    looked_at = {"data": str(dataset), "split": "val", "images": 16}
    remember_measured(lineage.folder, small, {"map50_95": 0.3, "map50": 0.4}, looked_at)
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        session.requests.historyWritten.emit()
    assert "0.400 → <b>0.300</b>" in card.value.text() and "16" in card.toolTip()
    session.edit(plan_edits.set_ratio(session.plan, {4}, 0.25))
    session.flush()
    assert "0.400 → ?" in card.value.text() and card.bar._share == 1.0


def test_a_tuning_adds_itself(opened, panel, lineage, own, dataset, qtbot, monkeypatch):
    small = own.parent / "small.pt"
    taken(opened, qtbot, small, 4)
    opened.features[DataFeature].controller.set_data(str(dataset))
    asked = []
    monkeypatch.setattr(opened.context.jobs, "start", lambda *args, **more: asked.append(args))
    opened.features[TuneFeature].controller._start({"model": str(small)})
    settings = asked[0][1]
    assert settings["history"] == lineage.folder
    tuned = made(Path(settings["output"]), "tuned")
    record(settings["history"], "tune", tuned, small, figures={"map50_95": 0.31})  # its process
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        opened.features[HistoryFeature].controller.look()
    assert steps(lineage)[-1] == (2, "Fine-tuned: small-tuned.pt")
    assert row(panel, "Fine-tuned").text(1) == "0.3100"
    assert str(tuned) in lineage.networks()


def test_steps_are_compared_and_opened(opened, panel, lineage, own, dataset, fake_jobs, qtbot):
    a, b = own.parent / "a.pt", own.parent / "b.pt"
    taken(opened, qtbot, a, 4)
    taken(opened, qtbot, b, 6)
    mark(panel, "a.pt")
    assert panel.open.isEnabled() and panel.plan.isEnabled() and not panel.compare.isEnabled()
    mark(panel, "b.pt", "model.pt")
    assert panel.compare.isEnabled() and not panel.open.isEnabled()
    qtbot.mouseClick(panel.compare, LEFT)
    assert fake_jobs.last("compare").args["paths"] == [str(own), str(b)]
    compare = opened.workspace["compare"].widget()
    assert compare.chosen == [str(own), str(b)]
    fake_jobs.done("compare", {"models": [], "channels": []} | comparison(*THREE[:2]))
    a.unlink()
    opened.features[HistoryFeature].controller.look()
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        pass
    opened.workspace.go_to("history")
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    mark(panel, "a.pt")
    assert not panel.open.isEnabled() and "no longer exists" in row(panel, "a.pt").toolTip(0)


def test_an_earlier_plan_is_taken_up(opened, panel, own, qtbot):
    session = opened.session
    taken(opened, qtbot, own.parent / "a.pt", 4, 6)
    mark(panel, "a.pt")
    qtbot.mouseClick(panel.plan, LEFT)
    assert [entry.block for entry in session.plan.selection] == [4, 6]
    session.undo_stack.undo()  # as any other edit
    assert not session.plan.selection


def test_the_history_is_there_again(opened, panel, lineage, own, qtbot):
    """Also when the project moved to where nothing else is known of it."""
    taken(opened, qtbot, own.parent / "a.pt", 4)
    project = own.parent / "p.secateur"
    assert opened.features[FilesFeature].documents._write(project)
    copy = project.with_suffix(".history")
    qtbot.waitUntil(lambda: len(list(copy.glob("*.json"))) == 2, timeout=QUICK_MS)
    before = steps(lineage)
    opened.features[FilesFeature].documents.close_model()
    assert not lineage.folder and not steps(lineage)
    home = home_of(read_nodes(copy)[0].sha256)
    moved = own.parent.with_name("moved")
    own.parent.rename(moved)
    shutil.rmtree(home)
    opened.features[FilesFeature].documents.open_project(str(moved / "p.secateur"))
    qtbot.waitUntil(lambda: steps(lineage) == before, timeout=ENGINE_MS)
    assert lineage.networks() == [str(moved / "model.pt"), str(moved / "a.pt")]
    assert read_nodes(home) == read_nodes(moved / "p.history")


def test_what_lies_there_now_is_not_taken_for_what_a_step_made(
    opened, panel, lineage, own, trained, heard, qtbot
):
    small = own.parent / "small.pt"
    taken(opened, qtbot, small, 4)
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):  # another one under the same name
        opened.session.take([pruned_node(report(made(small, "another"), 6))])
    first, second = (item for item in panel._items() if "small.pt" in item.text(0))
    panel.tree.clearSelection()
    first.setSelected(True)
    assert not panel.open.isEnabled() and "a later step uses its name" in first.toolTip(0)
    first.setSelected(False)
    second.setSelected(True)
    assert panel.open.isEnabled()
    small.unlink()
    shutil.copy(trained, small)
    opened.session.mark_saved(own.parent / "p.secateur")
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        qtbot.mouseClick(panel.open, LEFT)
    assert any("not the file that this step created" in text for text in heard())


def test_a_history_of_a_newer_program_is_left_alone(opened, panel, lineage, heard, qtbot):
    folder = Path(lineage.folder)
    folder.mkdir(parents=True)
    text = json.dumps({"version": 99})
    (folder / "x.json").write_text(text)
    with qtbot.waitSignal(opened.session.messageRaised, timeout=QUICK_MS):
        opened.features[HistoryFeature].controller.look()
    assert "newer Secateur" in heard()[-1]
    assert (folder / "x.json").read_text() == text


def test_pruned_for_real_opened_and_gone_on_from(opened, panel, lineage, own, choose, qtbot):
    small = own.parent / "small.pt"
    choose(opened, 4)
    with qtbot.waitSignal(lineage.changed, timeout=ENGINE_MS):
        opened.features[PruningFeature].controller.start(small)
    opened.findChild(ResultDialog).accept()
    assert steps(lineage) == [(0, "model.pt"), (1, "Pruned: small.pt")]
    opened.session.mark_saved(own.parent / "p.secateur")
    item = row(panel, "small.pt")
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        panel.tree.itemActivated.emit(item, 0)
    qtbot.waitUntil(lambda: len(steps(lineage)) == 2, timeout=QUICK_MS)
    assert opened.session.model.path == str(small)
    assert row(panel, "small.pt").text(0) == "Pruned: small.pt (open)"
    offered = opened.workspace["compare"].widget().models
    assert offered._offered == (str(own), str(small))  # the first file is what others are held to
    assert offered.chosen == [str(own), str(small)]  # ticks stay
    taken(opened, qtbot, own.parent / "smaller.pt", 6)  # branches off from there
    assert steps(lineage)[-1] == (2, "Pruned: smaller.pt")


def test_a_project_of_version_0_1_opens_with_nothing_lost(window, tmp_path, trained, qtbot):
    """Its files are those of `tests.core.history.test_samples`, of this model."""
    folder = tmp_path / "bees"
    shutil.copytree(SAMPLES, folder)
    shutil.copy(trained, folder / "bees.pt")
    for name, text in FILES.items():
        if name != "bees.pt":
            (folder / name).write_text(text)
    (folder / "old.pt").write_text(FILES["bees.pt"])
    old, new = sha256_of(folder / "old.pt"), sha256_of(folder / "bees.pt")
    for path in folder.rglob("*.*"):
        if path.suffix in (".json", ".jsonl", ".secateur"):
            path.write_text(path.read_text().replace(old, new))
    project, session = folder / "bees.secateur", window.session
    told = json.loads(project.read_text())
    confirm(claims_of(project))  # it names files of the machine that it comes from
    with qtbot.waitSignal(session.scoresChanged, timeout=ENGINE_MS):
        window.open_paths([str(project)])
    assert [Path(r.output).name for r in session.lineage.results] == ["older.pt", "bees-pruned.pt"]
    assert [Path(one.output).name for one in session.lineage.tuned] == ["bees-tuned.pt"]
    lineage = session.lineage
    qtbot.waitUntil(lambda: bool(lineage.known.measurements), timeout=QUICK_MS)
    assert {m.measured for m in lineage.known.measurements} == {"accuracy", "latency", "export"}
    pruned = [b for _, b in lineage.steps() if b.node.kind == "prune"]
    assert {Path(b.node.file).name for b in pruned} == {"older.pt", "bees-pruned.pt"}
    assert [b.figure for b in pruned if b.node.sha256] == [0.21]
    times = window.workspace["latency"].widget().model.rows
    assert [row[0] for row in times] == ["bees.pt", "bees-pruned.pt"]
    (exported,) = window.workspace["export"].widget().exported_model.rows
    assert exported[:2] == ("bees-tuned.onnx", "bees-tuned.pt")
    assert not session.dirty
    assert window.features[FilesFeature].documents.save()
    again = json.loads(project.read_text())
    assert {**again, "plan": None} == {**told, "plan": None}


@pytest.fixture
def fake_jobs(opened, monkeypatch):
    from tests.app.conftest import FakeEngine

    yield FakeEngine(opened.engine, monkeypatch)
    for record_ in opened.engine.running():
        opened.engine._on_cancelled(record_.number)


@pytest.mark.parametrize("content", ["", "[]", '{"id": 7}', '{"version": 1, "id": "../x"}'])
def test_a_damaged_step_is_named_and_the_rest_is_shown(panel, opened, own, qtbot, content):
    home = home_of(sha256_of(own))
    record(home, "evaluate", own, figures={"map50_95": 0.5})
    (home / "bad.json").write_text(content)
    opened.features[HistoryFeature].controller.look()
    qtbot.waitUntil(lambda: bool(opened.session.lineage.known.left_out), timeout=QUICK_MS)
    said = [m for m in opened.said if "Left out" in m.text]
    assert len(said) == 1 and "bad.json" in said[0].text and said[0].kind == "warning"
    assert len(opened.session.lineage.steps()) == 2
    with qtbot.waitSignal(opened.session.lineage.changed, timeout=QUICK_MS):
        record(home, "evaluate", own, figures={"map50_95": 0.6})
        opened.features[HistoryFeature].controller.look()
    assert len([m for m in opened.said if "Left out" in m.text]) == 1


@pytest.mark.parametrize("name", ["a_int8.onnx", "a_int8_openvino_model", "a_ncnn_model"])
def test_an_exported_file_is_found_where_it_was_or_next_to_its_project(tmp_path, name):
    """Some are folders; another one in its place is not it."""
    file = tmp_path / name
    content = file if file.suffix else file / "a.bin"
    content.parent.mkdir(exist_ok=True)
    content.write_bytes(b"weights")
    node = new_node("quantize", file).model_copy(update={"sha256": hash_of_network(file)})
    assert _place(node, None) == str(file)
    moved = node.model_copy(update={"file": f"/nowhere/{name}"})
    assert _place(moved, tmp_path / "p.secateur") == str(file)
    assert _place(moved, tmp_path / "other" / "p.secateur") == _place(moved, None) == ""
    content.write_bytes(b"others")
    assert _place(moved, tmp_path / "p.secateur") == ""
