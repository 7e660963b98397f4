"""Words out of files of strangers are shown as they are, in every label, tip and dialog."""

import subprocess
import sys

import pytest
import yaml
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QToolTip

from app.kit.widgets import label, show_markup
from tests.app.conftest import ENGINE_MS, ROOT

EVIL = "<h1>evil</h1><img src='file:///etc/passwd'><b>x</b>"


WRITE = """
import copy, sys, torch
from tests.core.networks import network
evil, path = sys.argv[1:]
model = copy.deepcopy(network("yolov8n"))
model.names = {number: f"{evil} {number}" for number in range(80)}
model.yaml = {**model.yaml, "yaml_file": evil.replace("/", "_") + ".yaml"}
for block in model.model:
    block.type = f"{evil}.{block.type}"
torch.save({"model": model, "date": evil, "version": evil}, path)
"""


@pytest.fixture
def evil(tmp_path, dataset):
    """A network, a dataset and a project with markup wherever words can be."""
    folder = tmp_path / EVIL.replace("/", "_")
    folder.mkdir()
    # In a process of its own: no test of the window imports torch.
    command = [sys.executable, "-c", WRITE, EVIL, str(folder / "m.pt")]
    subprocess.run(command, cwd=ROOT, check=True)
    said = yaml.safe_load(dataset.read_text("utf-8"))
    said["names"] = {number: f"{EVIL} {number}" for number in range(len(said["names"]))}
    dataset.write_text(yaml.safe_dump(said), "utf-8")
    return folder


def unsafe(words):
    """Labels that take such words for markup, of all that there are."""
    found = []
    for shown in words:
        if not isinstance(shown, QLabel) or not shown.isVisible():
            continue
        plain = shown.textFormat() is Qt.TextFormat.PlainText
        if not plain and (not shown.property("markup") or "<h1>" in shown.text()):
            found.append((shown.objectName(), shown.text()[:80]))
    return found


def test_every_panel_shows_words_as_they_are(window, qtbot, evil, dataset, drop, heard):
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        window.open_paths([str(evil / "m.pt")])
    drop(window, dataset)
    seen = []
    for name in [panel.id for feature in window.features for panel in feature.panels()]:
        window.workspace.go_to(name)
        QApplication.processEvents()
        assert not unsafe(QApplication.allWidgets()), name
        seen += [w.text() for w in QApplication.allWidgets() if isinstance(w, QLabel)]
    assert any("<h1>" in text for text in seen)


def test_a_refusal_is_shown_as_it_is(window, qtbot, evil, drop):
    path = evil / "refused.pt"
    path.write_bytes(b"\x80\x02c" + EVIL.encode() + b"\n" + EVIL.encode() + b"\n)R.")
    with qtbot.waitSignal(window.session.messageRaised, timeout=ENGINE_MS):
        drop(window, path)
    QApplication.processEvents()
    shown = [w for w in window.pane.messages.findChildren(QLabel) if "evil" in w.text()]
    assert shown and not unsafe(QApplication.allWidgets())


@pytest.mark.parametrize("appearance", ["light", "dark"])
def test_tips_and_questions_show_plain_text(window, qtbot, appearance):
    window.context.theme.set_appearance(appearance)
    QToolTip.showText(window.mapToGlobal(window.rect().center()), EVIL, window)
    box = QMessageBox(QMessageBox.Icon.Question, "secateur", EVIL, parent=window)
    box.setInformativeText(EVIL)
    box.show()
    (tip,) = [w for w in QApplication.topLevelWidgets() if w.inherits("QTipLabel")]
    labels = [w for w in box.findChildren(QLabel) if w.text()]
    assert len(labels) == 2
    for each in (tip, *labels):
        assert each.text() == EVIL and each.textFormat() is Qt.TextFormat.PlainText
    box.close()
    QToolTip.hideText()


def test_markup_of_our_own_is_shown_as_markup(window, qtbot):
    own, words = label("<b>ours</b>"), label("<b>theirs</b>")
    show_markup(own)
    for each in (own, words):
        each.setParent(window)
        each.show()
    assert own.textFormat() is Qt.TextFormat.RichText
    assert words.textFormat() is Qt.TextFormat.PlainText
    assert own.sizeHint().width() < words.sizeHint().width()


@pytest.mark.parametrize("name", [EVIL, "a & b", "<b>x</b>", "&lt;"])
def test_axes_of_charts_show_names_as_they_are(qtbot, name):
    import pyqtgraph as pg

    from app.kit.charts.style import dress, name_axis

    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    for side in ("bottom", "left"):
        name_axis(plot, side, name)
    dress(plot)
    for side in ("bottom", "left"):
        assert plot.getAxis(side).label.toPlainText().strip() == name


def test_only_that_names_axes():
    """Whatever else gives words to a chart or a document as HTML is looked at here."""
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {call}"
        for path in sorted((ROOT / "app").rglob("*.py"))
        for call in ("setLabel(", "setHtml(", "setMarkdown(", "html=", "LabelItem(", "addLegend(")
        if call in path.read_text("utf-8")
    }
    assert found == {"app/kit/charts/style.py: setLabel(", "app/help/window.py: setHtml("}


@pytest.mark.parametrize("name", ["a[*]b", "[*]", "a & b", EVIL.replace("/", "")])
def test_the_title_shows_the_name(window, tmp_path, name):
    window.session.project_path = tmp_path / f"{name}.secateur"
    window.session.titleChanged.emit()
    assert name.replace("[*]", "[*][*]") in window.windowTitle()
    window.session.project_path = None
