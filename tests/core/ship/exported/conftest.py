"""The demo's network, exported once for all tests."""

from __future__ import annotations

import pytest

import core
from core.ship.export.formats import FORMATS
from core.ship.export.run import ExportSettings, export

SIZE = 160


@pytest.fixture(scope="session")
def shipped(trained, tmp_path_factory):
    """Files of the trained network by format, made when first asked for."""
    made = {}
    folder = tmp_path_factory.mktemp("shipped")

    def get(form):
        problem = FORMATS[form].missing()
        if problem is not None:
            pytest.skip(str(problem))
        if form not in made:
            settings = ExportSettings(form, image_size=SIZE, compared=1)
            output = folder / f"w{FORMATS[form].suffix}"
            made[form] = export(core.load(trained), output, settings).output
        return made[form]

    return get
