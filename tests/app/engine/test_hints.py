"""Hints of the engine in the words of the window: none names the command line there."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from app.engine.hints import NAMES, in_window
from app.engine.protocol import Failure
from tests.app.conftest import ROOT

NO_HINTS = {
    # A report's command, arguments of other programs, and pieces that a whole one is made of.
    "core/report/gather.py", "core/report/problem.py", "core/tune/several.py",
    "core/deploy/example.py",
}  # fmt: skip
PIECES = {"--same-classes", "--as", "{} --as __main__`."}


def text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return ""


def said() -> Iterator[str]:
    """Every text of the engine that names a command or an option, docstrings apart."""
    for path in sorted((ROOT / "core").rglob("*.py")):
        place = path.relative_to(ROOT)
        if place.parts[1] == "cli" or place.as_posix() in NO_HINTS:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        aside = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                aside |= {id(part) for part in node.values}
        for node in ast.walk(tree):
            text = text_of(node)
            if id(node) not in aside and NAMES.search(text) and text not in PIECES:
                # What is in braces may be a part of the sentence in another string.
                yield text if text.count("`") % 2 == 0 else f"{text}`"


SAID = sorted(set(said()))


def test_the_engine_names_commands() -> None:
    assert len(SAID) > 20


@pytest.mark.parametrize("text", SAID)
def test_every_hint_has_the_words_of_the_window(text) -> None:
    shown = in_window(text)
    assert not NAMES.search(shown), shown
    assert shown.count("(") == shown.count(")") and "  " not in shown and " ." not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Look at it, then trust it again: `secateur trust add /x/mine.py --as __main__`.",
        "Put it back, or trust it again: `secateur trust add a.py`.",
        "If they are yours, trust the Python file that defines them: `secateur trust add FILE "
        "--as __main__`.",
        "If they are the same classes under other names, use --same-classes; otherwise use a "
        "dataset with the classes of the model.",
    ],
)
def test_what_is_put_together_is_said_by_the_window_as_well(text) -> None:
    assert not NAMES.search(in_window(text))


@pytest.mark.parametrize("text", ["", "Choose another folder.", "mAP50-95 -- as before", "a--b"])
def test_other_texts_stay(text) -> None:
    assert in_window(text) == text


def test_failures_and_messages_go_through_it(window) -> None:
    event = {"message": "It fails.", "hint": "Pass a dataset YAML (--data)."}
    assert Failure.from_event(event).hint == "Choose a dataset."
    window.session.say("It fails.", "`secateur jobs` lists all jobs.", "error")
    (row,) = window.pane.messages.rows
    assert row.message.hint == "Jobs lists all jobs."
