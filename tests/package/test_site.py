"""The documents as a site: what is made of them, and the site itself."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import core
from core.system.versions import SECATEUR
from scripts import docs_site
from scripts.docs_site import REFERENCE, navigation, page_of, page_of_notebook, relinked
from tests.core.documents import blocks

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
DESCRIBED = {name for _, names in REFERENCE.values() for name in names}
LOADS = {
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src",),
    "source": ("src", "srcset"), "video": ("src", "poster"), "audio": ("src",),
    "object": ("data",), "embed": ("src",), "use": ("href", "xlink:href"),
}  # fmt: skip
"""Attributes by which a page loads something, without being asked to."""
ELSEWHERE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
STYLE = re.compile(r"(?:@import\s+|url\(\s*)[\"']?([^\"')\s;]+)")


class Parsed(HTMLParser):
    """What a page links to, what it loads, and the anchors in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loads += [given[name] for name in LOADS.get(tag, ()) if name in given]
        self.loads += STYLE.findall(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.loads += STYLE.findall(data)


# ---- what pages are made of ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "page", "made"),
    [
        ("[a](docs/python.md)", "index.md", "[a](python.md)"),
        ("[a](docs/python.md#with-images)", "index.md", "[a](python.md#with-images)"),
        ("![a](docs/images/why-dark.png)", "index.md", "![a](images/why-dark.png)"),
        ("[a](../CONTRIBUTING.md) [b](#here)", "demo.md", "[a](contributing.md) [b](#here)"),
        ("[a](../README.md)", "latency.md", "[a](index.md)"),
        ("[a](../python.md)", "notebooks/python-api.md", "[a](../python.md)"),
        ("[a](notebooks/python-api.ipynb)", "python.md", "[a](notebooks/python-api.md)"),
        ("[a](https://b.example/c.md)", "index.md", "[a](https://b.example/c.md)"),
        ("```sh\n[a](nowhere)\n```", "index.md", "```sh\n[a](nowhere)\n```"),
    ],
)
def test_links_between_files_become_links_between_pages(text, page, made) -> None:
    assert relinked(text, page) == made


@pytest.mark.parametrize("target", ["core/pipeline.py", "../secret.md", "tests/slow.txt"])
def test_a_link_out_of_the_site_is_refused(target) -> None:
    with pytest.raises(ValueError, match=r"README\.md links to .* not part of the site"):
        relinked(f"[a]({target})", "index.md")


def test_readme_has_the_navigation() -> None:
    found = navigation(README)
    pages = [page for part in found for value in part.values() if not isinstance(value, str)
             for each in value for page in each.values()]  # fmt: skip
    assert found[0] == {"Secateur": "index.md"} and len(found) >= 6
    assert len(set(pages)) == len(pages)
    documents = {page_of(f"docs/{path.name}") for path in (ROOT / "docs").glob("*.md")}
    assert documents | set(REFERENCE) | {"contributing.md", "security.md"} <= set(pages)


def test_a_notebook_becomes_a_page() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# A\n", "b"]},
        {"cell_type": "code", "source": ["print(1)"], "outputs": [{"text": ["1\n", "2\n"]}]},
        {"cell_type": "code", "source": ["x = 1\n"], "outputs": []},
    ]
    assert page_of_notebook(json.dumps({"cells": cells})) == (
        "# A\nb\n\n```python\nprint(1)\n```\n\n```text\n1\n2\n```\n\n```python\nx = 1\n```\n"
    )


# ---- the reference ---------------------------------------------------------------------------


def found(name: str) -> object:
    """Return what a dotted name names."""
    module, _, rest = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), rest)
    except AttributeError:
        return importlib.import_module(name)


def named_by_documents() -> dict[str, str]:
    """Names of the engine that documents write out or import in examples, with the document."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    names = {}
    for path in paths:
        text = path.read_text("utf-8")
        written = re.findall(r"`(core\.[\w.]*\w)(?<!\.py)[(`]", text)
        names |= {name: path.name for name in written if not inspect.ismodule(found(name))}
        for language, code in blocks(text):
            for node in ast.walk(ast.parse(code)) if language == "python" else ():
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core"):
                    names |= {f"{node.module}.{each.name}": path.name for each in node.names}
    return names


def test_what_the_documents_name_is_described() -> None:
    described = {id(found(name)) for name in DESCRIBED}
    missing = {
        name: document
        for name, document in named_by_documents().items()
        if id(found(name)) not in described and name != "core.cli.main.main"
    }
    assert missing == {}


def test_all_of_the_public_names_are_described() -> None:
    assert {f"core.{name}" for name in core.__all__} <= DESCRIBED


@pytest.mark.parametrize("name", [f"core.{name}" for name in core.__all__])
def test_every_parameter_of_a_public_function_is_described(name) -> None:
    described = inspect.getdoc(found(name)) or ""
    assert described
    if inspect.isfunction(found(name)):
        section = re.search(r"^Parameters\n-+\n(.*?)(?:^Raises|\Z)", described, re.M | re.S)
        assert section is not None
        for parameter in inspect.signature(found(name)).parameters:
            assert re.search(rf"^[\w, ]*\b{parameter}\b", section[1], re.MULTILINE), parameter


# ---- the site --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as by `make docs`, where nothing can be reached."""
    pytest.importorskip("mkdocs", reason="needs mkdocs (pip install 'secateur[docs]')")
    pytest.importorskip("material", reason="needs mkdocs-material (pip install 'secateur[docs]')")
    place = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"
    environment = {**os.environ, "http_proxy": nowhere, "https_proxy": nowhere}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(place)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Parsed]:
    return {path: Parsed(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_link_of_the_site_leads_somewhere(site: Path, pages: dict[Path, Parsed]) -> None:
    assert len(pages) > 30
    wrong = []
    for path, page in pages.items():
        for link in page.links if path.name != "404.html" else ():  # whose links begin with /
            target, _, anchor = link.partition("#")
            if ELSEWHERE.match(link) or target.startswith(("mailto:", "javascript:")):
                continue
            file = (path.parent / unquote(target)).resolve() if target else path
            file = file / "index.html" if file.is_dir() else file
            known = pages[file].anchors if file in pages else set()
            if not file.is_file() or (anchor and unquote(anchor) not in known):
                wrong.append(f"{path.relative_to(site)}: {link}")
    assert wrong == []


def test_every_page_says_its_version(pages: dict[Path, Parsed]) -> None:
    silent = [path.name for path in pages if f"Secateur {SECATEUR}," not in path.read_text("utf-8")]
    assert silent == []


def test_the_site_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Parsed]) -> None:
    loaded = {(path.name, each) for path, page in pages.items() for each in page.loads}
    for path in site.rglob("*.css"):
        loaded |= {(path.name, each) for each in STYLE.findall(path.read_text("utf-8"))}
    assert len(loaded) > 100
    assert [each for each in sorted(loaded) if ELSEWHERE.match(each[1])] == []


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://a.example/b.js"></script>',
        "<link href=//fonts.example/css rel=stylesheet>",
        "<style>@import 'https://a.example/b.css';</style>",
        '<p style="background: url(HTTP://a.example/b.png)">',
        '<img srcset="https://a.example/b.png 2x">',
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(text) -> None:
    assert any(ELSEWHERE.match(each) for each in Parsed(text).loads)


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("measure_front", "reference/data.html"),
        ("restricted loader", "index.html"),
        ("Modules that cannot be traced", "python.html"),
        ("core.compare.files", "notebooks/python-api.html"),
    ],
)
def test_the_site_is_searchable(site: Path, words: str, page: str) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))["docs"]
    hits = {
        entry["location"].partition("#")[0]
        for entry in index
        if words in re.sub(r"<[^>]+>", "", f"{entry['title']} {entry['text']}")
    }
    assert page in {hit or "index.html" for hit in hits}


def test_every_name_of_the_reference_has_its_place(pages: dict[Path, Parsed], site: Path) -> None:
    for page, (_, names) in docs_site.REFERENCE.items():
        path = site / page.replace(".md", ".html")
        missing = set(names) - pages[path].anchors
        assert not missing, (page, missing)
