"""Which trusted modules a file that was just written needs, for whoever reports that it was."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from core.errors import UserError


def needed(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trusted modules that a written checkpoint needs, where the result does not say.

    Parameters
    ----------
    result : mapping
        What a command or a job returned; the checkpoint is its ``output``, where it has one.

    Returns
    -------
    list of dict
        As `core.checkpoint.facts.Facts` has them. Nothing is opened where nothing is trusted.
    """
    from core.trust.store import agreed

    output = str(result.get("output") or "")
    if "modules" in result or not output.endswith(".pt") or not agreed():
        return []
    from core.checkpoint import load, prepare

    with contextlib.suppress(UserError):
        prepare()
        return [dict(module) for module in load(output).facts.modules]
    return []
