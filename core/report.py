"""A report of a project: one HTML file that needs nothing else, or Markdown, or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import jinja2
import numpy as np

from core.errors import UserError
from core.files import sha256_of, write_atomically
from core.graph.table import ChannelTable
from core.plan.widths import Mask
from core.progress import Progress, silent
from core.project import Project, Result, place, read_project

LIBRARIES = ("secateur", "torch", "ultralytics", "numpy")
ROW, WIDTH, LEFT = 22, 300, 130


def build_report(project: str | Path, progress: Progress = silent) -> dict[str, Any]:
    """Gather what is known about a project; nothing is measured anew and nothing is written.

    Parameters
    ----------
    project : path
        A project file.
    progress : Progress

    Returns
    -------
    dict
        Plain data: ``model``, ``results``, ``blocks`` (widths before and after), ``versions`` …

    Raises
    ------
    UserError
        When the project cannot be read, or its model is not where it says, or is another file.
    """
    from core.pipeline import analyse

    file = Path(project)
    known = read_project(file)
    path = known.model_path(file)
    if path is None or known.model is None:
        raise UserError(f"The project {file} has no model.", "Open one in it, and save it.")
    if not path.is_file():
        raise UserError(
            f"The model of the project is not at {path} any more.",
            "Put it back, or open the project in the window and say where it is.",
        )
    progress(0.1, "Understanding the model")
    analysis = analyse(path)
    facts = analysis.facts
    if known.model.sha256 not in (None, facts.sha256):
        raise UserError(
            f"{path} is another file than the project was made for (its SHA-256 differs).",
            "Put the right file back.",
        )
    progress(0.5, "Reading the results")
    results = [_result(one, file) for one in known.results]
    removed = _removed(known, file, analysis.table, facts.sha256)
    progress(1.0, "Done")
    return {
        "project": file.name,
        "model": {
            "name": path.name,
            "sha256": facts.sha256,
            "family": facts.family,
            "task": facts.task,
            "classes": len(facts.classes),
            "image_size": facts.image_size,
        },
        "plan": known.plan.to_json(),
        "results": results,
        "blocks": _blocks(analysis.table, removed),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
        "replay": f"secateur prune {path.name} --plan plan.json -o again.pt",
    }


def _result(result: Result, project: Path) -> dict[str, Any]:
    path = place(result.output, project)
    there = path.is_file()
    return {
        **result.model_dump(mode="json"),
        "output": path.name,
        "sha256": sha256_of(path) if there else None,
        "bytes": path.stat().st_size if there else None,
    }


def _removed(known: Project, project: Path, table: ChannelTable, sha256: str) -> Mask | None:
    """Return what the newest result says was removed; None where it cannot say."""
    from core.pipeline import load
    from core.prune.record import stored_removal

    if not known.results:
        return None
    path = place(known.results[-1].output, project)
    if not path.is_file():
        return None
    try:
        return stored_removal(table, sha256, load(path).facts)
    except UserError:  # tuned since, or pruned from another file
        return None


def _blocks(table: ChannelTable, removed: Mask | None) -> list[dict[str, Any]]:
    blocks = []
    for block in table.blocks:
        after = None
        if removed is not None:
            gone = int(np.append(removed, False)[block.out_atoms].sum())
            after = block.out_channels - gone
        blocks.append(
            {
                "index": block.index,
                "type": block.type,
                "stage": block.stage,
                "stride": block.stride,
                "sources": list(block.sources),
                "before": block.out_channels,
                "after": after,
            }
        )
    return blocks


def draw(blocks: list[dict[str, Any]], key: str) -> str:
    """Return the block graph as SVG: a row a block, as long as it is wide, and who reads whom.

    Parameters
    ----------
    blocks : list of dict
        Of a report.
    key : str
        ``before`` or ``after``.
    """
    most = max(block["before"] for block in blocks) or 1
    height = ROW * len(blocks) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{height}" '
        f'role="img" aria-label="Block widths {key}">'
    ]
    for block in blocks:
        y = ROW * block["index"] + 4
        middle = y + ROW / 2
        long = WIDTH * block[key] / most
        label = escape(f"{block['index']} {block['type']}")
        parts.append(
            f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{label}</text>'
            f'<rect x="{LEFT}" y="{y + 2}" width="{long:.1f}" height="{ROW - 4}" '
            f'class="{escape(block["stage"])}"/>'
            f'<text x="{LEFT + long + 4:.1f}" y="{middle + 4}">{block[key]}</text>'
        )
        for source in block["sources"]:
            if 0 <= source < block["index"] - 1:
                top = ROW * source + 4 + ROW / 2
                bend = 6 + 2.5 * (block["index"] - source)
                parts.append(
                    f'<path d="M4 {top} C{bend} {top} {bend} {middle} 4 {middle}" class="skip"/>'
                )
    return "".join([*parts, "</svg>"])


_HTML = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ r.model.name }}: Secateur</title>
<link rel="icon" href="data:,"><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse}
td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;text-align:left}
svg text{font:12px system-ui,sans-serif}.backbone{fill:#5b8def}
.neck{fill:#e0a030}.head{fill:#4caf7a}
.skip{fill:none;stroke:#999}code,pre{font-size:13px;background:#f4f4f4;overflow:auto}
.graphs{display:flex;flex-wrap:wrap;gap:2rem}</style></head><body>
<h1>{{ r.model.name }}</h1>
<p>{{ r.model.family }}, {{ r.model.task }}, {{ r.model.classes }} classes,
{{ r.model.image_size }} px. SHA-256 <code>{{ r.model.sha256 }}</code></p>
<h2>Results</h2>
{% if r.results %}<table><tr><th>file</th><th>date</th><th>parameters</th><th>multiply-adds</th>
<th>relative error to the masked original</th><th>SHA-256</th></tr>
{% for one in r.results %}<tr><td>{{ one.output }}</td><td>{{ one.date }}</td>
<td>{{ "{:,}".format(one.parameters_before) }} → {{ "{:,}".format(one.parameters_after) }}</td>
<td>{{ "{:,}".format(one.macs_before) }} → {{ "{:,}".format(one.macs_after) }}</td>
<td>{{ "%.1e"|format(one.relative_error) }}</td>
<td><code>{{ one.sha256 or "the file is not there" }}</code></td></tr>{% endfor %}</table>
{% else %}<p>Nothing was pruned yet.</p>{% endif %}
<h2>Widths of the blocks</h2><div class="graphs"><div><h3>Before</h3>{{ before }}</div>
{% if after %}<div><h3>After {{ r.results[-1].output }}</h3>{{ after }}</div>{% endif %}</div>
<h2>Plan</h2><pre>{{ plan }}</pre>
<h2>Replay</h2><p>With the plan above as <code>plan.json</code>:</p><pre>{{ r.replay }}</pre>
<h2>Versions</h2><p>{% for name, value in r.versions.items() %}{{ name }} {{ value }}
{% endfor %}</p></body></html>
"""

_MARKDOWN = """# {{ r.model.name }}

{{ r.model.family }}, {{ r.model.task }}, {{ r.model.classes }} classes,
{{ r.model.image_size }} px. SHA-256 `{{ r.model.sha256 }}`

## Results

| file | parameters | multiply-adds | relative error | SHA-256 |
| --- | --- | --- | --- | --- |
{% for one in r.results -%}
| {{ one.output }} | {{ one.parameters_before }} → {{ one.parameters_after }} | \
{{ one.macs_before }} → {{ one.macs_after }} | \
{{ "%.1e"|format(one.relative_error) }} | {{ one.sha256 or "not there" }} |
{% endfor %}
## Plan

```json
{{ plan }}
```

## Replay

    {{ r.replay }}
"""


def _html(report: Mapping[str, Any]) -> str:
    from markupsafe import Markup

    blocks = report["blocks"]
    known = all(block["after"] is not None for block in blocks)
    pictures = {
        "before": Markup(draw(blocks, "before")),
        "after": Markup(draw(blocks, "after")) if known else "",
    }
    return _fill(_HTML, report, autoescape=True, **pictures)


def _fill(template: str, report: Mapping[str, Any], *, autoescape: bool, **more: Any) -> str:
    made = jinja2.Environment(autoescape=autoescape, undefined=jinja2.StrictUndefined)
    results = report["results"]
    plan = (results[-1]["plan"] if results else None) or report["plan"]
    plan = {**plan, "model_sha256": report["model"]["sha256"]}
    return made.from_string(template).render(r=report, plan=json.dumps(plan, indent=1), **more)


KINDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    ".html": _html,
    ".md": lambda report: _fill(_MARKDOWN, report, autoescape=False),
    ".json": lambda report: json.dumps(report, indent=1),
}


def write_report(project: str | Path, output: str | Path, progress: Progress = silent) -> Path:
    """Write a report; its kind goes by the name's end: ``.html``, ``.md`` or ``.json``.

    Raises
    ------
    UserError
        As ``build_report``; for another ending, or a place that cannot be written.
    """
    path = Path(output)
    if path.suffix.lower() not in KINDS:
        raise UserError(f"{path} is no report.", f"Its name ends in one of {', '.join(KINDS)}.")
    text = KINDS[path.suffix.lower()](build_report(project, progress)) + "\n"
    write_atomically(path, lambda stream: _pour(stream, text))
    return path


def _pour(stream: BinaryIO, text: str) -> None:
    stream.write(text.encode("utf-8"))
