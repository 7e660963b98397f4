"""The demo: a small network of this project's own, and the main job walked on it.

Nothing heavy is imported here.
"""

from __future__ import annotations

from core.demo.place import Place, is_ready, set_up
from core.demo.run import run_demo
from core.demo.steps import STEPS
from core.demo.text import HEAD, summary_rows, summary_text
from core.demo.walk import DemoSettings

__all__ = [
    "HEAD",
    "STEPS",
    "DemoSettings",
    "Place",
    "is_ready",
    "run_demo",
    "set_up",
    "summary_rows",
    "summary_text",
]
