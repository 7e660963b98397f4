"""Every measurement that its shape allows can be reported: fields missing, empty or extreme."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from core.history.measurements import Measurement
from core.history.shapes import RESULTS
from core.report import ReportSettings, open_project
from core.report.gather import _assemble
from core.report.known import read_known
from core.report.render import KINDS
from core.system.records import checked
from tests.fuzz.world import measured

VALUES = (None, [], -1.5, 2**62)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in plain data."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def variants(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the data with one value left out, or another in its place."""
    for path in places(data):
        for value in ("gone", *VALUES):
            changed = copy.deepcopy(data)
            inner: Any = changed
            for key in path[:-1]:
                inner = inner[key]
            if value == "gone":
                del inner[path[-1]]
            else:
                inner[path[-1]] = value
            yield changed


@pytest.mark.parametrize("name", RESULTS)
def test_what_has_the_shape_can_be_reported(name: str, project) -> None:
    known = read_known(open_project(project), None)
    hashes = [network.sha256 for network in known.shown]
    image = next((project.parent / "data" / "images" / "val").iterdir())
    whole = measured(hashes, str(image.relative_to(project.parent)))[name]
    tried = 0
    for result in (whole, *variants(whole)):
        try:
            checked(RESULTS[name], result)
        except ValueError:
            continue
        tried += 1
        held = Measurement(
            id="a" * 12, measured=name, date="2026-01-01", models=hashes, result=result
        )
        report = _assemble(known, ReportSettings(), [held], {})
        for kind in (".html", ".md"):
            assert KINDS[kind](report, known.table)
    assert tried > 20
