"""What the panel about the model says of its file."""

from __future__ import annotations

from dataclasses import replace

from app.plan.model_panel import _facts, _note
from app.state.measurements import Evaluation


def test_zeros_are_told(opened):
    model = opened.session.model
    assert "zero" not in _note(model)
    assert model.facts.masked == 0
    for masked, zeros, text in (
        (2, 0.375, "Pruning masks of PyTorch on 2 parameters were applied. 37.5% of the weights"),
        (1, 0.001, "Pruning masks of PyTorch on a parameter were applied. 0.1% of the weights"),
        (0, 0.25, "25.0% of the weights are zero."),
    ):
        told = _note(replace(model, facts=replace(model.facts, masked=masked, zeros=zeros)))
        assert text in told
        assert ("masks" in told) == bool(masked)


def test_both_sides_of_the_image_are_shown(opened):
    model = opened.session.model
    for size, text in (((384, 640), "384 × 640 px"), (640, "640 × 640 px")):
        shown = _facts(replace(model, facts=replace(model.facts, image_size=size)))
        assert ("Image", text) in [row[:2] for row in shown]


def test_figures_have_the_names_of_the_task(opened, monkeypatch):
    session = opened.session
    session.measured.set_accuracy(Evaluation(0.5, 0.25, 4, 0))
    for task, name, second in (
        ("semantic", "mIoU", "Pixel accuracy"),
        ("depth", "δ1", "AbsRel"),
        ("classify", "top-1", "top-5"),
        ("detect", "mAP50-95", "mAP50"),
    ):
        model = replace(session.model, facts=replace(session.model.facts, task=task))
        monkeypatch.setattr(session, "model", model)
        session.measured.accuracyChanged.emit()
        assert session.measures == (name, second)
        assert opened.scorecard.accuracy.title.text() == name
