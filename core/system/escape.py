"""Words of others within a shell's command, Markdown or a spreadsheet: read as words alone."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
import sys
from pathlib import Path

from core.system.visible import visible

_MARKDOWN = re.compile(r"([\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_]))")
"""What Markdown takes for its own; an underscore within a word is one."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LINE_START = re.compile(r"^([#+=-]|\d+(?=[.)](?:\s|$)))")
"""What makes a line a heading or an entry of a list where it begins with it."""
_FORMULA = tuple("=+-@\t\r\n")
_NUMBER = re.compile(r"[+-](\d[\d.,]*|inf|nan)([eE][+-]?\d+)?( ?[%\w/]{1,8})?")


def shell_word(word: str | Path) -> str:
    """Return a word of a command, quoted for the shell of this system, on one line.

    Parameters
    ----------
    word : str or Path
        A file that begins with a hyphen is named so that it is no option.
    """
    text = f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)
    if sys.platform == "win32":
        return subprocess.list2cmdline([visible(text)])
    if text.isprintable():
        return shlex.quote(text)
    quoted = "".join(_in_quotes(character) for character in text)
    return f"$'{quoted}'"


def _in_quotes(character: str) -> str:
    r"""Write a character within ``$'…'``, in which bash, zsh and ksh read ``\xHH`` as a byte."""
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def shell_command(*words: str | Path) -> str:
    """Return a command that can be copied into a shell as it is."""
    return " ".join(map(shell_word, words))


def html_text(text: str) -> str:
    """Return text for a page or a drawing in SVG, as words or within the quotes of an attribute."""
    return html.escape(visible(text))


class Marked(str):
    """Text that is written in Markdown already."""

    __slots__ = ()


def markdown(text: str) -> Marked:
    """Return text as Markdown that shows it as it is, on one line, within a table, too."""
    if isinstance(text, Marked):
        return text
    line = visible(" ".join(text.split()))
    line = "".join(_ENTITIES.get(character, character) for character in line)
    line = _MARKDOWN.sub(r"\\\1", line)
    found = _LINE_START.match(line)
    if found:
        number = found[1] if found[1].isdigit() else ""
        line = f"{number}\\{line[len(number) :]}"
    return Marked(line)


def markdown_code(text: str) -> Marked:
    """Return text as code within a line of Markdown, or within a cell of its tables."""
    line = visible(" ".join(text.split())).replace("|", "\\|")
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * (longest + 1)
    room = " " if line[:1] == "`" or line[-1:] == "`" else ""
    return Marked(f"{ticks}{room}{line}{room}{ticks}")


def spreadsheet_cell(text: str) -> str:
    """Return a text so that no spreadsheet takes it for a formula; numbers stay numbers."""
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text
