"""Every mode, panel, drawer and dialog at three sizes, light and dark: nothing cut off or hidden.

``SECATEUR_PICTURES`` names a folder that gets a picture of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QTabWidget, QWidget

from app.window.layout.modes import MODES
from tests.app.window.layout_faults import find_faults

SIZES = ((1280, 800), (800, 500), (3840, 2160))
"""In logical pixels: 800 × 500 are 1600 × 1000 at 200%."""
LOOKS = ("light", "dark")
PICTURES = os.environ.get("SECATEUR_PICTURES", "")


def settle(window: QWidget, size: tuple[int, int]) -> None:
    window.resize(*size)
    for _ in range(3):
        QApplication.sendPostedEvents()
        QApplication.processEvents()
    for _ in range(3):  # what the engine said in the last round has its layout still to come
        QApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)


def photograph(widget: QWidget, *words: object) -> None:
    if PICTURES:
        widget.grab().save(str(Path(PICTURES) / f"{'-'.join(map(str, words))}.png"))


def tabs_of(tabs: QTabWidget) -> Iterator[str]:
    for number in range(tabs.count()):
        tabs.setCurrentIndex(number)
        yield tabs.widget(number).objectName()


def walk(window) -> Iterator[str]:
    """Go through all that the window can show; gives what shows."""
    space = window.workspace
    for mode in MODES:
        space.set_mode(mode.id)
        space.drawer.set_open(False)
        for tabs in (space.main_tabs, space.side):
            for panel in tabs_of(tabs):
                yield f"{mode.id}-{panel}"
        for number in range(space.drawer.stack.count()):
            holder = space.drawer.stack.widget(number)
            space.drawer.show_widget(holder)
            yield f"{mode.id}-drawer-{holder.objectName()}"
    space.drawer.set_open(False)


def look_at(window, states, size) -> set[str]:
    faults = set()
    for look in LOOKS:
        window.actions_table.by_id[f"look_{look}"].trigger()
        for state in states(window):
            settle(window, size)
            photograph(window, f"{size[0]}x{size[1]}", look, state)
            where = f"{size[0]}×{size[1]} {look} {state}"
            faults |= {f"{fault}  [{where}]" for fault in find_faults(window)}
            if (window.width(), window.height()) != size:
                faults.add(f"the window became {window.width()}×{window.height()}  [{where}]")
    return faults


def report(faults: set[str]) -> str:
    """List each fault once, with the first place where it is seen, and how often."""
    kinds: dict[str, list[str]] = {}
    for fault in sorted(faults):
        what, _, where = fault.rpartition("  [")
        kinds.setdefault(what, []).append(where.rstrip("]"))
    return "\n".join(f"{what}\n    {len(at)}: {', '.join(at[:3])}" for what, at in kinds.items())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_everything_is_whole_and_in_reach(demo, size):
    faults = look_at(demo, walk, size)
    assert not faults, report(faults)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_so_is_the_start_page(window, size, tmp_path):
    window.context.settings.add_recent(str(tmp_path / ("a-long-folder-" * 8) / "model.pt"))
    faults = look_at(window, lambda _: iter(["start"]), size)
    assert not faults, report(faults)


def test_the_slider_stays_where_it_is_whatever_is_selected(demo):
    """It must not jump from under the pointer when the words above it need another line."""
    demo.workspace.go_to("plan")
    panel, places = demo.workspace["plan"].widget(), set()
    for blocks in ((), (5,), (5, 12), tuple(range(16))):
        demo.session.select(blocks)
        settle(demo, SIZES[1])
        places.add(panel.slider.mapTo(panel, panel.slider.pos()).y())
    assert len(places) == 1
