"""One request of an engine task, in the process that calls: what a cluster's worker does."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from core.errors import UserError, ended_by_module, of_system
from core.progress import Progress
from core.registry import resolve
from core.system.memory import is_out_of_memory, memory_short

TASKS = "core.engine.tasks:find_task"
"""Finds a task by its name. Named, since the engine is built on what this package serves."""
MODELS = "core.engine.models:ModelStore"


class Collector:
    """A progress that keeps partial results.

    Parameters
    ----------
    whole : Progress
        Where shares of the work go.
    """

    def __init__(self, whole: Progress) -> None:
        self._whole = whole
        self.events: list[dict[str, Any]] = []

    def __call__(self, fraction: float, text: str) -> None:
        """Report a share of the work."""
        self._whole(fraction, text)

    def partial(self, data: dict[str, Any]) -> None:
        """Keep a partial result."""
        self.events.append({"event": "partial", "data": data})


def perform(task: str, request: Mapping[str, Any], progress: Progress) -> list[dict[str, Any]]:
    """Run a task for one request.

    Parameters
    ----------
    task : str
    request : mapping
    progress : Progress
        May cancel.

    Returns
    -------
    list of dict
        Its events, as `core.cluster.pool.Pool.run` describes them. What a person can mend is a
        ``failed`` event; any other exception is raised.
    """
    collected = Collector(progress)
    try:
        result = resolve(TASKS)(task)(_models(), request, collected)
        last = {"event": "done", "result": result}
    except UserError as error:
        last = _failed(error)
    except SystemExit:
        last = _failed(ended_by_module())
    except OSError as error:
        last = _failed(of_system(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        last = _failed(memory_short(error))
    return [*collected.events, last]


def _failed(error: UserError) -> dict[str, Any]:
    told = {"message": error.message, "hint": error.hint, "layers": list(error.layers)}
    return {"event": "failed", **told}


@lru_cache(maxsize=1)
def _models() -> Any:
    """Return the networks of this process: a worker takes many requests on the same one."""
    return resolve(MODELS)()
