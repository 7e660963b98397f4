"""The main job walked on the demo: from a network and images to one that is smaller, and shown."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from core.demo.place import Place
from core.demo.steps import STEPS
from core.demo.walk import MODELS, DemoSettings, Walk
from core.progress import Progress, Span, publish, silent
from core.system.files import write_json

SHOWN = 50
"""Images of the comparison that are handed on, the worst changes first."""


def run_demo(
    folder: str | Path, settings: DemoSettings | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Walk the whole main job on the demo's network.

    Parameters
    ----------
    folder : path
        Gets the results; made if it is missing, otherwise empty or an earlier demo's.
    settings : DemoSettings, optional
    progress : Progress
        Told all the way, and handed every step that is done: ``step``, ``title``, ``text`` (what
        resulted from it) and ``seconds``, with the ``plan`` once there is one and the
        ``comparison`` after comparing. May cancel; the files of steps done stay.

    Returns
    -------
    dict
        ``folder``, ``project``, ``report``, ``pictures`` (paths), ``steps`` (as handed on),
        ``models`` [{name, path, parameters, macs, bytes, milliseconds (processor time), figures}],
        ``verification``, ``tuning``, ``latency``, ``export`` (None where its tools are missing),
        ``missing`` [{runtime, message}], ``seconds``, and ``comparison`` (as
        `core.compare.files.compare_files` has it; ``summary.json`` holds all but that).

    Raises
    ------
    UserError
        When the folder cannot be used.
    """
    began = time.monotonic()
    walk = Walk(Place(Path(folder).absolute()), settings or DemoSettings())
    done: list[dict[str, Any]] = []
    at = 0.0
    for number, step in enumerate(STEPS, 1):
        started = time.monotonic()
        prefix = f"{number} of {len(STEPS)}, {step.title}: "
        progress(at, f"{prefix}starting")
        text = step.act(walk, Span(progress, at, at + step.share, prefix))
        at += step.share
        seconds = round(time.monotonic() - started, 2)
        done.append({"step": step.name, "title": step.title, "text": text, "seconds": seconds})
        publish(progress, {**done[-1], **walk.news})
        walk.news = {}
    result = {**_result(walk), "steps": done, "seconds": round(time.monotonic() - began, 1)}
    write_json(walk.place.folder / "summary.json", result)
    progress(1.0, "Done")
    shown = {**walk.compared, "images": walk.compared["images"][:SHOWN]}
    return {**result, "comparison": shown}


def _result(walk: Walk) -> dict[str, Any]:
    assert walk.pruned is not None
    models = []
    timings = walk.latency["timings"]
    for name, measured, timing in zip(MODELS, walk.compared["models"], timings, strict=True):
        path = Path(measured["path"])
        models.append(
            {
                "name": name,
                "path": str(path),
                "parameters": measured["parameters"],
                "macs": measured["macs"],
                "bytes": path.stat().st_size,
                "milliseconds": timing["cpu_ms"]["median"],
                "figures": measured["figures"],
            }
        )
    return {
        "folder": str(walk.place.folder),
        "project": str(walk.place.project),
        "report": str(walk.report),
        "pictures": [str(path) for path in walk.pictures],
        "models": models,
        "runtime": timings[0]["runtime"],
        "verification": walk.pruned.verification.to_json(),
        "tuning": walk.tuning,
        "latency": walk.latency,
        "export": walk.export,
        "missing": walk.missing,
    }
