"""The tour: five steps, by keyboard or mouse, once on its own and then from Help."""

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QApplication, QDockWidget

from app.window.tour import STOPS, beside

Key = Qt.Key


def test_it_is_offered_once(window):
    window.tour.offer()
    assert window.tour.running
    window.tour.end()
    window.tour.offer()
    assert not window.tour.running
    window.actions_table.by_id["tour"].trigger()
    assert window.tour.running
    window.tour.end()


def test_without_a_model_it_opens_the_demo_and_goes_on(window, qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(window.engine, "submit", lambda job, *a, **k: asked.append(job))
    window.tour.start()
    assert window.tour.card.next.text() == "Open the &demo"
    assert not window.tour.card.back.isVisible()
    window.tour.card.next.click()
    assert asked == ["demo_set_up"]
    assert window.tour.place == 0
    window.tour.end()


def test_while_a_model_is_being_opened_it_offers_no_demo(window):
    window.tour.start()
    window.session.requests.opening.emit("model.pt")
    assert not window.tour.card.next.isEnabled()
    assert window.tour.card.skip.isEnabled()
    window.session.requests.opening.emit("")
    assert window.tour.card.next.isEnabled()
    window.tour.end()
    window.session.requests.opening.emit("model.pt")
    window.session.requests.opening.emit("")


def test_it_ends_where_something_else_is_asked_for(opened):
    """Such as images that were dropped together with the model: they are what should show."""
    for panel in ("tryout", "compare"):
        opened.tour.start()
        opened.tour.next()
        opened.session.requests.panelWanted.emit("plan")
        assert opened.tour.running
        opened.session.requests.panelWanted.emit(panel)
        assert not opened.tour.running
        assert opened.workspace[panel].isVisible()


@pytest.mark.parametrize("part", ["", "next", "back", "skip", "act"])
def test_the_keyboard_goes_all_the_way(opened, qtbot, part):
    """Whichever part of the card has the keyboard: a button would use an arrow key for itself."""
    opened.tour.start()

    def press(key):
        card = opened.tour.card
        qtbot.keyClick(getattr(card, part) if part else card, key)

    seen = []
    for place in range(len(STOPS)):
        assert opened.tour.place == place
        seen.append(opened.tour.card.accessibleName())
        assert opened.tour.card.accessibleDescription()
        press(Key.Key_Right)
    assert not opened.tour.running
    assert [text.split(":")[0] for text in seen] == [f"Tour, {n} of 5" for n in range(1, 6)]
    opened.tour.start()
    press(Key.Key_Right)
    press(Key.Key_Left)
    assert opened.tour.place == 0
    press(Key.Key_Escape)
    assert not opened.tour.running


def test_show_me_is_an_edit_that_can_be_undone(opened, qtbot):
    opened.tour.start()
    opened.tour.next()
    opened.tour.card.act.click()
    opened.session.flush()
    assert opened.tour.place == 2
    assert opened.workspace["conflicts"].isVisible()
    assert {entry.block for entry in opened.session.plan.selection} == {4, 6}
    assert "cascade" in opened.session.prediction.roles.values()
    opened.session.undo_stack.undo()
    assert not opened.session.plan.selection
    opened.tour.end()


def test_each_step_points_at_a_part_that_shows(opened, qtbot):
    opened.tour.start()
    for place, stop in enumerate(STOPS):
        qtbot.waitUntil(lambda: not opened.tour._settle.isActive())
        QApplication.processEvents()
        target = stop.target(opened)
        assert target.isVisible()
        if isinstance(target, QDockWidget):  # in front of those it shares its place with
            assert not target.visibleRegion().isEmpty()
        card = opened.tour.card.geometry()
        assert opened.rect().contains(card)
        assert card.height() >= opened.tour.card.sizeHint().height() - 40
        assert opened.tour.place == place
        opened.tour.next()


def test_it_ends_with_the_model_where_there_is_nothing_to_show(opened):
    opened.tour.start()
    opened.tour.next()
    opened.tour.next()
    opened.session.close_model()
    assert opened.tour.place == 0
    opened.tour.end()


@pytest.mark.parametrize(
    ("target", "clear"),
    [
        (QRect(0, 0, 300, 300), True),
        (QRect(1000, 50, 400, 500), True),
        (QRect(0, 600, 1000, 250), True),
        (QRect(0, 0, 1400, 860), False),
    ],
)
def test_the_card_lies_beside_its_part_where_there_is_room(target, clear):
    window, size = QRect(0, 0, 1400, 860), QSize(400, 180)
    place = QRect(beside(target, size, window), size)
    assert window.contains(place)
    assert place.intersects(target) != clear


def test_a_card_larger_than_the_window_starts_in_it():
    assert beside(QRect(0, 0, 50, 50), QSize(400, 180), QRect(0, 0, 300, 100)) == QPoint(8, 8)
