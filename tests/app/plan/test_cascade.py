"""What follows from the plan, as the inspector and the tab of the conflicts say it."""

import pytest

from app.state import plan_edits
from core.plan.why.conflicts import naive_conflicts

WAIT_MS = 20_000


def listed(tree):
    """Each layer with its head and its reason."""
    found = {}
    for number in range(tree.topLevelItemCount()):
        item = tree.topLevelItem(number)
        if item.childCount():
            found[item.text(0).partition(":")[0]] = (item.text(0), item.child(0).text(0))
    return found


@pytest.fixture
def cascade(opened):
    opened.workspace.go_to("inspector")
    return opened.workspace["inspector"].widget().cascade


def settled(window, qtbot):
    from app.plan.feature import PlanFeature

    finder = window.features[PlanFeature]._finder
    qtbot.waitUntil(lambda: not finder.searching, timeout=WAIT_MS)
    session = window.session
    return naive_conflicts(session.table, session.prediction.resolution)


def test_the_inspector_lists_each_layer_with_its_reason(opened, qtbot, choose, cascade):
    assert not cascade.isVisible()
    choose(opened, 4)
    conflicts = settled(opened, qtbot)
    assert len(conflicts) > 3
    assert f"{len(conflicts)} layers" in cascade.title.text()
    rows = listed(cascade.tree)
    assert set(rows) == {conflict.layer for conflict in conflicts}
    for conflict in conflicts:
        head, reason = rows[conflict.layer]
        assert f"{conflict.expected} → {conflict.got}" in head
        assert reason == conflict.reason
    opened.session.undo_stack.undo()
    qtbot.waitUntil(lambda: not cascade.isVisible(), timeout=WAIT_MS)


def test_the_layers_of_the_block_in_focus_stand_out_and_one_is_shown_by_a_click(
    opened, qtbot, choose, cascade
):
    choose(opened, 4, 6)
    conflicts = settled(opened, qtbot)
    session, tree = opened.session, cascade.tree
    blocks = [session.table.layers[session.table.index[c.layer]].block for c in conflicts]
    session.select({blocks[-1]})
    for number, block in enumerate(blocks):
        assert tree.topLevelItem(number).font(0).bold() == (block == blocks[-1])
    last = tree.topLevelItem(len(blocks) - 1)
    assert tree.visualItemRect(last).intersects(tree.viewport().rect())
    other = tree.topLevelItem(0)
    tree.itemClicked.emit(other, 0)
    assert session.focused_layer == conflicts[0].layer
    assert tree.topLevelItem(0) is other  # the list stays as it was under the pointer


def test_it_follows_a_drag_that_goes_on(opened, qtbot, cascade):
    """Not only once it is over: every search ends while the next edits come."""
    session = opened.session
    session.select({4})
    session.begin_drag()
    seen, ticks = [], iter(range(5, 90))
    from app.plan.feature import PlanFeature

    finder = opened.features[PlanFeature]._finder
    finder.changed.connect(lambda: seen.append(finder.conflicts))

    def tick():
        session.edit(plan_edits.set_ratio(session.plan, {4}, next(ticks) / 100))
        return len({c for c in seen if c}) >= 2

    qtbot.waitUntil(tick, timeout=WAIT_MS)
    session.end_drag()
    assert set(listed(cascade.tree)) == {c.layer for c in settled(opened, qtbot)}


def test_what_is_blocked_is_said_beside_the_cascade(opened, qtbot, cascade):
    session = opened.session
    concat = next(b.index for b in session.table.blocks if b.type == "Concat")
    session.edit(plan_edits.set_ratio(session.plan, {concat}, 0.5))
    session.flush()
    qtbot.waitUntil(cascade.isVisible, timeout=WAIT_MS)
    assert cascade.blocked.text().startswith("1 entry of the plan cannot be done")
