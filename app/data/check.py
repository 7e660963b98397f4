"""A dataset checked against a network, in the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.client import EngineClient
from app.engine.hints import in_window

if TYPE_CHECKING:
    from core.data.findings import DatasetCheck
    from core.project import DataSetting

TASK = "check_data"
Found = Callable[["DatasetCheck"], None]


def submit_check(
    engine: EngineClient,
    path: str,
    network: str,
    done: Found,
    same_classes: bool = False,
) -> None:
    """Check a dataset against a network, in the engine.

    ``same_classes`` says whether its classes are the network's, whatever their names. The problems
    are in the words of the window.
    """

    def found(check: DatasetCheck) -> None:
        for each in check["problems"]:
            each["hint"] = in_window(each["hint"])
        done(check)

    said = {"same_classes": True} if same_classes else {}
    engine.submit(
        TASK,
        f"Check {Path(path).name}",
        {"path": network, "data": path, **said},
        done=found,
    )


def data_words(data: DataSetting | None) -> str:
    """Say in a few words what is looked at."""
    return "none" if data is None else f"{data.images} of {Path(data.path).name}"
