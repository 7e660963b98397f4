"""Texts for people use the terms of PyTorch and Ultralytics, not the words of version 0.1."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "resources/demo/README.md"]
TEMPLATES = [*(ROOT / "core/report/templates").glob("*.jinja"), ROOT / "resources/help/page.html"]
SOURCES = [path for folder in ("app", "core") for path in (ROOT / folder).rglob("*.py")]

NOT_THIS = {
    r"\btold\b|\btells\b": "reported, shows",
    r"\bbeside\b": "next to, alongside",
    r"\bshall\b": "should, to remove",
    r"\banew\b": "again",
    r"\bsuffices?\b": "is enough",
    r"\bheld\b(?![- ]out)": "paused; kept",
    r"\bfollows? on (its|their) own\b": "adjusted automatically",
    r"\bfaults? of Secateur\b": "internal error",
    r"\bthe network's own\b|\bas the preset says\b": "default",
    r"\bmiddle half\b": "half the interquartile range",
    r"\bcame no nearer\b|\bundone:": "reverted",
    r"\bgo(es|ing)? on\b": "continue",
    r"\bmay be halved\b": "halve the batch if memory runs out",
    r"\bput panels back\b": "Reset layout",
    r"\ba folder a class\b": "class folders",
    r"\bstores the (old )?width\b": "fixed size in code",
    r"\bweighing positions\b": "preparing",
    r"\bsee the readme\b": "say what to do",
    r"\bmend(s|ed|ing)?\b": "fix, repair",
    r"\bdata sets?\b": "dataset",
    r"\bof its own accord\b|\bby itself\b": "automatically",
    r"\bimages a step\b": "batch size",
}
"""Patterns, and what to write instead; case does not matter."""
ANY = re.compile("|".join(NOT_THIS), re.IGNORECASE)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a document outside of blocks, and outside of what it quotes."""
    inside = False
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        inside ^= line.startswith("```")
        if not inside and not line.startswith((">", "```")):
            yield number, re.sub(r"`[^`]*`", "", line)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Strings of a module that people may read: words, and no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    remarks = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in remarks:
            continue
        if isinstance(node.value, str) and re.search(r"\s|^&?[A-Z]", node.value):
            yield node.lineno, node.value


def wrong(lines: Iterator[tuple[int, str]]) -> list[str]:
    """Lines with a word that is not used, with the one to use."""
    return [
        f"{number}: “{found[0]}” → {instead}"
        for number, line in lines
        if ANY.search(line)
        for pattern, instead in NOT_THIS.items()
        if (found := re.search(pattern, line, re.IGNORECASE))
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents(path: Path) -> None:
    assert wrong(prose(path)) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert wrong((number, line) for number, line in enumerate(lines, 1)) == []


def test_commands_errors_and_window() -> None:
    found = {
        str(path.relative_to(ROOT)): lines for path in SOURCES if (lines := wrong(texts(path)))
    }
    assert found == {}


def test_a_word_that_comes_back_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""It goes on."""\nTIP = f"The queue is held; {1} goes on"\nKEY = "held"\n')
    assert wrong(texts(module)) == ["2: “held” → paused; kept", "2: “goes on” → continue"]
    page = tmp_path / "page.md"
    page.write_text("Ten held-out images.\n> A quoted data set.\n`held`\nA data set.\n")
    assert wrong(prose(page)) == ["4: “data set” → dataset"]
