"""The view driven by mouse, wheel and keyboard: it asks, and changes nothing itself."""

from __future__ import annotations

import gc
from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QGuiApplication,
    QImage,
    QNativeGestureEvent,
    QPointingDevice,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.graph_view.drawing.ink import LEAST_TEXT, SIZES
from app.graph_view.drawing.state import GraphState
from app.graph_view.view import GraphView
from core.errors import UserError

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
NO_BUTTON = Qt.MouseButton.NoButton
BESIDE = QPoint(3, 3)


def centre(view, block, dy=0):
    box = view.scene().layout.by_index[block]
    header = min(box.height / 2, 20)
    return view.mapFromScene(QPointF(box.middle[0], box.y + header + dy))


def click(qtbot, view, block, modifiers=NONE):
    with qtbot.waitSignal(view.selectionRequested) as got:
        qtbot.mouseClick(view.viewport(), LEFT, modifiers, centre(view, block))
    return got.args


def turn(view, at, notches=1.0, modifiers=NONE):
    event = QWheelEvent(
        QPointF(at),
        QPointF(view.viewport().mapToGlobal(at)),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


# ---- selection ---------------------------------------------------------------------------------


def test_click_replaces_and_ctrl_toggles(qtbot, view):
    assert click(qtbot, view, 5) == [frozenset({5}), "replace"]
    assert click(qtbot, view, 6, CTRL) == [frozenset({6}), "toggle"]
    assert view.selection == frozenset()  # the view only asks


def test_shift_takes_the_range(qtbot, view):
    click(qtbot, view, 4)
    assert click(qtbot, view, 8, SHIFT) == [frozenset({4, 5, 6, 7, 8}), "add"]


def test_click_beside_all_blocks_clears(qtbot, view):
    with qtbot.waitSignal(view.selectionRequested) as got:
        qtbot.mouseClick(view.viewport(), LEFT, NONE, BESIDE)
    assert got.args == [frozenset(), "replace"]


@pytest.mark.parametrize("modifiers", [CTRL, SHIFT])
def test_rubber_band(qtbot, view, modifiers):
    layout = view.scene().layout
    one, other = layout.by_index[3], layout.by_index[5]
    start = view.mapFromScene(QPointF(one.x - 8, one.y - 4))
    end = view.mapFromScene(QPointF(other.right + 6, other.bottom + 4))
    viewport = view.viewport()
    with qtbot.waitSignal(view.selectionRequested) as got:
        qtbot.mousePress(viewport, LEFT, modifiers, start)
        qtbot.mouseMove(viewport, (start + end) / 2)
        qtbot.mouseMove(viewport, end)
        qtbot.mouseRelease(viewport, LEFT, modifiers, end)
    assert got.args == [frozenset({3, 4, 5}), "add"]


@pytest.mark.parametrize("role", ["selected", "cascade", "coupled", "blocked", "locked", ""])
def test_a_click_selects_whatever_the_blocks_state(qtbot, view, role):
    view.set_state(GraphState(roles={6: role} if role else {}))
    assert click(qtbot, view, 6) == [frozenset({6}), "replace"]


def test_selection_is_drawn(view):
    view.set_selection(frozenset({5}))
    assert view.selection == frozenset({5})
    assert view.scene().blocks[5].look.selected
    assert not view.scene().blocks[6].look.selected


# ---- opening -----------------------------------------------------------------------------------


def test_double_click_opens_and_closes(qtbot, view):
    with qtbot.waitSignal(view.blockOpened) as got:
        qtbot.mouseDClick(view.viewport(), LEFT, NONE, centre(view, 6))
    assert got.args == [6, True]
    assert view.opened == frozenset({6})
    with qtbot.waitSignal(view.blockOpened) as got:
        qtbot.mouseDClick(view.viewport(), LEFT, NONE, centre(view, 6))
    assert got.args == [6, False]


def test_an_opened_block_stays_where_it_was(view):
    view.zoom_reset()
    view.focus_block(6)
    before = view.mapFromScene(view.scene().blocks[6].pos())
    view.open_block(6)
    after = view.mapFromScene(view.scene().blocks[6].pos())
    assert (after - before).manhattanLength() <= 3


def test_a_concat_does_not_open(qtbot, view):
    with qtbot.assertNotEmitted(view.blockOpened):
        view.open_block(11)
    assert view.opened == frozenset()


def test_click_on_a_layer(qtbot, view):
    view.open_block(6)
    view.focus_block(6)
    item = view.scene().blocks[6]
    node = next(n for n in item.inner.place.nodes if n.label == "m.0.cv1")
    spot = item.mapToScene(
        item._inside_origin() + QPointF(node.x + node.width / 2, node.y + node.height / 2)
    )
    with (
        qtbot.assertNotEmitted(view.selectionRequested),
        qtbot.waitSignal(view.layerClicked) as got,
    ):
        qtbot.mouseClick(view.viewport(), LEFT, NONE, view.mapFromScene(spot))
    assert got.args == ["model.6.m.0.cv1.conv"]


# ---- wheel -------------------------------------------------------------------------------------


def test_the_wheel_zooms_at_the_pointer_over_blocks_too(qtbot, view):
    at = centre(view, 6)
    zoom, under = view.zoom, view.mapToScene(at)
    with qtbot.assertNotEmitted(view.ratioStepped):
        turn(view, at, 3)
    assert view.zoom == pytest.approx(zoom * 1.15**3)
    assert (view.mapToScene(at) - under).manhattanLength() < 4


@pytest.mark.parametrize("modifiers", [NONE, CTRL])
@pytest.mark.parametrize("at", ["beside", "concat"])
def test_the_wheel_zooms_everywhere(qtbot, view, modifiers, at):
    zoom = view.zoom
    with qtbot.assertNotEmitted(view.ratioStepped):
        turn(view, BESIDE if at == "beside" else centre(view, 11), 1, modifiers)
    assert view.zoom > zoom


def test_only_alt_and_the_wheel_step_a_ratio(qtbot, view):
    zoom = view.zoom
    with qtbot.waitSignal(view.ratioStepped) as got:
        turn(view, centre(view, 6), 2, ALT)
    assert got.args == [6, 2]
    with qtbot.waitSignal(view.ratioStepped) as got:
        turn(view, centre(view, 6), -1, ALT)
    assert got.args == [6, -1]
    with qtbot.assertNotEmitted(view.ratioStepped):
        turn(view, centre(view, 11), 1, ALT)  # a Concat has nothing to prune
        turn(view, BESIDE, 1, ALT)
    assert view.zoom == zoom


def test_fine_wheels_add_up(qtbot, view):
    seen = []
    view.ratioStepped.connect(lambda block, steps: seen.append((block, steps)))
    for _ in range(8):
        turn(view, centre(view, 6), 0.25, ALT)
    assert seen == [(6, 1), (6, 1)]


# ---- moving the drawing ------------------------------------------------------------------------


def middle(view):
    return view.mapToScene(view.viewport().rect().center())


def drag(qtbot, view, start, by, modifiers=NONE, button=LEFT):
    viewport = view.viewport()
    qtbot.mousePress(viewport, button, modifiers, start)
    for part in (0.4, 0.7, 1.0):
        qtbot.mouseMove(viewport, start + by * part)
    qtbot.mouseRelease(viewport, button, modifiers, start + by)


@pytest.mark.parametrize("button", [LEFT, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton])
def test_a_drag_on_empty_space_moves_the_drawing(qtbot, view, button):
    view.zoom_reset()
    before = middle(view)
    with (
        qtbot.assertNotEmitted(view.selectionRequested),
        qtbot.assertNotEmitted(view.contextMenuRequested),
    ):
        drag(qtbot, view, BESIDE, QPoint(90, 60), button=button)
    after = middle(view)
    assert (after.x() - before.x(), after.y() - before.y()) == (-90, -60)


def test_space_and_a_drag_move_the_drawing_over_blocks_too(qtbot, view):
    view.zoom_reset()
    view.focus_block(6)
    before = middle(view)
    with qtbot.assertNotEmitted(view.selectionRequested):
        qtbot.keyPress(view, Qt.Key.Key_Space)
        drag(qtbot, view, centre(view, 6), QPoint(70, 40))
        qtbot.keyRelease(view, Qt.Key.Key_Space)
    after = middle(view)
    assert (after.x() - before.x(), after.y() - before.y()) == (-70, -40)
    with qtbot.waitSignal(view.selectionRequested) as got:  # the next one selects again
        qtbot.keyClick(view, Qt.Key.Key_Space)
    assert got.args == [frozenset({6}), "toggle"]


def test_a_drag_that_began_on_a_block_moves_and_does_not_select(qtbot, view):
    view.zoom_reset()
    view.focus_block(6)
    before = middle(view)
    with qtbot.assertNotEmitted(view.selectionRequested):
        drag(qtbot, view, centre(view, 6), QPoint(50, 30))
    assert middle(view) != before


def two_fingers(view, at, dx, dy, modifiers=NONE, phase=Qt.ScrollPhase.ScrollUpdate):
    place = QPointF(view.viewport().mapToGlobal(at))
    event = QWheelEvent(
        QPointF(at),
        place,
        QPoint(dx, dy),
        QPoint(dx * 2, dy * 2),
        NO_BUTTON,
        modifiers,
        phase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


def test_two_fingers_move_the_drawing(qtbot, view):
    view.zoom_reset()
    view.focus_block(6)
    before, zoom = middle(view), view.zoom
    with qtbot.assertNotEmitted(view.ratioStepped):
        two_fingers(view, centre(view, 6), 30, -45)
    after = middle(view)
    assert (after.x() - before.x(), after.y() - before.y()) == (-30, 45)
    assert view.zoom == zoom
    two_fingers(view, centre(view, 6), 0, 60, CTRL)
    assert view.zoom > zoom


def test_a_pinch_on_a_touchpad_zooms_at_the_pointer(view):
    at = centre(view, 6)
    zoom, under = view.zoom, view.mapToScene(at)
    place = QPointF(view.viewport().mapToGlobal(at))
    event = QNativeGestureEvent(
        Qt.NativeGestureType.ZoomNativeGesture,
        QPointingDevice.primaryPointingDevice(),
        2,
        QPointF(at),
        QPointF(at),
        place,
        0.25,
        QPointF(),
    )
    QApplication.sendEvent(view.viewport(), event)
    assert view.zoom == pytest.approx(zoom * 1.25)
    assert (view.mapToScene(at) - under).manhattanLength() < 4


def test_a_pinch_on_a_touch_screen_zooms(qtbot, view):
    device = QTest.createTouchDevice()
    viewport, at = view.viewport(), centre(view, 6)
    zoom = view.zoom
    left, right = at - QPoint(60, 0), at + QPoint(60, 0)
    QTest.touchEvent(viewport, device).press(0, left).press(1, right).commit()
    for step in range(1, 8):
        wide = QPoint(12 * step, 0)
        QTest.touchEvent(viewport, device).move(0, left - wide).move(1, right + wide).commit()
    wide = QPoint(84, 0)
    QTest.touchEvent(viewport, device).release(0, left - wide).release(1, right + wide).commit()
    assert view.zoom > 1.5 * zoom


# ---- keyboard ----------------------------------------------------------------------------------


def test_arrows_move_the_focus(qtbot, view):
    for key, block in (
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_Down, 1),
        (Qt.Key.Key_Down, 2),
        (Qt.Key.Key_Up, 1),
    ):
        qtbot.keyClick(view, key)
        assert view.focused_block == block
    view.focus_block(6)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.focused_block in (11, 12)
    assert "Block" in view.accessibleDescription()


def test_every_block_can_be_reached_by_arrows(qtbot, view):
    view.focus_block(0)
    seen, edge = {0}, [0]
    while edge:
        block = edge.pop()
        for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            view.focus_block(block)
            qtbot.keyClick(view, key)
            if view.focused_block not in seen:
                seen.add(view.focused_block)
                edge.append(view.focused_block)
    assert seen == set(range(23))


def test_keys_open_select_and_clear(qtbot, view):
    view.focus_block(6)
    with qtbot.waitSignal(view.blockOpened) as got:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert got.args == [6, True]
    for key, modifiers, wanted in (
        (Qt.Key.Key_Space, NONE, [frozenset({6}), "toggle"]),
        (Qt.Key.Key_Escape, NONE, [frozenset(), "replace"]),
    ):
        with qtbot.waitSignal(view.selectionRequested) as got:
            qtbot.keyClick(view, key, modifiers)
        assert got.args == wanted


def test_a_range_begins_with_a_key_and_ends_with_a_click(qtbot, view):
    view.focus_block(4)
    qtbot.keyClick(view, Qt.Key.Key_Space)
    view.fit()
    assert click(qtbot, view, 7, SHIFT) == [frozenset({4, 5, 6, 7}), "add"]


def test_keys_zoom(qtbot, view):
    view.fit()
    zoom = view.zoom
    qtbot.keyClicks(view, "+")
    assert view.zoom == pytest.approx(zoom * 1.2)
    qtbot.keyClicks(view, "--")
    assert view.zoom == pytest.approx(zoom / 1.2)
    qtbot.keyClicks(view, "0")
    assert view.zoom == pytest.approx(zoom)


def test_jump_along_the_lines(view):
    view.focus_block(12)
    assert view.jump("source") == 11
    assert view.jump("source") == 10
    view.focus_block(12)
    assert view.jump("target") == 13
    view.focus_block(12)
    assert view.jump("target") == 17
    view.focus_block(22)
    assert view.jump("target") is None


# ---- pointer without buttons, menu, moving -------------------------------------------------------


def test_hover_is_told_once(qtbot, view):
    seen = []
    view.blockHovered.connect(seen.append)
    qtbot.mouseMove(view.viewport(), centre(view, 6))
    qtbot.mouseMove(view.viewport(), centre(view, 6) + QPoint(2, 0))
    QApplication.sendEvent(view.viewport(), QEvent(QEvent.Type.Leave))
    assert seen == [6, None]


def test_right_click_asks_for_a_menu(qtbot, view):
    right = Qt.MouseButton.RightButton
    with qtbot.waitSignal(view.contextMenuRequested) as got:
        qtbot.mouseClick(view.viewport(), right, NONE, centre(view, 6))
    assert got.args == [6, view.viewport().mapToGlobal(centre(view, 6))]
    with qtbot.waitSignal(view.contextMenuRequested) as got:
        qtbot.mouseClick(view.viewport(), right, NONE, BESIDE)
    assert got.args[0] == -1


def test_menu_key_asks_for_the_focused_block(qtbot, view):
    view.focus_block(6)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(), QPoint())
    with qtbot.waitSignal(view.contextMenuRequested) as got:
        QApplication.sendEvent(view.viewport(), event)
    assert got.args[0] == 6


@pytest.mark.parametrize("button", [Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton])
def test_dragging_moves_the_drawing(qtbot, view, button):
    view.zoom_in()
    viewport, start = view.viewport(), QPoint(400, 400)
    under = view.mapToScene(start)
    with qtbot.assertNotEmitted(view.contextMenuRequested):
        qtbot.mousePress(viewport, button, NONE, start)
        qtbot.mouseMove(viewport, start + QPoint(30, 20))
        qtbot.mouseMove(viewport, start + QPoint(60, 40))
        qtbot.mouseRelease(viewport, button, NONE, start + QPoint(60, 40))
    assert (view.mapToScene(start + QPoint(60, 40)) - under).manhattanLength() < 4


def test_search_marks_and_focus_centres(view):
    assert view.search("concat") == [11, 14, 17, 20]
    assert view.scene().blocks[14].look.matched
    view.search("")
    assert not view.scene().blocks[14].look.matched
    view.zoom_reset()
    view.focus_block(14)
    middle = view.mapToScene(view.viewport().rect().center())
    assert view.block_at(view.mapFromScene(middle)) == 14


# ---- drawing -----------------------------------------------------------------------------------


def shown(qtbot, view):
    """Wait until every pending paint is done."""
    view.viewport().repaint()
    QApplication.processEvents()


def test_only_what_changed_is_painted(qtbot, view):
    state = GraphState(roles={5: "selected"}, widths_out={5: 64})
    view.set_state(state)
    assert view.scene().refresh() == 0
    changed = GraphState(roles={5: "selected", 9: "blocked"}, widths_out={5: 64})
    view.scene().state = changed
    assert view.scene().refresh() == 1
    shown(qtbot, view)
    counts = {i: item.repaints for i, item in view.scene().blocks.items()}
    view.set_state(GraphState(roles={5: "selected"}, widths_out={5: 64}))
    qtbot.waitUntil(lambda: view.scene().blocks[9].repaints > counts[9])
    far = {i for i, item in view.scene().blocks.items() if item.repaints > counts[i]}
    assert 9 in far
    assert not far & {0, 1, 2, 3, 15, 16, 22}


def test_a_path_is_lit_and_says_why(view):
    view.set_state(GraphState(path=((4, 15),), path_text="model.15.cv1 reads model.4.cv2"))
    lit = {(e.place.source, e.place.target) for e in view.scene().lines if e.look.path}
    assert lit == {(4, 14), (14, 15)}
    callout = view.scene().callout
    assert callout.isVisible()
    for factor in (0.4, 0.7, 3.0):
        view.zoom_at(QPoint(100, 100), factor)
        shown = view.transform().m11() * callout.scale() * SIZES["plain"]
        assert shown >= LEAST_TEXT - 1e-6  # large enough at every zoom
        assert QRectF(*view.scene().layout.bounds).contains(callout.pos())
    view.set_state(GraphState())
    assert not view.scene().callout.isVisible()
    assert not any(e.look.path for e in view.scene().lines)


def test_a_path_through_unknown_blocks_is_no_error(view):
    view.set_state(GraphState(path=((4, 99),), path_text="?", roles={99: "cascade"}))
    assert not any(e.look.path for e in view.scene().lines)


@pytest.mark.parametrize("kind", ["light", "dark"])
@pytest.mark.parametrize("scale", ["", "ramp", "heat"])
def test_every_zoom_draws(view, kind, scale):
    view.set_palette_kind(kind)
    view.open_all()
    view.set_state(GraphState(overlay_scale=scale, overlay_values={i: i / 22 for i in range(23)}))
    for zoom in (0.1, 0.3, 0.45, 1.0, 3.0):
        view.zoom_at(QPointF(400, 400), zoom / view.zoom)
        image = view.grab().toImage()
        assert not image.isNull()
    assert view.legend.isVisibleTo(view)


def test_the_overview_shows_when_something_is_outside(qtbot, view):
    view.fit()
    assert not view.minimap.isVisibleTo(view)
    view.zoom_reset()
    view.zoom_in()
    view.zoom_in()
    assert view.minimap.isVisibleTo(view)
    view.centre_on_point(QPointF(300, 300))
    before = view.mapToScene(view.viewport().rect().center())
    with qtbot.waitSignal(view.viewChanged):
        qtbot.mouseClick(view.minimap, LEFT, NONE, QPoint(140, 110))
    after = view.mapToScene(view.viewport().rect().center())
    assert after.x() > before.x() and after.y() > before.y()


def test_zoom_ends_a_little_beyond_fit_and_at_four_hundred_percent(view):
    fitted = view.zoom
    for _ in range(40):
        view.zoom_out()
    assert 0.7 * fitted < view.zoom < fitted
    assert not view.zoom_control.out.isEnabled() and view.zoom_control.enlarge.isEnabled()
    for _ in range(40):
        view.zoom_in()
    assert view.zoom == 4.0
    assert not view.zoom_control.enlarge.isEnabled() and view.zoom_control.out.isEnabled()


def test_opening_does_not_rescale_even_when_the_view_is_resized_later(view):
    view.fit()
    zoom = view.zoom
    view.open_all()
    view.resize(1300, 900)
    assert view.zoom == zoom


SIGNS = {
    "plain": {},
    "in the plan": {"roles": {6: "selected"}, "ratios": {6: 0.5}, "share_kept": {6: 0.5}},
    "adjusted": {"roles": {6: "cascade"}, "widths_in": {6: 96}},
    "coupled": {"roles": {6: "coupled"}, "widths_in": {6: 96}},
    "blocked": {"roles": {6: "blocked"}},
    "locked": {"locked": frozenset({6})},
    "selected": {},
}


@pytest.mark.parametrize("kind", ["light", "dark"])
@pytest.mark.parametrize("zoom", [0.25, 1.0])
def test_no_sign_relies_on_its_hue_alone(view, kind, zoom):
    """Without colours, any two signs differ by shape: in far more than a few grey levels."""
    view.set_palette_kind(kind)
    if zoom < 0.5:
        view.open_all()
        view.fit()
    view.zoom_at(QPointF(400, 400), zoom / view.zoom)
    view.centre_on_point(view.scene().blocks[6].sceneBoundingRect().center())
    area = view.mapFromScene(view.scene().blocks[6].sceneBoundingRect()).boundingRect()
    pictures = {}
    for name, state in SIGNS.items():
        view.set_selection(frozenset({6}) if name == "selected" else frozenset())
        view.set_state(GraphState(**state))
        grey = view.viewport().grab(area).toImage().convertToFormat(QImage.Format.Format_Grayscale8)
        pictures[name] = np.frombuffer(bytes(grey.constBits()), np.uint8).astype(int)
    for one, other in combinations(pictures, 2):
        differ = (abs(pictures[one] - pictures[other]) > 40).sum()
        assert differ > 40, (one, other, differ)


def test_legend_and_zoom_lie_below_the_drawing(view):
    drawing = view.viewport().geometry()
    for part in (view.legend, view.zoom_control):
        assert part.isVisibleTo(view)
        assert not drawing.intersects(part.geometry())
        assert view.rect().contains(part.geometry())
    assert not view.legend.geometry().intersects(view.zoom_control.geometry())


def test_what_a_state_adds_to_the_legend_does_not_move_the_drawing(view):
    before, drawing = view.viewportTransform(), view.viewport().geometry()
    view.set_state(GraphState(roles={4: "selected", 5: "cascade"}, overlay_scale="ramp"))
    view.set_selection(frozenset({4}))
    assert view.viewportTransform() == before and view.viewport().geometry() == drawing
    words = view.legend.accessibleDescription()
    for word in ("in the plan", "removed", "adjusted automatically", "selected", "GFLOPs"):
        assert word in words
    assert "blocked" not in words


def test_the_zoom_control_zooms(qtbot, view):
    zoom = view.zoom
    qtbot.mouseClick(view.zoom_control.enlarge, LEFT)
    assert view.zoom > zoom
    assert view.zoom_control.percent.text() == f"{100 * view.zoom:.0f}%"
    qtbot.mouseClick(view.zoom_control.percent, LEFT)
    assert view.zoom == 1.0
    qtbot.mouseClick(view.zoom_control.whole, LEFT)
    assert view.zoom == pytest.approx(zoom)


def test_between_the_scales_of_a_head_there_is_no_block(view):
    head = view.scene().layout.by_index[22]
    first, second, _ = head.parts
    on = QPointF(head.x + 8, head.y + second.y + 8)
    between = QPointF(head.x + 8, head.y + (first.y + first.height + second.y) / 2)
    assert view.scene().block_at(on) == 22
    assert view.scene().block_at(between) is None


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_save_picture(view, tmp_path, ending):
    path = tmp_path / f"graph.{ending}"
    view.save_picture(path)
    content = path.read_bytes()
    if ending == "svg":
        assert b"<svg" in content and b"C2f" in content and b"<image" not in content
    else:
        image = QImage(str(path))
        assert image.width() == pytest.approx(2 * view.scene().sceneRect().width(), abs=2)
        assert image.pixelColor(8, 8).name() == "#f6f7f9"


def test_a_picture_of_unknown_kind_is_refused(view, tmp_path):
    with pytest.raises(UserError, match="A picture is saved as"):
        view.save_picture(tmp_path / "graph.bmp")
    with pytest.raises(UserError, match="no such file"):
        view.save_picture(tmp_path / "missing" / "graph.png")


def test_copy_picture(view):
    view.copy_picture()
    assert not QGuiApplication.clipboard().image().isNull()


# ---- life --------------------------------------------------------------------------------------


def test_an_empty_view_bears_everything(qtbot):
    view = GraphView()
    qtbot.addWidget(view)
    with qtbot.waitExposed(view):
        view.show()
    view.set_state(GraphState(roles={3: "cascade"}))
    view.set_selection(frozenset({1}))
    view.fit()
    view.zoom_in()
    view.open_block(3)
    view.open_all()
    view.focus_block(3)
    assert view.search("conv") == []
    assert view.jump("source") is None
    qtbot.mouseClick(view.viewport(), LEFT, NONE, QPoint(50, 50))
    qtbot.mouseMove(view.viewport(), QPoint(60, 60))
    turn(view, QPoint(50, 50))
    qtbot.keyClick(view, Qt.Key.Key_Down)
    view.set_table(None)
    view.grab()


def test_another_network_takes_its_place(qtbot, view, tables):
    view.open_block(6)
    view.set_selection(frozenset({6}))
    view.set_table(tables("yolov8n-cls"))
    assert view.opened == frozenset() and view.selection == frozenset()
    assert len(view.scene().blocks) == 10
    view.set_table(None)
    assert not view.scene().blocks
    assert len(view.scene().items()) == 1  # the hidden bubble


def test_items_do_not_pile_up(view, tables):
    count = len(view.scene().items())
    for _ in range(50):
        view.open_block(6)
        view.close_block(6)
        view.set_selection(frozenset({6}))
    gc.collect()
    assert len(view.scene().items()) == count


def test_everything_has_an_accessible_name(view):
    assert view.accessibleName() == "Network graph"
    assert view.minimap.accessibleName() and view.legend.accessibleName()
