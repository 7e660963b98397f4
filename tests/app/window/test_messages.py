"""One message in view, the rest in a log; facts of one model never stay beside another."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QListWidget

from app.state.open_model import Message
from app.window import message_bar
from app.window.message_bar import MessageBar, MessageLog
from tests.app.conftest import ENGINE_MS, QUICK_MS


@pytest.fixture
def bar(qtbot):
    made = MessageBar()
    qtbot.addWidget(made)
    made.setGeometry(500, 400, 700, 80)  # away from the pointer, under which nothing expires
    with qtbot.waitExposed(made):
        made.show()
        made.show_message(Message("First"))
    return made


def shown(bar):
    return [row.message.text for row in bar.rows]


def test_one_message_is_in_view_and_others_come_back(bar):
    bar.show_message(Message("Trouble", kind="error"))
    bar.show_message(Message("More trouble", kind="error"))
    assert shown(bar) == ["More trouble"]
    assert bar.waiting == 1 and bar.rows[0]._more.text() == "1 more"
    bar.dismiss(bar.rows[0])
    assert shown(bar) == ["Trouble"]
    bar.dismiss(bar.rows[0])
    assert shown(bar) == [] and not bar.isVisible()
    assert [message.text for _, message in bar.log] == ["First", "Trouble", "More trouble"]


def test_a_later_message_supersedes_its_like_and_what_asks_for_nothing(bar):
    bar.show_message(Message("Half", key="export", kind="error"))
    bar.show_message(Message("Done", key="export", kind="success"))
    assert shown(bar) == ["Done"] and bar.waiting == 0
    bar.show_message(Message("Next"))
    assert shown(bar) == ["Next"] and bar.waiting == 0


def test_what_asks_for_nothing_expires_and_errors_stay(bar, qtbot, monkeypatch):
    monkeypatch.setattr(message_bar, "LIFE_MS", 30)
    bar.show_message(Message("Trouble", kind="error"))
    bar.show_message(Message("Saved", kind="success"))
    assert shown(bar) == ["Saved"]
    qtbot.waitUntil(lambda: shown(bar) == ["Trouble"], timeout=QUICK_MS)
    assert not bar._life.isActive()
    bar.show_message(Message("Undo?", actions=(("Undo", lambda: None),)))
    assert not bar._life.isActive()


def test_the_log_has_all_of_them(bar, qtbot):
    bar.show_message(Message("Trouble", "Do this.", "error"))
    bar.show_message(Message("Saved", kind="success"))
    dialog = MessageLog(bar.log, bar)
    texts = [dialog.list.item(n).text() for n in range(dialog.list.count())]
    assert [text.split("  ", 1)[1] for text in texts] == ["Saved", "Trouble Do this.", "First"]
    assert dialog.findChild(QListWidget).accessibleName()
    dialog.deleteLater()


def test_messages_about_one_model_go_when_another_opens(opened, qtbot, trained, tmp_path, drop):
    session, bar = opened.session, opened.pane.messages
    session.say("Left behind", kind="warning", key="recovery")
    session.say("It lost a lot.", kind="error")
    session.say("You may undo.", actions=(("Undo", lambda: None),))
    other = tmp_path / "other.pt"
    other.write_bytes(trained.read_bytes())
    with qtbot.waitSignal(session.modelChanged, timeout=ENGINE_MS):
        drop(opened, other)
    assert [message.text for message in bar._waiting] == ["Left behind"]


def test_verify_of_a_repaired_file_says_what_is_true(fake):
    from app.pruning.feature import PruningFeature

    window = fake.engine.parent()
    controller = window.features[PruningFeature].controller
    proof = {
        "relative_error": 1e-7,
        "tolerance": 1e-4,
        "passed": True,
        "inputs": 4,
        "repaired": True,
    }
    controller.verify("small.pt")
    fake.done("verify", {"verification": proof, "pruned": "small.pt"})
    said = window.said[-1]
    assert "equals" not in said.text and "repaired" in said.text and said.kind == "info"
    assert said.hint.startswith("Before the repair it equaled")
    controller.verify("small.pt")
    fake.done("verify", {"verification": {**proof, "repaired": False}, "pruned": "small.pt"})
    assert "equals the masked original" in window.said[-1].text


def test_a_message_that_comes_and_goes_moves_no_graph(opened):
    bar, view = opened.pane.messages, opened.host.view
    opened.session.unsay("")
    size, zoom = view.size(), view.zoom
    opened.session.say(
        "Something happened that takes a whole sentence to tell.", "Do this.", "error"
    )
    assert bar.isVisible() and (view.size(), view.zoom) == (size, zoom)
    assert opened.pane.rect().contains(bar.geometry())
    row = bar.rows[0]
    assert row.height() >= row.heightForWidth(row.width()) > 30
    opened.resize(opened.width() - 200, opened.height())
    assert opened.pane.rect().contains(bar.geometry())
    bar.dismiss(bar.rows[0])
    assert not bar.isVisible()
