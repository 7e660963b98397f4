"""What `make docs` adds to the pages of ``docs/``: mkdocs loads this by ``mkdocs.yml``.

The documents of the repository are files that read well as they are. Here, README and the other
documents of the root become pages, with links that lead to pages; README's table of all documents
becomes the navigation; and the API reference is made of docstrings.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "resources/demo/README.md": "demo-network.md",
    "docs/notebooks/python-api.ipynb": "notebooks/python-api.md",
}
"""Files that become pages, by their place in the repository."""
PICTURES = {"resources/icons/secateur.svg": "images/secateur.svg"}
REFERENCE: Mapping[str, tuple[str, Sequence[str]]] = {
    "reference/core.md": ("Load, plan, prune", (
        "core.load", "core.analyse", "core.Plan", "core.parse_plan", "core.read_plan",
        "core.predict", "core.suggest", "core.prune", "core.verify",
        "core.checkpoint.Loaded", "core.graph.analysis.Analysis", "core.plan.predict.Prediction",
        "core.choose.suggest.Suggestion", "core.pipeline.Pruned",
        "core.pruning.verify.Verification", "core.plan.cost.CostModel",
        "core.UserError", "core.errors.CancelledError",
    )),
    "reference/data.md": ("Data, repair, comparison", (
        "core.data.stream.DataSettings", "core.system.size.ImageSize",
        "core.repair.RepairSettings", "core.compare.files.compare_files",
        "core.compare.front.measure_front", "core.search.run.search",
        "core.cluster.place.Place",
    )),
    "reference/ship.md": ("Export, latency, reports", (
        "core.ship.export.run.ExportSettings", "core.ship.export.run.export",
        "core.ship.export.formats.FORMATS", "core.ship.export.formats.Format",
        "core.ship.quantize.settings.QuantizeSettings", "core.ship.quantize.run.quantize",
        "core.ship.replay.weights_sha256", "core.ship.latency.measure.measure",
        "core.ship.latency.table.build_latency", "core.ship.latency.table.describe_here",
        "core.plan.latency.clock.Clock", "core.report.ReportSettings", "core.report.build_report",
        "core.report.write_report", "core.report.known.OpenProject",
        "core.report.measuring.Measuring",
    )),
    "reference/jobs.md": ("Jobs", (
        "core.runs.folder.create_job", "core.runs.folder.read_job",
        "core.runs.folder.status_of", "core.runs.folder.read_events", "core.runs.folder.tell",
        "core.runs.launch.launch", "core.runs.run.run_job",
        "core.runs.kinds.KINDS", "core.runs.kinds.JobKind",
    )),
    "reference/extend.md": ("Extensions", (
        "core.registry.Registry", "core.plan.criteria.CRITERIA", "core.plan.criteria.Criterion",
        "core.register_module", "core.StoredWidth", "core.graph.modules.ModuleRule",
        "core.graph.modules.forget_module", "core.cli.commands.GROUPS", "core.engine.tasks.GROUPS",
        "core.engine.tasks.find_task", "core.engine.models.ModelStore",
        "core.graph.tensors.tensors_in", "core.demo.set_up",
    )),
}  # fmt: skip
"""Pages of the API reference: their titles, and what they describe."""
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)]*)?\))")
_ROW = re.compile(r"^\| ([a-z ]+) \| (\[.*) \|$", re.MULTILINE)


def page_of(source: str) -> str:
    """Return the page or file of the site for a file of the repository.

    Raises
    ------
    KeyError
        When it is not part of the site.
    """
    known = {**PAGES, **PICTURES}
    if source not in known and source.startswith("docs/"):
        return source.removeprefix("docs/")
    return known[source]


def source_of(page: str) -> str:
    """Return the file of the repository that a page is made of."""
    return {made: source for source, made in PAGES.items()}.get(page, f"docs/{page}")


def relinked(text: str, page: str) -> str:
    """Return a document with links between files as links between pages of the site."""
    source = source_of(page)

    def replaced(link: re.Match[str]) -> str:
        target = link[2]
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        try:
            there = posixpath.relpath(page_of(file), posixpath.dirname(page) or ".")
        except KeyError:
            raise ValueError(f"{source} links to {target}, which is not part of the site") from None
        return f"{link[1]}{there}{link[3]}"

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(replaced, part) for part in parts)


def navigation(readme: str) -> list[dict[str, Any]]:
    """Return the navigation: README itself, its table of all documents, the API reference."""
    table = readme.partition("## All documents")[2]
    found: list[dict[str, Any]] = [{"Secateur": "index.md"}]
    for row in _ROW.finditer(table):
        links = re.findall(r"\[([^]]+)\]\(([^)#]+)\)", row[2])
        pages = [{_capital(text): page_of(target)} for text, target in links]
        found.append({_capital(row[1]): pages})
    reference = [{title: page} for page, (title, _) in REFERENCE.items()]
    found.insert(-1, {"API reference": reference})
    return found


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def reference(title: str, names: Sequence[str]) -> str:
    """Return the page of some names."""
    return "\n".join([f"# {title}", "", *(f"::: {name}\n" for name in names)])


def page_of_notebook(text: str) -> str:
    """Return a notebook as a document: its text, its code, and what that printed."""
    return "\n\n".join(_cells(json.loads(text))) + "\n"


def _cells(notebook: Mapping[str, Any]) -> Iterator[str]:
    for cell in notebook["cells"]:
        source = "".join(cell["source"]).strip()
        if cell["cell_type"] == "markdown":
            yield source
            continue
        yield f"```python\n{source}\n```"
        printed = "".join("".join(output.get("text", "")) for output in cell["outputs"])
        if printed:
            yield f"```text\n{printed.rstrip()}\n```"


# ---- what mkdocs calls -----------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> None:
    """Set the navigation."""
    from core.system.versions import SECATEUR

    config.nav = navigation((ROOT / "README.md").read_text("utf-8"))
    config.copyright = f"Secateur {SECATEUR}, AGPL-3.0-or-later"


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add pages."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        content = page_of_notebook(text) if source.endswith(".ipynb") else text
        files.append(File.generated(config, page, content=content))
    for source, place in PICTURES.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_bytes()))
    for page, (title, names) in REFERENCE.items():
        files.append(File.generated(config, page, content=reference(title, names)))


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links lead to pages."""
    return relinked(markdown, page.file.src_uri)
