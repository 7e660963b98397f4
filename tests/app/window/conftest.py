"""The window with the demo's project open."""

from __future__ import annotations

import pytest

from app.files.feature import FilesFeature
from core.demo import set_up
from tests.app.conftest import ENGINE_MS


@pytest.fixture
def demo(window, qtbot, tmp_path, choose):
    """The demo's network, with its dataset, a selection and a plan."""
    project = set_up(tmp_path / "demo", train=4, val=3).project
    with qtbot.waitSignal(window.session.scoresChanged, timeout=ENGINE_MS):
        window.features[FilesFeature].documents.open_path(str(project))
    choose(window, 5, 12)
    window.pane.messages.dismiss_key("")
    return window
