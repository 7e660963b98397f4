"""The picture of the channel table is drawn from the table, and is the one in the documents."""

from __future__ import annotations

from xml.etree import ElementTree

from core.pipeline import analyse
from scripts import channel_picture


def test_the_picture_in_the_documents_is_what_the_table_says() -> None:
    drawn = channel_picture.Picture().svg()
    assert channel_picture.PATH.read_text("utf-8") == drawn
    names = {"{http://www.w3.org/2000/svg}rect": 0, "{http://www.w3.org/2000/svg}text": 0}
    for part in ElementTree.fromstring(drawn).iter():
        if part.tag in names:
            names[part.tag] += 1
    table = analyse(channel_picture.MODEL).table
    layers = [table.resolve_layer(name) for name in channel_picture.LAYERS]
    cells = sum(len(table.outputs(n)) for n in layers[:-1])
    cells += sum(len(table.inputs(n)) for n in layers[1:])
    frames = 1 + len(channel_picture.LAYERS)
    assert names["{http://www.w3.org/2000/svg}rect"] == cells + frames


def test_cells_of_one_atom_have_one_colour_and_others_another() -> None:
    picture = channel_picture.Picture()
    assert len(set(picture.colours.values())) == len(picture.colours)
    shown = {atom for column in picture.columns for atom in (*column.reads, *column.makes)}
    assert shown == set(picture.colours)
