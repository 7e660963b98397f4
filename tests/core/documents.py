"""Documents whose printed lines are what their commands print.

In a block marked ``console``, lines after ``$`` (and ``>``, which continues one) are run, and the
others are what is printed. A block ``text`` after a block ``python`` is what that prints. ``…``
represents any text in a line, alone on a line for any lines: for what differs between machines.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.core.warm import ROOT, Warm

__all__ = ["ROOT", "Example", "blocks", "examples", "figures", "matches", "run", "sections"]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FIGURE = re.compile(r"(?<![\w.])\d[\d.,]*(?![\w])")


@dataclass(frozen=True)
class Example:
    """Something to run, and what it prints.

    Attributes
    ----------
    code : str
        For the shell, or for Python.
    printed : tuple of str
        Lines.
    python : bool
    """

    code: str
    printed: tuple[str, ...]
    python: bool = False


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the languages and contents of a document's blocks."""
    return [(match[1], match[2]) for match in _BLOCK.finditer(text)]


def examples(text: str) -> list[Example]:
    """Return the examples of a document, in order."""
    found: list[Example] = []
    parts = blocks(text)
    for number, (language, content) in enumerate(parts):
        if language == "console":
            found += _console(content.splitlines())
        elif language == "python":
            after = parts[number + 1] if number + 1 < len(parts) else ("", "")
            printed = tuple(after[1].splitlines()) if after[0] == "text" else ()
            found.append(Example(content, printed, python=True))
    return found


def _console(lines: list[str]) -> list[Example]:
    found: list[tuple[list[str], list[str]]] = []
    for line in lines:
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [Example("\n".join(code), tuple(printed)) for code, printed in found]


def run(example: Example, folder: Path, warm: Warm) -> str:
    """Run an example in a folder; return what it prints."""
    kind = ["python", "-c"] if example.python else ["sh", "-ec"]
    done = subprocess.run(
        [str(warm.folder / kind[0]) if example.python else kind[0], kind[1], example.code],
        cwd=folder, env=warm.environment(), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{example.code}\n{done.stderr[-2000:]}"
    return done.stdout.rstrip("\n")


def pattern(printed: tuple[str, ...]) -> re.Pattern[str]:
    """Return what the whole of an output must match."""
    lines = []
    for line in printed:
        any_text = ".*?".join(re.escape(part) for part in line.split("…"))
        lines.append(r"(?:[^\n]*\n)*?" if line == "…" else f"{any_text}[ ]*\n")
    return re.compile("".join(lines))


def matches(printed: tuple[str, ...], output: str) -> bool:
    """Return whether an output is the one printed in a document."""
    whole = f"{output}\n" if output else ""
    return bool(pattern(printed).fullmatch(whole))


def sections(text: str) -> list[str]:
    """Cut a document at its headings."""
    return re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]


def figures(text: str) -> set[str]:
    """Return the figures in the running text: not in blocks, quotations and tables."""
    prose = _BLOCK.sub("", text)
    kept = [line for line in prose.splitlines() if not line.startswith((">", "|"))]
    plain = re.sub(r"\]\([^)]*\)|`[^`]*`", "", "\n".join(kept))
    return {found.rstrip(".,") for found in _FIGURE.findall(plain)}
