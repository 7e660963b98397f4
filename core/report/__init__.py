"""A report of a project: one HTML file that needs nothing else, or Markdown, or JSON.

What was measured is kept in the history (``core.history.measurements``), by the hashes of the
networks; a report holds what is known, and measures only what it is asked to. Nothing is imported
before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.report.gather import ReportSettings, build_report
    from core.report.known import OpenProject, open_project
    from core.report.render import KINDS, Written, write_report

__all__ = [
    "KINDS",
    "OpenProject",
    "ReportSettings",
    "Written",
    "build_report",
    "open_project",
    "write_report",
]

_HOMES = {
    "gather": ("ReportSettings", "build_report"),
    "known": ("OpenProject", "open_project"),
    "render": ("KINDS", "Written", "write_report"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"core.report.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
