"""Names within a command, Markdown and a spreadsheet are words, whatever they hold."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.system.escape import (
    markdown,
    markdown_code,
    shell_command,
    shell_word,
    spreadsheet_cell,
)

HARD = ["a b", "'", '"', "$(touch MARK)", "`touch MARK`", "a;b", "a\nb", "\x1b[2J", "\u202e", "-o",
        "\\", "\\n", "$'x'", "!x", "*", "~", "#x", "a&b", "a|b", "{a,b}",
        "é", "\udcff", "\t"]  # fmt: skip
words = st.one_of(
    st.sampled_from(HARD),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
)
table = MarkdownIt("commonmark").enable("table").enable("strikethrough")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@given(st.lists(words, min_size=1, max_size=8))
@settings(max_examples=40)
def test_a_shell_reads_the_words(given_words: list[str]) -> None:
    command = shell_command("printf", "%s\\0", *given_words)
    assert "\n" not in command and command.isprintable()
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    expected = [word.encode("utf-8", "surrogateescape") for word in given_words]
    assert done.stdout.split(b"\0")[:-1] == expected and not done.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_name_that_is_not_utf_8_is_found_again() -> None:
    done = subprocess.run(
        ["bash", "-c", shell_command("printf", "%s", "a\udcff'b")], capture_output=True, check=True
    )
    assert done.stdout == b"a\xff'b"


def test_plain_words_stay_as_they_are() -> None:
    command = shell_command("secateur", "prune", Path("/a/b_c.pt"), "--plan", "plan.json")
    assert command == "secateur prune /a/b_c.pt --plan plan.json"


@pytest.mark.parametrize("name", ["-o", "--help", "-", "-a b"])
def test_a_file_is_no_option(name: str) -> None:
    assert shlex.split(shell_word(Path(name))) == [f"./{name}"]
    assert shlex.split(shell_word(name)) == [name]


@pytest.mark.parametrize("name", ["a b", 'a"b', "a\\", "a b\\", "", "a\tb"])
def test_windows_has_its_own_quotes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert shell_word(name.replace("\t", " ")) == subprocess.list2cmdline([name.replace("\t", " ")])


MARKS = ["<script>x</script>", "<img src=x onerror=y>", "[a](javascript:b)", "![a](http://b/c)",
         "**a**", "__a__", "`a`", "a|b", "# a", "- a", "1. a", "+ a", "> a", "===", "---", "~~a~~",
         "<!-- a", "&lt;b&gt;", "&#60;b>", "a\n\n# b", "\\", "\\`a`", "a\\|b", "<http://a>", "```",
         "    a", "\ta", "[a]: http://b", "a\u2028# b", "$a$", "_a_"]  # fmt: skip
texts = st.one_of(
    st.sampled_from(MARKS), st.text(), st.text("<>&`*_[]()!#|\\-+=~ \n1.a/:\"'", max_size=30)
)


def shown(tokens: list) -> str:
    """The text that tokens show; anything but text in them fails."""
    inline = [token for token in tokens if token.type == "inline"]
    for token in inline:
        kinds = {child.type for child in token.children}
        assert kinds <= {"text", "code_inline", "text_special"}, (kinds, token.content)
    return "".join(child.content for token in inline for child in token.children)


@given(texts)
@settings(max_examples=400)
def test_markdown_shows_the_text(text: str) -> None:
    from core.system.visible import visible

    line = markdown(text)
    assert markdown(line) is line
    words = visible(" ".join(text.split()))
    tokens = table.parse(line)
    assert [t.type for t in tokens if t.level == 0] in ([], ["paragraph_open", "paragraph_close"])
    assert shown(tokens) == words


@given(texts, texts)
@settings(max_examples=200)
def test_a_cell_stays_a_cell(one: str, other: str) -> None:
    code = markdown_code(other or "x")
    tokens = table.parse(f"| a | b | c |\n| --- | --- | --- |\n| {markdown(one)} | {code} | z |\n")
    kinds = [token.type for token in tokens]
    assert kinds.count("td_open") == 3 and kinds.count("tr_open") == 2
    assert not {"html_block", "heading_open", "fence"} & set(kinds)


@given(texts)
def test_code_shows_the_text(text: str) -> None:
    from core.system.visible import visible

    words = visible(" ".join(text.split())).replace("|", "\\|")
    tokens = table.parse(f"a {markdown_code(text or 'x')} b")
    codes = [
        child.content for t in tokens for child in t.children or () if child.type == "code_inline"
    ]
    assert codes == [words or ("x" if not text else "")] or not words


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "=HYPERLINK(1)", "-a", "+", "--x"]
)
def test_a_spreadsheet_gets_no_formula(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-5", "+0.5", "-12.5%", "-1.5e-07", "+3 ms", "-inf", "a=1", "", "cat", "a@b", "5-3"]
)
def test_numbers_and_words_stay(text: str) -> None:
    assert spreadsheet_cell(text) == text
