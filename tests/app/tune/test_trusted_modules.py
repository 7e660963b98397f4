"""Jobs on networks with modules of the user's own: what they need is named, and can be trusted."""

from __future__ import annotations

import pytest

from app.trust.feature import TrustFeature
from app.tune.feature import TuneFeature
from core.runs.listing import entry_of
from core.runs.tail import RunEntry
from tests.app.conftest import QUICK_MS
from tests.app.fake_runs import FakeRun

NEEDED = {"name": "mine", "file": "/x/mine.py", "sha256": "0" * 64, "classes": ["mine.CoordAtt"]}
NAMED = {"names": ["mine.CoordAtt"], "file": "", "name": ""}
CHANGED = {"names": [], "file": "/x/mine.py", "name": "mine"}


@pytest.mark.parametrize("kind", ["finetune", "iterative"])
def test_what_is_done_says_which_module_its_file_needs(window, kind):
    result = {"output": "/x/out.pt", "modules": [NEEDED], "steps": []}
    ended = RunEntry("/j", kind, "2026-01-01T00:00:00", "done", "run", {}, result=result)
    window.features[TuneFeature].controller._say_end(ended)
    assert "out.pt needs mine.py (mine.CoordAtt) wherever it is opened." in window.said[-1].hint
    del result["modules"]
    window.features[TuneFeature].controller._say_end(ended)
    assert "needs" not in window.said[-1].hint


@pytest.mark.parametrize(
    ("asked", "button"), [(NAMED, "Trust a module…"), (CHANGED, "Look at it again…")]
)
def test_what_failed_for_it_asks_and_then_continues(
    window, fake, qtbot, trained, asked, button, monkeypatch, answers
):
    run = FakeRun(trained)
    run.set("failed", message="It was not run.", hint="`secateur trust add`", untrusted=asked)
    resumed = []
    monkeypatch.setattr(window.context.jobs, "resume", resumed.append)
    window.features[TuneFeature].controller._say_end(entry_of(run.folder))
    said = window.said[-1]
    assert [text for text, _ in said.actions] == [button, "Show"]
    assert "It was not run." in said.text and "secateur trust" not in said.hint
    answers["open"].append("/x/mine.py")
    said.actions[0][1]()
    qtbot.waitUntil(lambda: bool(fake.requests), timeout=QUICK_MS)
    request = fake.last("review_module").args
    assert request["file"] == "/x/mine.py" and request["names"] == asked["names"]
    found = {**NEEDED, "state": "new", "text": "", "files": []}
    window.features[TrustFeature].controller._trust(found, request)
    assert resumed == []
    fake.done("trust_module", {"file": "/x/mine.py"})
    assert resumed == [str(run.folder)]
