"""One row is an overlay: its action, its legend, its colours and what a project keeps of it."""

from __future__ import annotations

from app.state.overlays import HEAT, PLAIN
from app.state.session import Overlay
from app.window.graph_binding import graph_state
from core.project import Project, View

HALF = Overlay(
    "half", "&Half", "Half of it", "none", "all", lambda s: {4: 0.5}, scale=HEAT, tip="A half"
)


def test_every_overlay_has_an_action_and_one_is_chosen(opened):
    session, actions = opened.session, opened.actions_table.by_id
    assert next(iter(session.overlays)) == PLAIN.id and len(session.overlays) == 10
    shortcuts = [row.shortcut for row in session.overlays.values() if row.shortcut]
    assert len(set(shortcuts)) == len(shortcuts)
    for row in session.overlays.values():
        action = actions[f"overlay_{row.id}"]
        assert action.isEnabled() == row.needs(session)
        if action.isEnabled():
            action.trigger()
            assert session.overlay == row.id and action.isChecked()
            state = graph_state(session)
            assert (state.overlay, state.overlay_scale) == (row.id, row.scale)
            assert state.overlay_ends == (row.low, row.high)
            assert bool(state.overlay_title) == bool(row.scale)
            assert all(value >= 0 for value in state.overlay_values.values())


def test_an_overlay_from_outside_is_one_row(opened):
    session = opened.session
    session.offer_overlays((HALF,))
    session.set_overlay("half")
    state = graph_state(session)
    assert state.overlay_values == {4: 0.5} and state.overlay_title == "Half of it"
    legend = opened.host.view.legend
    assert "Half of it" in legend.accessibleDescription()


def test_an_overlay_that_is_not_known_any_more_is_none(opened):
    session, model = opened.session, opened.session.model
    for overlay, shown in (("macs", "macs"), ("gone", PLAIN.id)):
        project = Project(view=View(overlay=overlay))
        args = model.path, model.facts, model.table, model.file_size
        session.set_model(*args, project=project)
        assert session.overlay == shown
    session.set_overlay("gone")
    assert session.overlay == PLAIN.id
