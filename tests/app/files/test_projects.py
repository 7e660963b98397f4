import json

import pytest
from PySide6.QtWidgets import QMessageBox

from app.files.feature import FilesFeature
from tests.app.conftest import ENGINE_MS, QUICK_MS

Buttons = QMessageBox.StandardButton


def save(window, answers, path):
    answers["save"].append(str(path))
    window.actions_table.by_id["save"].trigger()


def test_a_project_is_saved_and_opened_again(opened, qtbot, tmp_path, answers, choose, drop):
    path = tmp_path / "mine.secateur"
    choose(opened, 5, 15)
    opened.session.set_overlay("macs")
    save(opened, answers, path)
    assert not opened.isWindowModified()
    plan = opened.session.plan
    opened.features[FilesFeature].documents.close_model()
    assert opened.session.model is None
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        drop(opened, path)
    session = opened.session
    assert session.plan == plan
    assert session.selection == {5, 15}
    assert session.overlay == "macs"
    assert session.project_path == path
    assert session.prediction.block_out[5] == 64
    assert not session.dirty


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{not json", "damaged"),
        (json.dumps({"version": 99}).encode(), "newer Secateur"),
        (b"[]", "damaged"),
        (b"\xff\xfe", "damaged"),
        (json.dumps({"version": 1, "plan": {"selection": 3}}).encode(), "damaged"),
    ],
)
def test_damaged_and_newer_projects_are_refused_kindly(
    opened, tmp_path, drop, heard, content, words
):
    path = tmp_path / "bad.secateur"
    path.write_bytes(content)
    drop(opened, path)
    assert words in heard()[-1]
    assert len(heard()) == 1
    assert path.read_bytes() == content
    assert opened.session.model is not None


def test_a_project_whose_model_is_gone_asks_where_it_lies(
    opened, qtbot, trained, tmp_path, answers, choose, drop, heard
):
    path = tmp_path / "mine.secateur"
    choose(opened, 5)
    save(opened, answers, path)
    data = json.loads(path.read_text())
    data["model"]["path"] = "gone.pt"
    path.write_text(json.dumps(data))
    opened.features[FilesFeature].documents.close_model()
    drop(opened, path)
    assert "gone.pt" in heard()[-1]
    (row,) = opened.pane.messages.rows
    answers["open"].append(str(trained))
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        row.buttons[0].click()
    assert opened.session.plan.selection[0].block == 5


@pytest.mark.parametrize(
    ("answer", "left", "saved"),
    [(Buttons.Cancel, False, False), (Buttons.Discard, True, False), (Buttons.Save, True, True)],
)
def test_unsaved_work_asks_before_it_is_left(
    opened, tmp_path, answers, choose, answer, left, saved
):
    choose(opened, 5)
    answers["ask"].append(answer)
    if answer == Buttons.Save:
        answers["save"].append(str(tmp_path / "kept.secateur"))
    opened.actions_table.by_id["close"].trigger()
    assert (opened.session.model is None) == left
    assert (tmp_path / "kept.secateur").exists() == saved


def test_a_read_only_place_is_said_and_the_work_stays(opened, tmp_path, answers, choose, heard):
    (tmp_path / "taken").write_text("a file")
    choose(opened, 5)
    save(opened, answers, tmp_path / "taken" / "x.secateur")
    assert "Could not write" in heard()[-1]
    assert opened.session.dirty


def test_work_left_by_a_crash_is_offered_and_restored(opened, trained, qtbot, choose, answers):
    from app.files.crash_recovery import folder

    choose(opened, 5)
    opened.features[FilesFeature].recovery.write()
    kept = list(folder().glob("*.secateur"))
    assert len(kept) == 1
    assert opened.features[FilesFeature].recovery.left_behind() == []
    # What another process left: the same file under another name, its lock dead.
    orphan = kept[0].with_name("orphan.secateur")
    orphan.write_bytes(kept[0].read_bytes())
    opened.session.undo_stack.setClean()
    opened.features[FilesFeature].documents.close_model()
    assert not kept[0].exists()
    opened.features[FilesFeature].recovery.offer()
    (row,) = opened.pane.messages.rows
    assert trained.name in row.message.hint
    with qtbot.waitSignal(opened.session.modelChanged, timeout=ENGINE_MS):
        row.buttons[0].click()
    assert opened.session.plan.selection[0].block == 5
    assert opened.session.dirty
    assert opened.session.project_path is None


def test_the_layout_is_remembered(opened, qtbot):
    from app.window.main_window import MainWindow

    left, right = opened.workspace.sizes()
    opened.workspace.setSizes([left - 90, right + 90])
    sizes = opened.workspace.sizes()
    assert sizes != [left, right]
    opened.session.undo_stack.setClean()
    opened.close()
    again = MainWindow()
    with qtbot.waitExposed(again, timeout=QUICK_MS):
        again.show()
    assert again.workspace.side_width() == sizes[1]
    again.actions_table.by_id["reset_layout"].trigger()
    assert again.workspace.side_width() < sizes[1]
    again.close()
    again.deleteLater()


def test_light_and_dark(opened):
    from app.kit import theme

    opened.actions_table.by_id["look_dark"].trigger()
    assert theme.colours() is theme.DARK
    assert opened.context.settings.appearance() == "dark"
    opened.actions_table.by_id["look_light"].trigger()
    assert theme.colours() is theme.LIGHT


def test_results_move_with_their_project(tmp_path):
    """A project and its files can be put elsewhere: beneath its folder, names are relative."""
    from app.state.project_state import to_project
    from app.state.session import Session
    from core.history.results import of_result
    from core.project import Project, Result, read_project, with_places, write_project

    figures = {"parameters_before": 2, "parameters_after": 1, "macs_before": 2, "macs_after": 1}
    beneath = str(tmp_path / "a" / "small.pt")
    results = [
        Result(output=output, date="2026", relative_error=0.0, **figures)
        for output in (beneath, "/elsewhere/small.pt")
    ]
    session = Session()
    session.take([of_result(result) for result in results])
    assert session.lineage.results == tuple(results)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    stored = to_project(session, tmp_path / "a" / "p.secateur")
    assert [one.output for one in stored.results] == ["small.pt", "/elsewhere/small.pt"]
    write_project(tmp_path / "b" / "p.secateur", stored)
    found = with_places(read_project(tmp_path / "b" / "p.secateur"), tmp_path / "b" / "p.secateur")
    assert isinstance(found, Project)
    outputs = [one.output for one in found.results]
    assert outputs == [str(tmp_path / "b" / "small.pt"), "/elsewhere/small.pt"]


IN_BYTES = {"version": 1, "target": {"file_bytes": 4_000_000}}


@pytest.mark.parametrize("kind", ["plan.json", "other.secateur"])
def test_every_goal_is_taken_from_plans_and_projects(opened, qtbot, tmp_path, answers, drop, kind):
    (tmp_path / "plan.json").write_text(json.dumps(IN_BYTES), "utf-8")
    save(opened, answers, tmp_path / "mine.secateur")
    project = json.loads((tmp_path / "mine.secateur").read_text("utf-8"))
    (tmp_path / "other.secateur").write_text(json.dumps({**project, "plan": IN_BYTES}), "utf-8")
    session = opened.session
    with qtbot.waitSignal(session.measured.goalChanged, timeout=ENGINE_MS):
        drop(opened, tmp_path / kind)
    assert session.measured.goal is not None
    assert session.measured.goal.file_bytes == 4_000_000
    assert session.plan.target is None


def received(monkeypatch, tmp_path, trained):
    """A project that names a file outside, as another machine wrote it; returns its path."""
    from core.project import DataSetting, ModelReference, Project, write_project

    place = tmp_path / "received" / "x.secateur"
    place.parent.mkdir()
    reference = ModelReference(path=str(trained))
    outside = DataSetting(path=str(tmp_path / "private" / "data.yaml"))
    with monkeypatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
        write_project(place, Project(model=reference, data=outside))
    return place


def test_a_received_project_is_opened_once_its_files_outside_are_confirmed(
    window, qtbot, trained, tmp_path, monkeypatch
):
    from app.files import outside_dialog

    place = received(monkeypatch, tmp_path, trained)
    documents, session = window.features[FilesFeature].documents, window.session
    asked = []

    def answer(button):
        return lambda box: asked.append(box.informativeText()) or button

    monkeypatch.setattr(outside_dialog, "ask", answer(QMessageBox.StandardButton.Cancel))
    documents.open_project(str(place))
    qtbot.waitUntil(lambda: len(asked) == 1, timeout=ENGINE_MS)
    assert "private/data.yaml" in asked[0] and str(trained) in asked[0]
    assert session.model is None
    monkeypatch.setattr(outside_dialog, "ask", answer(QMessageBox.StandardButton.Open))
    for _ in range(2):  # the second time it is known
        documents.open_project(str(place))
        qtbot.waitUntil(lambda: session.model is not None, timeout=ENGINE_MS)
        assert session.project_path == place and len(asked) == 2
        documents.close_model()
