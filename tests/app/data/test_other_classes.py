"""A dataset with other classes: the window asks, remembers the answer, and can make outputs."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from app.data.feature import DataFeature
from core.project import DataSetting
from tests.app.conftest import ENGINE_MS, QUICK_MS

OTHERS = ("Apfel", "Zitrone", "Blume", "Pilz", "Käfer")


@pytest.fixture
def renamed(dataset):
    """The dataset with as many classes under other names."""
    dataset.write_text(json.dumps({**json.loads(dataset.read_text()), "names": OTHERS}))
    return dataset


def offered(window):
    """The buttons of the message in view, by their text."""
    return {button.text(): button for button in window.pane.messages.rows[-1].buttons}


def answered(fake, path, *problems):
    """Answer the check of a dataset."""
    told = [{"severity": "error", "message": m, "hint": "", "details": []} for m in problems]
    report = {
        "path": str(path), "task": "detect", "usable": not problems, "problems": told,
        "classes": {}, "splits": {}, "duplicates": [], "index": None,
    }  # fmt: skip
    fake.done("check_data", report)


def test_the_same_classes_under_other_names(opened, fake, renamed, drop, heard, qtbot):
    drop(opened, renamed)
    measured = opened.session.measured
    assert measured.data is None
    assert "Are they the same classes under other names, or is it another task?" in heard()[-1]
    assert "--same-classes" not in heard()[-1]
    answered(fake, renamed, "5 classes have other names.")
    button = offered(opened)["The same classes"]
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert measured.data == DataSetting(path=str(renamed), same_classes=True)
    assert fake.last("check_data").args["same_classes"] is True
    answered(fake, renamed)
    assert measured.check["usable"]
    project = opened.session.measured.data.model_dump()
    assert DataSetting(**json.loads(json.dumps(project))).same_classes
    drop(opened, renamed)  # not asked again
    assert measured.data.same_classes
    assert opened.isWindowModified()


def test_the_answer_is_about_that_dataset_alone(opened, fake, renamed, tmp_path):
    controller = opened.features[DataFeature].controller
    controller.take_as_same(str(renamed))
    assert opened.session.measured.data.same_classes
    other = renamed.with_name("other.yaml")
    other.write_text(renamed.read_text())
    controller.look(str(other))
    assert opened.session.measured.data.path == str(renamed)
    own = renamed.with_name("fits.yaml")
    own.write_text(json.dumps({**json.loads(other.read_text()), "names": list(
        opened.session.model.facts.classes.values())}))  # fmt: skip
    controller.look(str(own))
    assert opened.session.measured.data == DataSetting(path=str(own))


@pytest.mark.parametrize("names", [["thing"], ["a", "b"], [*OTHERS, "more"]])
def test_another_number_of_classes_offers_outputs_for_them(
    opened, fake, renamed, drop, names, monkeypatch, qtbot
):
    renamed.write_text(json.dumps({**json.loads(renamed.read_text()), "names": names}))
    drop(opened, renamed)
    assert "The same classes" not in offered(opened)
    output = renamed.with_name("own.pt")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(output), ""))
    offered(opened)["New class outputs…"].click()
    request = fake.last("retarget")
    model = opened.session.model.path
    assert request.args == {"path": model, "data": str(renamed), "output": str(output)}


def test_nothing_is_written_where_no_file_is_chosen(opened, fake, renamed, drop, monkeypatch):
    drop(opened, renamed)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    offered(opened)["Another task…"].click()
    assert not [r for r in fake.requests if r.task == "retarget"]


def test_the_model_with_their_outputs_opens_with_the_dataset(
    opened, renamed, monkeypatch, qtbot, heard
):
    renamed.write_text(json.dumps({**json.loads(renamed.read_text()), "names": ["apple", "kiwi"]}))
    output = renamed.with_name("own.pt")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(output), ""))
    controller = opened.features[DataFeature].controller
    controller.classes.retarget(str(renamed))
    session = opened.session
    qtbot.waitUntil(lambda: Path(session.model.path) == output, timeout=ENGINE_MS)
    assert session.model.facts.classes == {0: "apple", 1: "kiwi"}
    qtbot.waitUntil(lambda: session.measured.data is not None, timeout=QUICK_MS)
    assert session.measured.data.path == str(renamed)
    assert any("1 copied: apple; 1 new: kiwi" in text for text in heard())
