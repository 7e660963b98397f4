"""A report as a file: HTML, Markdown or JSON, from templates."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from core.checkpoint.facts import modules_note
from core.data.figures import figure_name, main_name, names_of
from core.errors import UserError
from core.plan.cost import gflops
from core.progress import Progress, Span, silent
from core.report import charts
from core.report.gather import ReportSettings, gather
from core.report.known import OpenProject, open_project
from core.system.escape import Marked, markdown, markdown_code, shell_word
from core.system.files import check_folder, write_text
from core.system.size import size_text
from core.system.visible import visible

if TYPE_CHECKING:
    from core.graph.table import ChannelTable

ROLES = {"original": "unpruned", "pruned": "pruned", "tuned": "pruned and fine-tuned"}
KINDS_OF_ROW = {
    **ROLES,
    "model": "another model",
    "resolution": "smaller image",
    "quantised": "lower precision",
    "runtime": "another runtime",
    "stock": "stock model",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written: where, and what the user should know about it."""

    path: Path
    notes: tuple[tuple[str, str], ...]


def write_report(
    project: str | Path | OpenProject,
    output: str | Path,
    settings: ReportSettings | None = None,
    progress: Progress = silent,
) -> Written:
    """Write a report; its kind goes by the name's end: ``.html``, ``.md`` or ``.json``.

    Raises
    ------
    UserError
        As `core.report.gather.build_report`; for another ending, or a place that cannot be
        written. Nothing is left then, but what was measured is kept.
    """
    path = Path(output)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise UserError(
            f"{path} is not a report.", f"The file name must end in {', '.join(KINDS)}."
        )
    check_folder(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder.", "Choose a file name.")
    opened = project if isinstance(project, OpenProject) else open_project(project)
    report, known = gather(opened, settings or ReportSettings(), Span(progress, 0.0, 0.95))
    text = KINDS[kind](report, known.table) + "\n"
    progress(0.98, f"Writing {path.name}")
    write_text(path, text)
    progress(1.0, "Done")
    return Written(path, tuple((note["message"], note["hint"]) for note in report["notes"]))


# ---- words for numbers --------------------------------------------------------------------------


def count(value: float | None) -> str:
    """Write a count with a unit: 3.16 M."""
    if value is None:
        return "–"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value:.0f}"


def _gflops(value: float | None) -> str:
    return "–" if value is None else gflops(value)


def size(value: float | None) -> str:
    """Write a number of bytes: 6.2 MB."""
    return "–" if value is None else f"{value / 1e6:.1f} MB"


def change(value: float | None, first: float | None) -> str:
    """Write how a value differs from another: −31.2%; nothing where it does not or is unknown."""
    if value is None or not first:
        return ""
    percent = 100 * (value / first - 1)
    if abs(percent) < 0.05:
        return "±0%"
    return f"{'−' if percent < 0 else '+'}{abs(percent):.1f}%"


def number(value: float | None, digits: int = 4) -> str:
    """Write a figure; a dash if there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """Write a difference of figures: −0.0123."""
    return "" if value is None else f"{'−' if value < 0 else '+'}{abs(value):.4f}"


def date(value: str | None) -> str:
    """Write a date of ISO 8601: 2026-11-25 18:03 UTC."""
    return "" if not value else value[:16].replace("T", " ") + (" UTC" if "+00:00" in value else "")


def duration(seconds: float | None) -> str:
    """Write a time: 40 s, 12 min."""
    if seconds is None:
        return "–"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def classes(accuracy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row a class: ``name``, ``figures`` (one per network) and ``change``, worst first."""
    models = accuracy["models"]
    key = main_name(models[0]["figures"])
    rows = []
    for name in models[0]["classes"]:
        figures = [model["classes"].get(name, {}).get(key) for model in models]
        first, last = figures[0], figures[-1]
        lost = None if first is None or last is None else last - first
        rows.append({"name": name, "figures": figures, "change": lost})
    return sorted(rows, key=lambda row: (row["change"] or 0.0, row["name"]))


def timings(latency: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the timings in groups of one runtime, precision and batch, the slowest as 1."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for timing in latency["timings"]:
        key = (timing["runtime"], timing["precision"], timing["batch"])
        groups.setdefault(key, []).append(timing)
    found = []
    for (runtime, precision, batch), rows in groups.items():
        most = max(row["ms"]["median"] for row in rows) or 1.0
        found.append(
            {
                "runtime": runtime,
                "precision": precision,
                "batch": batch,
                "rows": [{**row, "share": row["ms"]["median"] / most} for row in rows],
            }
        )
    return found


def tiles(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the figures at the top: ``title``, ``before``, ``after``, ``change`` and ``hint``."""
    first, last = report["shown"][0], report["shown"][-1]
    one = len(report["shown"]) == 1
    found = []
    for key, title, write in (
        ("parameters", "Parameters", count),
        ("macs", "GFLOPs", _gflops),
        ("bytes", "File size", size),
    ):
        found.append(_tile(title, first[key], last[key], write, one))
    accuracy, latency = report["accuracy"], report["latency"]
    name = figure_name(accuracy["measure"]) if accuracy else "Accuracy"
    figures = (
        [m["figures"].get(accuracy["measure"]) for m in accuracy["models"]] if accuracy else []
    )
    found.append(
        _tile(name, *_ends(figures), number, len(figures) == 1)
        | ({} if figures else {"hint": "not measured"})
    )
    group = next((g for g in timings(latency) if g["runtime"] == "onnx"), None) if latency else None
    if latency and group is None:
        group = timings(latency)[0]
    times = [row["ms"]["median"] for row in group["rows"]] if group else []
    title = f"ms, {group['runtime']}, batch {group['batch']}" if group else "Latency"
    found.append(
        _tile(title, *_ends(times), partial(number, digits=1), len(times) == 1)
        | ({} if times else {"hint": "not measured"})
    )
    return found


def _ends(values: list[float | None] | list[float]) -> tuple[float | None, float | None]:
    return (values[0], values[-1]) if values else (None, None)


def _tile(
    title: str,
    first: float | None,
    last: float | None,
    write: Callable[[float | None], str],
    alone: bool,
) -> dict[str, str]:
    return {
        "title": title,
        "before": "" if alone or first is None else write(first),
        "after": write(last),
        "change": "" if alone else change(last, first),
        "hint": "",
    }


# ---- the kinds ----------------------------------------------------------------------------------


def _environment(show: Callable[[str], str], *, autoescape: bool) -> jinja2.Environment:
    """Return an environment in which every text that is printed is shown by a function first.

    Whatever a template prints may be a name that someone else chose: nothing has to be marked.
    """
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=autoescape,
        finalize=lambda value: show(value) if isinstance(value, str) else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "count": count,
        "gflops": _gflops,
        "size": size,
        "pixels": size_text,
        "number": number,
        "signed": signed,
        "date": date,
        "duration": duration,
        "file": lambda name: shell_word(Path(name)),
        "code": markdown_code,
        "plain_json": lambda value: Marked(json.dumps(value, indent=1)),
    }
    made.filters |= filters
    made.globals |= {
        "change": change,
        "classes": classes,
        "timings": timings,
        "tiles": tiles,
        "figure_name": figure_name,
        "modules_note": modules_note,
        "measure_of": lambda task: names_of(str(task or ""))[0],
        "ROLES": ROLES,
        "KINDS": KINDS_OF_ROW,
    }
    return made


def _template(name: str) -> str:
    return (files("core.report") / "templates" / name).read_text(encoding="utf-8")


def _html(report: Mapping[str, Any], table: ChannelTable | None) -> str:
    from core.report.graph import draw

    pictures = {"before": "", "after": ""}
    if table is not None:
        pictures["before"] = Markup(draw(table, report["blocks"], "before"))
        if all(block["after"] is not None for block in report["blocks"]):
            pictures["after"] = Markup(draw(table, report["blocks"], "after"))
    made = _environment(_seen, autoescape=True)
    made.globals |= {
        "curves": lambda *args, **more: Markup(charts.curves(*args, **more)),
        "boxes": lambda *args: Markup(charts.boxes(*args)),
        "style": Markup(_template("report.css")),
    }
    return made.get_template("report.html.jinja").render(r=report, pictures=pictures)


def _markdown(report: Mapping[str, Any], table: ChannelTable | None) -> str:
    made = _environment(markdown, autoescape=False)
    return made.get_template("report.md.jinja").render(r=report)


def _seen(text: str) -> str:
    """Write out what cannot be seen, of text that is to be escaped; markup of our own stays."""
    return text if isinstance(text, Markup) else visible(text)


def _json(report: Mapping[str, Any], table: ChannelTable | None) -> str:
    return json.dumps(report, indent=1)


KINDS: Mapping[str, Callable[[Mapping[str, Any], ChannelTable | None], str]] = {
    ".html": _html,
    ".md": _markdown,
    ".json": _json,
}
"""How a report is written, by the end of its name."""
