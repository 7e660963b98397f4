"""A tuning that lost accuracy gets no green tick, and offers the file from before."""

from __future__ import annotations

import pytest

from app.tune.feature import TuneFeature
from core.runs.tail import RunEntry


def entry(model, before, after, **more):
    figures = {"before": {"map50_95": before}, "after": {"map50_95": after}}
    return RunEntry(
        "/jobs/1",
        "finetune",
        "2026-01-01T00:00:00",
        "done",
        "run",
        {"model": str(model), "output": "/x/tuned.pt"},
        result={"output": "/x/tuned.pt", **figures, **more},
    )


@pytest.mark.parametrize(
    ("after", "kind", "first"), [(0.31, "warning", "Keep previous file"), (0.35, "success", "Open")]
)
def test_lost_accuracy_is_a_warning(window, after, kind, first, trained):
    controller = window.features[TuneFeature].controller
    controller._say_end(entry(trained, 0.34, after))
    said = window.said[-1]
    assert said.kind == kind and said.actions[0][0] == first
    assert ("lost accuracy" in said.text) == (after < 0.34)
    assert f"0.3400 → {after:.4f}" in said.hint


def test_the_file_from_before_is_opened_again(window, trained):
    wanted = []
    window.session.requests.openWanted.disconnect()
    window.session.requests.openWanted.connect(wanted.append)
    window.features[TuneFeature].controller._say_end(entry(trained, 0.34, 0.31))
    window.said[-1].actions[0][1]()
    assert wanted == [str(trained)]


def test_a_tuning_that_did_not_help_says_so(window, trained):
    text = "Fine-tuning did not help: the result is the network as it was."
    ended = entry(trained, 0.34, 0.34, chosen="before", text=text)
    window.features[TuneFeature].controller._say_end(ended)
    said = window.said[-1]
    assert said.kind == "info" and said.text.endswith(text)


def test_what_a_comparison_by_image_chose_is_no_loss(window, trained):
    ended = entry(trained, 0.34, 0.339, chosen="last", text="The result is the state after …")
    window.features[TuneFeature].controller._say_end(ended)
    assert window.said[-1].kind == "success"
