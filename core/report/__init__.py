"""A report of a project: one HTML file that needs nothing else, or Markdown, or JSON.

What was measured is kept in a file beside the project (``core.report.store``), by the hashes of the
networks; a report holds what is known, and measures only what it is asked to. Nothing heavy is
imported here.
"""

from __future__ import annotations

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
