"""The history of a network: kept by the window, shown as a tree, opened, compared, gone on from."""

import json
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from app.data.feature import DataFeature
from app.files.feature import FilesFeature
from app.history.feature import HistoryFeature
from app.pruning.feature import PruningFeature
from app.pruning.result_dialog import ResultDialog
from app.state.measurements import Evaluation
from app.tune.feature import TuneFeature
from core.history.nodes import home_of, read_nodes, record
from core.plan.schema import Plan
from tests.app.compare.test_compare import THREE, comparison
from tests.app.conftest import ENGINE_MS, QUICK_MS

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def own(tmp_path, trained):
    """A copy of the model: other files may lie beside it."""
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
    opened.docks["history"].raise_()
    panel = opened.docks["history"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    assert not panel.tree.topLevelItemCount() and "Nothing was made" in panel.intro.whole
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
        opened.features[HistoryFeature].controller.take_pruned(
            report(made(output, output.name), *blocks)
        )


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
    assert [first.text(n) for n in (2, 3)] == ["2.00 M (−33.3 %)", "3.00 G (−25.0 %)"]
    assert "relative error 1.0e-06" in first.toolTip(0)
    assert panel.intro.whole == "2 prunings."
    # Nothing is overwritten: another one of the same name is another step.
    before = {path: path.read_bytes() for path in Path(lineage.folder).iterdir()}
    taken(opened, qtbot, own.parent / "b.pt", 8)
    assert {path: path.read_bytes() for path in before} == before and len(panel._items()) == 4


def test_measurements_and_comparisons_are_steps(opened, panel, lineage, own, dataset, qtbot):
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
        one |= {"path": str(path), "origin": opened.session.model.facts.sha256}
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        opened.session.measured.set_comparison(result)
    assert [depth for depth, _ in steps(lineage)] == [0, 1, 2, 1, 1]
    assert row(panel, "small.pt").text(1) == "0.2000"
    nodes = read_nodes(lineage.folder)
    assert nodes[-1].details["images"] == 32 and nodes[-1].figures["recall"] == 0.5
    # The same again says nothing new.
    opened.session.measured.set_comparison(dict(result))
    opened.features[HistoryFeature].controller.look()
    qtbot.waitUntil(lambda: not opened.context.background._newest, timeout=QUICK_MS)
    assert len(read_nodes(lineage.folder)) == len(nodes)


def test_a_tuning_adds_itself(opened, panel, lineage, own, dataset, qtbot, monkeypatch):
    small = own.parent / "small.pt"
    taken(opened, qtbot, small, 4)
    opened.features[DataFeature].controller.set_data(str(dataset))
    asked = []
    monkeypatch.setattr(opened.context.runs, "start", lambda *args, **more: asked.append(args))
    opened.features[TuneFeature].controller._start({"model": str(small)})
    settings = asked[0][1]
    assert settings["history"] == lineage.folder
    tuned = made(Path(settings["output"]), "tuned")
    record(settings["history"], "tune", tuned, small, figures={"map50_95": 0.31})  # its process
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        opened.features[HistoryFeature].controller.look()
    assert steps(lineage)[-1] == (2, "Tuned: small-tuned.pt")
    assert row(panel, "Tuned").text(1) == "0.3100"
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
    compare = opened.docks["compare"].widget()
    assert compare.chosen == [str(own), str(b)]
    fake_jobs.done("compare", {"models": [], "channels": []} | comparison(*THREE[:2]))
    a.unlink()
    opened.features[HistoryFeature].controller.look()
    with qtbot.waitSignal(lineage.changed, timeout=QUICK_MS):
        pass
    opened.docks["history"].raise_()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    mark(panel, "a.pt")
    assert not panel.open.isEnabled() and "not there any more" in row(panel, "a.pt").toolTip(0)


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
        opened.features[HistoryFeature].controller.take_pruned(report(made(small, "another"), 6))
    first, second = (item for item in panel._items() if "small.pt" in item.text(0))
    panel.tree.clearSelection()
    first.setSelected(True)
    assert not panel.open.isEnabled() and "took its name" in first.toolTip(0)
    first.setSelected(False)
    second.setSelected(True)
    assert panel.open.isEnabled()
    small.unlink()
    shutil.copy(trained, small)
    opened.session.mark_saved(own.parent / "p.secateur")
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        qtbot.mouseClick(panel.open, LEFT)
    assert any("not the file that this step made" in text for text in heard())


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
    offered = opened.docks["compare"].widget().models
    assert offered._offered == (str(own), str(small))  # the first file is what others are held to
    assert offered.chosen == [str(own), str(small)]  # ticks stay
    taken(opened, qtbot, own.parent / "smaller.pt", 6)  # branches off from there
    assert steps(lineage)[-1] == (2, "Pruned: smaller.pt")


@pytest.fixture
def fake_jobs(opened, monkeypatch):
    from tests.app.conftest import FakeEngine

    yield FakeEngine(opened.jobs, monkeypatch)
    for record_ in opened.jobs.running():
        opened.jobs._on_cancelled(record_.number)
