"""The panel “Fine-tune” against job folders that the test writes, as a process would."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from app.data.feature import DataFeature
from app.files.feature import FilesFeature
from app.kit.controls import choose
from app.state.files import job_places
from app.tune.controller import free_name
from app.tune.data_part import check_text
from core.runs.folder import (
    CONTROL,
    EVENTS,
    read_events,
    read_job,
    told,
)
from core.runs.tail import POINTS, Digest, RunEntry, Series
from core.system.paths import data_folder
from tests.app.conftest import ENGINE_MS, QUICK_MS
from tests.app.fake_runs import FakeRun

LEFT = Qt.MouseButton.LeftButton
Buttons = QMessageBox.StandardButton
STARTED = {
    "event": "started", "device": {"name": "CPU", "threads": 2}, "parameters": 1234, "epochs": 10,
    "resumed_after": None,
}  # fmt: skip


def batch(epoch, number, loss=1.0):
    return {
        "event": "batch", "epoch": epoch, "epochs": 10, "batch": number, "batches": 12,
        "losses": {"train/box_loss": loss, "train/cls_loss": 2 * loss}, "learning_rate": 1e-4,
        "images_per_second": 12.5, "memory": {"process": 2_000_000_000}, "seconds_left": 150.0,
    }  # fmt: skip


def epoch(number, figure, loss=1.0):
    metrics = {"metrics/mAP50(B)": 1.5 * figure, "metrics/mAP50-95(B)": figure, "fitness": figure}
    return {
        **batch(number, 12, loss), "event": "epoch", "metrics": metrics, "fitness": figure,
        "best": True, "seconds": 3.0, "parameters": 1234,
    }  # fmt: skip


@pytest.fixture
def fake_run(window):
    """Make jobs; none of them is left for the window to ask about."""
    made = []

    def make(*args):
        made.append(FakeRun(*args))
        return made[-1]

    yield make
    for run in made:
        run.set("done")
    window.context.jobs.entries = ()


def listed(window, qtbot, condition):
    qtbot.waitUntil(lambda: condition(window.context.jobs.entries), timeout=QUICK_MS)


def heard_of(window, qtbot, condition):
    runs = window.context.jobs
    qtbot.waitUntil(lambda: bool(runs.snapshot and condition(runs.snapshot)), timeout=QUICK_MS)
    return runs.snapshot


@pytest.fixture
def shown(opened, qtbot):
    """The panel, in front."""
    opened.workspace.go_to("tuning")
    panel = opened.workspace["tuning"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    return panel


# ---- what is kept of events ---------------------------------------------------------------------


def entry():
    return RunEntry("f", "finetune", "", "running", "run", {"model": "a.pt"})


def test_curves_stay_small_over_ten_thousand_events_and_keep_their_ends():
    digest = Digest()
    digest.take(STARTED)
    for number in range(10_000):
        digest.take(batch(1 + number // 12, 1 + number % 12, loss=10_000 - number))
    shot = digest.snapshot(entry())
    assert shot.events == 10_001
    for curves in (shot.losses, shot.rates):
        for x, _ in curves.values():
            assert POINTS / 2 < len(x) <= 2 * POINTS + 2
            assert list(x) == sorted(set(x))
    x, y = shot.losses["box"]
    assert x[-1] == pytest.approx(9_999 // 12 + (1 + 9_999 % 12) / 12)
    assert y[-1] == 1
    assert x[0] < 2


def test_a_resumed_training_replaces_what_it_does_again():
    series = Series()
    for n in range(6):
        series.add(n / 2, n)
    series.add(1.0, 100)
    series.add(1.5, 101)
    assert series.curve() == ((0.0, 0.5, 1.0, 1.5), (0, 1, 100, 101))


@pytest.mark.parametrize(
    "event", [{}, {"event": 7}, {"event": "batch"}, {"event": "epoch", "epoch": None},
              {"event": "started", "device": 3}, {"event": "later", "x": 1}]
)  # fmt: skip
def test_an_event_that_is_not_understood_is_left_alone(event):
    digest = Digest()
    digest.take(STARTED)
    digest.take(event)
    digest.take(batch(1, 2))
    assert digest.snapshot(entry()).epoch == 1


def test_main_figures_are_found_whatever_the_task():
    digest = Digest()
    digest.take({"event": "baseline", "metrics": {"map50_95": 0.3}})
    digest.take(
        {
            **epoch(1, 0.2),
            "metrics": {
                "metrics/mAP50-95(B)": 0.2,
                "metrics/mAP50-95(M)": 0.1,
                "metrics/mAP50(B)": 0.4,
            },
        }
    )
    shot = digest.snapshot(entry())
    assert list(shot.metrics) == ["mAP50-95", "mAP50-95 of masks", "mAP50"]
    assert (shot.before, shot.best, shot.measure) == (0.3, 0.2, "mAP50-95")
    digest = Digest()
    digest.take({**epoch(1, 0.2), "metrics": {"metrics/accuracy_top1": 0.7}})
    assert digest.snapshot(entry()).measure == "top-1"


def test_events_are_read_in_slices_and_lines_stay_whole(tmp_path):
    lines = [json.dumps({"n": n, "pad": "x" * (300 if n == 3 else 10)}) for n in range(8)]
    (tmp_path / EVENTS).write_text("\n".join(lines) + '\n{"cut')
    found, offset = [], 0
    for _ in range(20):
        events, offset = read_events(tmp_path, offset, 64)
        found += [event["n"] for event in events]
    assert found == list(range(8))


def test_a_pruning_in_turns_runs_on_from_step_to_step():
    digest = Digest()
    digest.take({"event": "baseline", "metrics": {"map50_95": 0.4}})
    for step, figure in ((1, 0.35), (2, 0.2)):
        told = {"step": step, "steps": 3}
        digest.take({"event": "pruning", **told, "share": 0.5})
        digest.take({**STARTED, **told})
        digest.take({"event": "baseline", "metrics": {"map50_95": 0.1}, **told})
        for number in (1, 2):
            digest.take({**batch(number, 6), **told})
            digest.take({**epoch(number, figure), **told})
        figures = {"after": {"map50_95": figure}, "parameters": 1000, "accepted": step == 1}
        digest.take({"event": "step", **told, **figures})
    shot = digest.snapshot(entry())
    assert (shot.before, shot.best, shot.step, shot.steps) == (0.4, 0.2, 2, 3)
    assert shot.metrics["mAP50-95"] == ((1.0, 2.0, 3.0, 4.0), (0.35, 0.35, 0.2, 0.2))
    assert shot.losses["box"][0] == (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
    assert "Step 1: 1,000 parameters, mAP50-95 0.3500." in shot.notes
    assert "rejected" in shot.notes[-1]
    # A step that was interrupted is done again in its place.
    digest.take({**batch(1, 6, loss=9.0), "step": 2, "steps": 3})
    assert digest.snapshot(entry()).losses["box"] == (
        (0.5, 1.0, 1.5, 2.0, 2.5), (1.0, 1.0, 1.0, 1.0, 9.0)
    )  # fmt: skip


# ---- the panel ----------------------------------------------------------------------------------


def test_a_running_job_is_found_followed_and_told(window, qtbot, trained, drop, heard, fake_run):
    run = fake_run(trained)
    run.emit(STARTED, {"event": "baseline", "metrics": {"map50_95": 0.25}}, batch(1, 4))
    with qtbot.waitSignal(window.session.scoresChanged, timeout=60_000):
        drop(window, trained)
    listed(window, qtbot, lambda e: [x.state for x in e] == ["running"])
    qtbot.waitUntil(lambda: any("continues (running)" in t for t in heard()), timeout=QUICK_MS)
    window.said[-1].actions[0][1]()
    panel = window.workspace["tuning"].widget()
    qtbot.waitUntil(lambda: panel.shown, timeout=QUICK_MS)
    heard_of(window, qtbot, lambda s: s.batch == 4)
    qtbot.waitUntil(lambda: "batch 4 of 12" in panel.watch.values["Epoch"].text())
    assert panel.watch.values["Time left"].text() == "about 2 min"
    assert panel.watch.values["Device"].text() == "CPU, 2 threads"
    run.emit(epoch(1, 0.2, 0.9), epoch(2, 0.31, 0.7))
    heard_of(window, qtbot, lambda s: s.epoch == 2)
    assert panel.watch.values["Accuracy"].text() == "0.2500 → 0.3100 mAP50-95"
    charts = panel.watch.charts
    for chart, told_there in ((charts.metrics, "mAP50-95 0.310"), (charts.losses, "box 0.7")):
        described = chart.plot.accessibleDescription
        qtbot.waitUntil(lambda d=described, t=told_there: t in d(), timeout=QUICK_MS)
    assert panel.pause.isVisibleTo(panel)
    assert not panel.resume.isVisibleTo(panel)
    qtbot.mouseClick(panel.pause, LEFT)
    qtbot.waitUntil(lambda: panel.go_on.isVisibleTo(panel), timeout=QUICK_MS)
    assert told(run.folder) == "pause"
    qtbot.mouseClick(panel.go_on, LEFT)
    qtbot.waitUntil(lambda: told(run.folder) == "run", timeout=QUICK_MS)
    qtbot.waitUntil(lambda: panel.cancel.isVisibleTo(panel), timeout=QUICK_MS)
    qtbot.mouseClick(panel.cancel, LEFT)
    qtbot.waitUntil(lambda: "Ending" in panel.status.text(), timeout=QUICK_MS)
    assert told(run.folder) == "cancel"
    run.set("cancelled")
    qtbot.waitUntil(lambda: panel.resume.isVisibleTo(panel), timeout=QUICK_MS)
    assert "was stopped" in heard()[-1]
    assert not panel.pause.isVisibleTo(panel)


def test_a_done_job_offers_its_file(opened, qtbot, trained, shown, heard, tmp_path, fake_run):
    run = fake_run(trained)
    listed(opened, qtbot, lambda e: len(e) == 1)
    opened.context.jobs.watch(str(run.folder))
    result = {
        "output": str(tmp_path / "t.pt"), "before": {"map50_95": 0.2}, "after": {"map50_95": 0.3},
    }  # fmt: skip
    run.set("done", result=result)
    qtbot.waitUntil(lambda: shown.open.isVisibleTo(shown), timeout=QUICK_MS)
    assert "mAP50-95 0.2000 → 0.3000" in heard()[-1]
    with qtbot.waitSignal(shown.openRequested) as asked:
        opened.features[FilesFeature].documents.blockSignals(True)
        shown.open.click()
    assert asked.args == [str(tmp_path / "t.pt")]


def test_a_tuning_that_did_not_help_says_so_in_the_panel(opened, qtbot, trained, shown, fake_run):
    text = (
        "Fine-tuning did not help: no state is better than the network before it on the 32 "
        "validation images, so the result is the network as it was."
    )
    run = fake_run(trained)
    listed(opened, qtbot, lambda e: len(e) == 1)
    opened.context.jobs.watch(str(run.folder))
    figures = {name: {"map50_95": v} for name, v in (("before", 0.25), ("last", 0.2))}
    chosen = {"event": "chosen", "state": "before", "text": text, "metrics": figures}
    run.emit(STARTED, {"event": "baseline", "metrics": figures["before"]}, epoch(10, 0.26), chosen)
    result = {"output": "t.pt", "before": figures["before"], "after": figures["before"]}
    run.set("done", result={**result, "chosen": "before", "text": text})
    qtbot.waitUntil(lambda: shown.watch.notes.text() == text, timeout=QUICK_MS)
    assert shown.watch.values["Accuracy"].text() == "0.2500 → 0.2500 mAP50-95"


def test_an_interrupted_job_is_offered_once_and_can_be_left(
    window, qtbot, trained, heard, fake_run
):
    run = fake_run(trained)
    run.set("running", alive=False)
    listed(window, qtbot, lambda e: [x.state for x in e] == ["interrupted"])
    qtbot.waitUntil(lambda: any("was interrupted" in t for t in heard()), timeout=QUICK_MS)
    assert [name for name, _ in window.said[-1].actions] == ["Resume", "Show", "Don't ask again"]
    window.said[-1].actions[2][1]()
    listed(window, qtbot, lambda e: [x.state for x in e] == ["cancelled"])
    assert read_job(run.folder).state == "cancelled"


def test_what_cannot_be_resumed_says_why(opened, qtbot, trained, shown, heard, fake_run):
    run = fake_run(trained)
    listed(opened, qtbot, lambda e: len(e) == 1)
    opened.context.jobs.resume(str(run.folder))
    qtbot.waitUntil(lambda: "is already running" in heard()[-1], timeout=QUICK_MS)


def test_jobs_lie_beside_the_project_and_are_found_there(
    opened, qtbot, trained, tmp_path, answers, fake_run
):
    path = tmp_path / "mine.secateur"
    assert job_places(opened.session) == [data_folder() / "jobs"]
    fake_run(trained, tmp_path / "mine.jobs", "cancelled")
    answers["save"].append(str(path))
    opened.actions_table.by_id["save"].trigger()
    assert job_places(opened.session)[-1] == tmp_path / "mine.jobs"
    listed(opened, qtbot, lambda e: [x.state for x in e] == ["cancelled"])


@pytest.mark.parametrize(
    ("answer", "closed", "word"),
    [(Buttons.Cancel, False, "run"), (Buttons.Yes, True, "run"), (Buttons.No, True, "cancel")],
)
def test_closing_asks_what_becomes_of_a_running_job(
    window, qtbot, trained, answers, answer, closed, word, fake_run
):
    run = fake_run(trained)
    listed(window, qtbot, lambda e: len(e) == 1)
    answers["ask"].append(answer)
    assert window.close() is closed
    assert answers["ask"] == []
    assert told(run.folder) == word
    assert (run.folder / CONTROL).exists() is (word == "cancel")
    run.set("done")
    if not closed:
        listed(window, qtbot, lambda e: [x.state for x in e] == ["done"])


# ---- the form -----------------------------------------------------------------------------------


def checked(dataset, *problems):
    split = {"images": 4, "labelled": 3, "background": 1, "objects": 9,
             "classes": {"person": 7, "class 1": 2}}  # fmt: skip
    return {
        "path": str(dataset), "task": "detect", "problems": list(problems), "duplicates": [],
        "usable": all(p["severity"] != "error" for p in problems),
        "classes": {}, "splits": {"train": split, "val": split},
    }  # fmt: skip


@pytest.fixture
def begun(opened, monkeypatch):
    """Jobs that were to be started."""
    asked = []
    monkeypatch.setattr(
        opened.context.jobs, "start", lambda kind, *rest: asked.append((kind, *rest))
    )
    return asked


def test_strength_and_schedule_are_asked_for_by_the_sparse_preset(
    opened, fake, dataset, shown, begun, qtbot
):
    form = shown.form
    assert "sparsity" not in form.settings()
    assert not form.sparsity.widget.isVisibleTo(form)
    choose(form.preset, "sparse")
    form.preset.activated.emit(0)
    assert form.sparsity.widget.isVisibleTo(form)
    assert form.settings()["sparsity"] is None  # that of the preset
    opened.features[DataFeature].controller.set_data(str(dataset))
    form.sparsity.strength.setValue(0.3)
    choose(form.sparsity.schedule, "rising")
    qtbot.mouseClick(form.begin, LEFT)
    fake.done("check_data", checked(dataset))
    arguments = begun[0][1]
    assert arguments["preset"] == "sparse"
    assert (arguments["sparsity"], arguments["sparsity_schedule"]) == (0.3, "rising")
    choose(form.preset, "recover_fully")
    form.preset.activated.emit(0)
    assert not form.sparsity.widget.isVisibleTo(form)
    assert "sparsity" not in form.settings()


def test_start_checks_the_data_first_and_asks_for_what_the_form_says(
    opened, fake, dataset, shown, begun, qtbot, trained
):
    form = shown.form
    assert not form.begin.isEnabled()
    assert "Choose a dataset" in form.begin.toolTip()
    opened.features[DataFeature].controller.set_data(str(dataset))
    assert form.network_path == str(trained)
    form.length.setCurrentIndex(form.length.findData("minutes"))
    form.length.activated.emit(0)
    form.amount.setValue(15)
    form.batch.setValue(4)
    qtbot.mouseClick(form.begin, LEFT)
    asked = fake.last("check_data").args
    assert (asked["path"], asked["data"]) == (str(trained), str(dataset))
    assert not form.begin.isEnabled()
    assert not begun
    fake.done("check_data", checked(dataset, {"severity": "warning", "message": "W.", "hint": ""}))
    ((kind, arguments, inputs, parent, where),) = begun
    assert where is None
    assert kind == "finetune"
    assert arguments["minutes"] == 15
    assert arguments["epochs"] is None
    assert (arguments["batch"], arguments["preset"]) == (4, "recover_quickly")
    assert arguments["teacher"] is None
    assert arguments["output"].endswith(f"{trained.stem}-tuned.pt")
    assert inputs == {"model": str(trained), "teacher": None, "data": str(dataset)}
    assert parent == str(data_folder() / "jobs")
    assert "person 7" in form.data.found.text()
    qtbot.mouseClick(form.begin, LEFT)
    assert len(begun) == 2  # the data has been checked for this network


def test_data_that_cannot_be_used_starts_nothing_and_says_why(
    opened, fake, dataset, shown, begun, qtbot, heard
):
    opened.features[DataFeature].controller.set_data(str(dataset))
    qtbot.mouseClick(shown.form.begin, LEFT)
    error = {"severity": "error", "message": "No <b> labels.", "hint": "Label them."}
    fake.done("check_data", checked(dataset, error))
    assert not begun
    assert "No <b> labels." in heard()[-1]
    assert "No &lt;b&gt; labels." in shown.form.data.found.text()
    opened.features[DataFeature].controller.change_data(
        image_size=640
    )  # the check was about every image, at any size
    assert opened.session.measured.check is not None
    opened.features[DataFeature].controller.drop_data()
    assert opened.session.measured.check is None


def test_a_pruned_result_is_what_is_tuned_and_the_open_model_its_teacher(
    opened, fake, dataset, shown, trained, tmp_path
):
    from core.history.results import of_result
    from core.project import Result

    small = tmp_path / "small.pt"
    small.write_bytes(b"x")
    cost = {"parameters_before": 2, "parameters_after": 1, "macs_before": 2, "macs_after": 1}
    result = Result(output=str(small), date="", relative_error=0.0, **cost)
    opened.session.take([of_result(result)])
    form = shown.form
    assert form.network_path == str(small)
    settings = form.settings()
    assert (settings["model"], settings["teacher"]) == (str(small), str(trained))
    assert settings["distill"] == "auto"
    assert form.way.isEnabled()


def test_pruning_in_turns_asks_for_the_plans_rules_and_the_target(
    opened, fake, dataset, shown, begun, qtbot, trained, tmp_path
):
    from app.state import plan_edits
    from core.plan.schema import Target
    from core.runs.kinds.iterative import parse_iteration
    from core.tune.settings import parse_settings

    opened.features[DataFeature].controller.set_data(str(dataset))
    opened.session.edit(plan_edits.set_ratio(opened.session.plan, {5}, 0.5))
    opened.session.measured.set_goal(Target(params=0.6))
    form = shown.form
    assert not form.turns.target.isVisibleTo(form)
    choose(form.turns.kind, "iterative")
    form.turns.kind.activated.emit(0)
    assert form.turns.target.isVisibleTo(form)
    assert form.network_path == str(trained)
    assert form.teacher.currentData() == str(trained)
    form.turns.steps.setValue(4)
    form.turns.loss.setValue(5)
    choose(form.preset, "recover_fully")
    opened.session.measured.set_check({**checked(dataset), "network": str(trained)})
    qtbot.mouseClick(form.begin, LEFT)
    ((kind, arguments, inputs, *_),) = begun
    assert kind == "iterative"
    iteration = parse_iteration(arguments)
    assert (iteration.steps, iteration.max_loss) == (4, 0.05)
    assert iteration.repair == ("bn", "refit")
    assert iteration.plan["target"]["params"] == 0.6
    assert iteration.plan["selection"] == []
    assert iteration.output == str(trained.with_name(f"{trained.stem}-turns.pt"))
    assert inputs["model"] == str(trained)
    tune = parse_settings({**iteration.tune, "model": "a", "data": "b"})
    assert (tune.preset, tune.teacher) == ("recover_fully", str(trained))
    form.turns.limited.setChecked(False)
    assert form.settings()["max_loss"] is None
    form.turns.repair.click()
    assert form.settings()["repair"] == []
    choose(form.turns.kind, "finetune")
    form.turns.kind.activated.emit(0)
    assert "plan" not in form.settings()


def test_nothing_it_shows_makes_the_window_wider(opened, qtbot, trained, shown, fake_run):
    """Panels are next to it: what needs more room than there is, is scrolled or cut short."""
    opened.resize(1280, 800)
    choose(shown.form.turns.kind, "iterative")
    shown.form.turns.kind.activated.emit(0)
    run = fake_run(trained)
    listed(opened, qtbot, lambda e: len(e) == 1)
    message = "Out of memory with batch size 8; " + 10 * "and so on, "
    run.set("failed", message=message, next_batch=4)
    listed(opened, qtbot, lambda e: [x.state for x in e] == ["failed"])
    opened.context.jobs.watch(str(run.folder))
    qtbot.waitUntil(shown.smaller.isVisible, timeout=QUICK_MS)
    assert message in shown.status.whole
    assert shown.minimumSizeHint().width() < 800
    assert opened.width() == 1280


def test_errors_come_before_warnings(dataset):
    problems = [{"severity": s, "message": s, "hint": ""} for s in ("warning", "error")]
    text = check_text(checked(dataset, *problems))
    assert text.index("Error") < text.index("Warning")


def test_tuned_files_take_no_name_that_is_taken(tmp_path):
    network = tmp_path / "a.pt"
    first = free_name(network, set())
    assert first == tmp_path / "a-tuned.pt"
    first.write_bytes(b"")
    assert free_name(network, {str(tmp_path / "a-tuned-2.pt")}) == tmp_path / "a-tuned-3.pt"


# ---- a real one ---------------------------------------------------------------------------------


def test_a_real_tuning_outlives_its_window_and_is_found_again(
    opened, qtbot, trained, tmp_path, answers, shown, no_leaks
):
    from app.window.main_window import MainWindow
    from core.system.files import sha256_of
    from tests.core.images import make_dataset

    before = sha256_of(trained)
    small = tmp_path / "small.pt"
    small.write_bytes(trained.read_bytes())
    data = make_dataset(tmp_path / "tiny", opened.session.model.facts.classes, images=2)
    opened.features[DataFeature].controller.set_data(str(data))
    opened.session.measured.set_check({**checked(data), "network": str(small)})
    form = shown.form
    form._fill(form.network, [(str(small), "small")], str(small))
    form._fill(form.teacher, [("", "none")], "")
    choose(form.length, "epochs")
    form.amount.setValue(1)
    form.batch.setValue(2)
    choose(form.image_size, 160)
    choose(form.device, "cpu")
    form._tips()
    with qtbot.waitSignal(opened.context.jobs.started, timeout=ENGINE_MS):
        qtbot.mouseClick(form.begin, LEFT)
    listed(opened, qtbot, lambda e: len(e) == 1 and e[0].active)
    assert opened.context.jobs.watched == opened.context.jobs.entries[0].folder
    opened.session.undo_stack.setClean()
    opened.session._extra_unsaved = False
    answers["ask"].append(Buttons.Yes)
    assert opened.close()
    again = MainWindow()
    try:
        runs = again.context.jobs
        qtbot.waitUntil(lambda: bool(runs.entries), timeout=QUICK_MS)
        runs.watch(runs.entries[0].folder)
        qtbot.waitUntil(lambda: runs.entries[0].state not in ("running",), timeout=ENGINE_MS)
        assert runs.entries[0].state == "done", runs.entries[0].message
        qtbot.waitUntil(lambda: bool(runs.snapshot and runs.snapshot.epoch == 1), timeout=QUICK_MS)
        shot = runs.snapshot
        assert shot.device.startswith("CPU")
        assert shot.best is not None
        assert len(shot.losses) == 3
        assert runs.entries[0].output == str(tmp_path / "small-tuned.pt")
        assert (tmp_path / "small-tuned.pt").stat().st_size > 1e6
        assert sha256_of(small) == before  # the file it began with is as it was
    finally:
        again.close()
        again.deleteLater()
