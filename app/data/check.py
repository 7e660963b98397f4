"""A dataset checked against a network, in the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.engine.client import JobManager

JOB = "check_data"
Found = Callable[[dict[str, Any]], None]


def submit_check(
    jobs: JobManager,
    path: str,
    network: str,
    done: Found,
) -> None:
    """Check a dataset against a network, in the engine."""
    jobs.submit(
        JOB,
        f"Check {Path(path).name}",
        {"path": network, "data": path},
        done=done,
    )
