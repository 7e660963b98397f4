"""The help page: complete, in the colours that show, and without anything from outside."""

import re
from dataclasses import asdict
from typing import get_args

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage

from app.help.feature import HelpFeature
from app.help.page import page, sections
from app.help.pictures import PICTURES, picture
from app.kit import theme
from core.plan.criteria import CRITERIA
from core.plan.schema import Allocation, Strategy
from core.plan.words import ALLOCATIONS, STRATEGIES


@pytest.fixture
def shown(window):
    window.actions_table.by_id["help"].trigger()
    yield window.features[HelpFeature].page
    window.features[HelpFeature].page.close()


def test_every_choice_is_explained():
    """A strategy or criterion that is added shows up here, or this fails."""
    assert set(STRATEGIES) == set(get_args(Strategy))
    assert set(ALLOCATIONS) == set(get_args(Allocation))
    text = page(asdict(theme.LIGHT))
    for words in CRITERIA.values():
        assert words.title in text
        assert words.tip in text
    for title, tip in ALLOCATIONS.values():
        assert title in text
        assert tip in text
    for tip in STRATEGIES.values():
        assert tip in text


def test_it_needs_nothing_from_outside():
    text = page(asdict(theme.DARK))
    assert set(re.findall(r'src="([^"]+)"', text)) == {f"picture:{name}" for name in PICTURES}
    assert "http" not in text


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("kind", ["light", "dark"])
def test_pictures_are_drawn_within_their_sheet(qapp, name, kind):
    from app.help.window import _drawn

    theme._current = theme.KINDS[kind]
    image = _drawn(name, 2.0)
    width, height = PICTURES[name][:2]
    assert (image.width(), image.height()) == (2 * width, 2 * height)
    pixels = image.convertToFormat(QImage.Format.Format_ARGB32)

    def empty(points):
        return all(pixels.pixelColor(x, y).alpha() == 0 for x, y in points)

    across = range(2 * width)
    assert not empty((x, height) for x in across)
    assert empty((x, y) for x in across for y in (0, 2 * height - 1))
    assert empty((x, y) for y in range(2 * height) for x in (0, 2 * width - 1))
    assert picture(name, asdict(theme.KINDS[kind])).count("<rect") > 2
    theme._current = theme.LIGHT


def test_it_opens_by_a_key_and_leads_to_sections(shown, window, qtbot):
    assert window.actions_table.by_id["help"].shortcut().toString() == "F1"
    assert shown.isVisible()
    assert shown.list.count() == len(sections()) >= 8
    bar = shown.browser.verticalScrollBar()
    places = []
    for row in range(shown.list.count()):
        shown.list.setCurrentRow(row)
        places.append(bar.value())
    assert places == sorted(places)
    assert len(set(places)) >= 6
    qtbot.keyClicks(shown.field, "coupled")
    qtbot.keyClick(shown.field, Qt.Key.Key_Return)
    first = shown.browser.textCursor().position()
    qtbot.keyClick(shown.field, Qt.Key.Key_Return)
    assert shown.browser.textCursor().position() > first
    qtbot.keyClick(shown, Qt.Key.Key_Escape)
    assert not shown.isVisible()
    window.actions_table.by_id["help"].trigger()
    assert shown.isVisible()


def test_it_follows_the_theme_and_stays_where_it_is(shown, window):
    shown.list.setCurrentRow(4)
    place = shown.browser.verticalScrollBar().value()
    window.actions_table.by_id["look_dark"].trigger()
    assert theme.DARK.cascade in shown.browser.toHtml()
    assert shown.browser.verticalScrollBar().value() == place
    window.actions_table.by_id["look_light"].trigger()
    assert theme.LIGHT.cascade in shown.browser.toHtml()


def test_addresses_open_in_the_browser_alone(shown, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    shown.browser.anchorClicked.emit(QUrl("https://example.org"))
    shown.browser.anchorClicked.emit(QUrl("file:///etc/passwd"))
    assert [url.toString() for url in opened] == ["https://example.org"]
