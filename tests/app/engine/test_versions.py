"""Libraries outside the tested range: said in the status bar and in About, and nowhere else."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QMessageBox

from app.engine.protocol import EngineState
from core.system.versions import outside

FACTS = {"torch": "2.16.1+cpu", "ultralytics": "8.4.190"}


@pytest.mark.parametrize(
    "strange",
    [{"torch": "2.16.1+cpu"}, {"ultralytics": "8.3.40"}, {"torch": "2.4.0", "torchvision": "0.19"}],
)
def test_versions_that_were_not_tested_are_in_sight_and_ask_for_nothing(window, heard, strange):
    untested = outside(strange)
    assert untested
    window.engine._on_engine(EngineState("ready", "CPU", {**FACTS, "untested": untested}))
    label = window.statusBar().engine
    assert label.text() == "CPU · engine ready · untested versions"
    assert untested in label.toolTip() and "PyTorch 2.16.1+cpu" in label.toolTip()
    window.frame.about()
    box = window.findChild(QMessageBox)
    assert untested in box.informativeText()
    box.close()
    assert heard() == [] and window.frame.parent().isEnabled()


def test_tested_versions_are_named_without_a_word_more(window):
    window.engine._on_engine(EngineState("ready", "CPU", {**FACTS, "untested": ""}))
    label = window.statusBar().engine
    assert label.text() == "CPU · engine ready" and label.toolTip().endswith("8.4.190")
    window.frame.about()
    box = window.findChild(QMessageBox)
    assert "PyTorch 2.16.1+cpu, Ultralytics 8.4.190" in box.informativeText()
    assert "tested" not in box.informativeText()
    box.close()


def test_an_engine_that_is_not_there_yet_says_nothing_of_versions(window):
    for state in (EngineState("off"), EngineState("starting", facts={"process": 7})):
        window.engine._on_engine(state)
        assert "PyTorch" not in window.statusBar().engine.toolTip()
