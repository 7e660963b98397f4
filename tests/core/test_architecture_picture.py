"""The map in the documents is drawn from the imports as they are."""

from __future__ import annotations

from scripts import architecture_picture as map_of


def test_the_map_in_the_documents_is_what_the_imports_say() -> None:
    assert map_of.PATH.read_text("utf-8") == map_of.Picture().svg(), (
        "run python scripts/architecture_picture.py"
    )


def test_every_package_stands_in_a_layer_and_none_imports_upwards() -> None:
    picture = map_of.Picture()
    names = {f"{side}.{p.stem}" for side in map_of.SIDES for p in (map_of.ROOT / side).iterdir()
             if (p.is_dir() and (p / "__init__.py").is_file()) or p.suffix == ".py"}  # fmt: skip
    apart = {"app.__init__", "app.__main__", "core.__init__"}
    assert names - apart == set(picture.boxes)
    sides = {side: map_of.layers(side) for side in map_of.SIDES}
    assert map_of.upward(picture, sides) == []
    turned = {side: list(reversed(rows)) for side, rows in sides.items()}
    assert map_of.upward(picture, turned)  # the check can fail
