"""Texts, marks and colours of blocks and lines; palettes; search; the guard of singletons."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations, pairwise

import pytest

from app.graph_view.drawing.colours import PALETTES, contrast, mix, ramp_colour, rgb
from app.graph_view.drawing.ink import Ink, text_size
from app.graph_view.drawing.looks import Looks, Marks, percent, widths_text
from app.graph_view.drawing.scales import Scales
from app.graph_view.drawing.scene import GraphScene
from app.graph_view.drawing.state import GraphState
from app.graph_view.search import find_blocks
from core.drawing.layout import layout_blocks
from tests.app.graph_view.graph_families import FAMILIES

LIGHT = PALETTES["light"]


@pytest.fixture
def looks(tables):
    return Looks(tables("yolov8n"))


def test_widths_name_what_was_there():
    assert widths_text(64, 128, 64, 128) == "64 → 128"
    assert widths_text(128, 128, 64, 64) == "64 → 64 of 128"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, ""), (0.0001, "<0.1%"), (0.014, "1.4%"), (0.0996, "10%"), (0.41, "41%")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_a_block_without_a_plan_shows_the_table(looks):
    look = looks.block(6, GraphState(), Marks(), LIGHT, None)
    assert (look.title, look.widths, look.role, look.tag, look.kept) == (
        "C2f",
        "128 → 128",
        "",
        "",
        1.0,
    )


def test_a_block_in_a_plan(looks):
    state = GraphState(
        widths_out={6: 64}, share_kept={6: 0.5}, roles={6: "selected"}, ratios={6: 0.5}
    )
    look = looks.block(6, state, Marks(frozenset({6})), LIGHT, None)
    assert look.widths == "128 → 64 of 128"
    assert (look.tag, look.kept, look.selected) == ("−50%", 0.5, True)


def test_a_badge_says_what_really_goes(looks):
    state = GraphState(share_kept={6: 0.875}, roles={6: "selected"}, ratios={6: 0.1})
    assert looks.block(6, state, Marks(), LIGHT, None).tag == "−12.5%"


@pytest.mark.parametrize(
    ("role", "state", "tag"),
    [
        ("cascade", {"widths_in": {6: 96}}, "−32 in"),
        ("cascade", {"widths_out": {6: 96}}, "−32 out"),
        ("coupled", {"widths_in": {6: 96}, "widths_out": {6: 64}}, "−64 out"),
        ("cascade", {}, "inside"),
        ("blocked", {}, ""),
        ("", {}, ""),
    ],
)
def test_an_adjusted_block_says_what_changes(looks, role, state, tag):
    look = looks.block(6, GraphState(roles={6: role}, **state), Marks(), LIGHT, None)
    assert look.tag == tag


def test_a_concat_shows_each_source(looks):
    look = looks.block(11, GraphState(widths_out={6: 96}), Marks(), LIGHT, None)
    assert [(p.source, p.widths, p.before, p.after) for p in look.parts] == [
        (10, "256", 256, 256),
        (6, "96", 128, 96),
    ]
    assert [p.fill for p in look.parts] == [LIGHT.stages["neck"], LIGHT.stages["backbone"]]


def test_a_head_shows_each_scale(looks):
    look = looks.block(22, GraphState(widths_out={18: 96}), Marks(), LIGHT, None)
    assert [p.widths for p in look.parts] == [
        "64 → 64 + 80",
        "96 of 128 → 64 + 80",
        "256 → 64 + 80",
    ]
    assert [p.tag for p in look.parts] == ["", "−32 in", ""]
    levels = [p.level for p in look.parts]
    assert levels[0] == 1.0 and levels == sorted(levels, reverse=True)


def test_the_scales_of_a_head_make_up_its_cost(tables):
    for name in FAMILIES:
        table = tables(name)
        scales = Scales(table)
        for block in table.blocks:
            found = scales.of(block.index, {})
            assert not found or sum(found.values()) == pytest.approx(1)
            assert not found or set(found) == set(block.sources)


def test_a_pruned_branch_takes_less_of_the_head(looks):
    widths = {"model.22.cv3.0.1.conv": (80, 8, 80, 8)}
    before, after = looks.scales.of(22, {}), looks.scales.of(22, widths)
    assert after[15] < before[15] and after[18] > before[18]


@pytest.mark.parametrize("kind", PALETTES)
def test_hue_is_the_stage(tables, kind):
    looks = Looks(tables("yolov8n"))
    for block, stage in ((4, "backbone"), (12, "neck"), (22, "head")):
        look = looks.block(block, GraphState(), Marks(), PALETTES[kind], None)
        assert (look.fill, look.line) == (
            PALETTES[kind].stages[stage],
            PALETTES[kind].stage_lines[stage],
        )
    shown = GraphState(overlay="macs", overlay_scale="ramp", overlay_values={4: 1.0})
    look = looks.block(4, shown, Marks(), PALETTES[kind], None)
    assert look.fill == PALETTES[kind].ramp[2]  # an overlay fills; the border stays the stage's
    assert look.line == PALETTES[kind].stage_lines["backbone"]


def test_a_classifier_shows_its_classes(tables):
    looks = Looks(tables("yolov8n-cls"))
    assert looks.block(9, GraphState(), Marks(), LIGHT, None).widths == "256 → 1000"


def test_layers_of_an_open_block(tables, looks):
    inside = layout_blocks(tables("yolov8n"), frozenset({6})).insides[6]
    state = GraphState(layer_widths={"model.6.cv1.conv": (128, 64, 128, 100)})
    look = looks.block(6, state, Marks(), LIGHT, inside)
    texts = dict(zip((n.name for n in inside.nodes), look.layers, strict=True))
    assert texts["model.6.cv1.conv"] == "64 → 100"
    assert texts["model.6.cv2.conv"] == "256 → 128"
    assert len(look.changed_layers) == 1


def test_a_line_carries_what_is_kept(tables, looks):
    layout = layout_blocks(tables("yolov8n"))
    edge = next(e for e in layout.edges if (e.source, e.target) == (5, 6))
    look = looks.edge(edge, GraphState(widths_out={5: 64}), Marks(), frozenset({(5, 6)}))
    assert (look.label, look.role, look.path) == ("64", "cascade", True)


@pytest.mark.parametrize("kind", PALETTES)
def test_text_is_readable(kind):
    palette = PALETTES[kind]
    fills = [palette.box, palette.pill, palette.node, palette.inner, palette.operation]
    fills += [role.fill for role in palette.roles.values()] + list(palette.stages.values())
    for fill in (*fills, palette.locked):
        assert contrast(palette.text, fill) >= 4.5
        assert contrast(palette.text_dim, fill) >= 4.5
    for step in range(21):
        assert contrast(palette.text, ramp_colour(palette, step / 20)) >= 4.5
        assert contrast(palette.text, ramp_colour(palette, step / 20, "sensitivity")) >= 4.5
    for ground in (palette.background, palette.band):
        assert contrast(palette.text_dim, ground) >= 4.5
        assert contrast(palette.heading, ground) >= 4.5
        assert contrast(palette.roles["cascade"].tag, ground) >= 4.5
    for role in palette.roles.values():
        assert contrast(role.tag, role.tag_text) >= 4.5
        assert contrast(role.line, palette.band) >= 3
        assert contrast(role.tag, palette.box) >= 4.5
    for stage, line in palette.stage_lines.items():
        assert contrast(line, palette.stages[stage]) >= 3
    assert contrast(palette.callout, palette.callout_text) >= 4.5
    assert contrast(palette.edge, palette.background) >= 3


@pytest.mark.parametrize("kind", PALETTES)
def test_no_two_signs_share_a_colour(kind):
    palette = PALETTES[kind]
    lines = [role.line for role in palette.roles.values()] + [palette.focus, palette.lock]
    for one, other in combinations(lines, 2):
        assert sum((a - b) ** 2 for a, b in zip(rgb(one), rgb(other), strict=True)) > 60**2


def test_mix():
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("   ", []),
        ("6", [6]),
        ("99", []),
        ("detect", [22]),
        ("SPPF", [9]),
        ("concat p4", [11, 17]),
        ("model.15.cv1", [15]),
        ("head", [22]),
        ("no such thing", []),
    ],
)
def test_search(tables, text, found):
    assert find_blocks(tables("yolov8n"), text) == found


def test_qt_keeps_count_of_none():
    """PySide6 6.12.0 lost a reference to None with every call, until Python 3.11 aborted."""
    code = (
        "import sys\n"
        "from PySide6.QtCore import QRectF\n"
        "before, rectangle = sys.getrefcount(None), QRectF()\n"
        "for _ in range(5000): rectangle.adjust(0, 0, 0, 0)\n"
        "assert abs(sys.getrefcount(None) - before) < 1000\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_titles_of_lanes_never_overlap(tables, qapp, name):
    scene = GraphScene(Ink("light"))
    scene.set_table(tables(name))
    whole = [lane.title for lane in scene.layout.lanes]
    assert [title for _, title in scene.lane_titles(1.0)] == whole
    for zoom in (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0, 2.0):
        titles = scene.lane_titles(zoom)
        pixels = text_size("heading", zoom)
        for (where, title), (after, _) in pairwise(titles):
            assert where.right() <= after.left() + 1
            assert scene.ink.width("heading", pixels, title) <= where.width()
