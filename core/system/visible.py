"""Words of others made harmless to print: none steers a terminal or turns a line round."""

from __future__ import annotations

import unicodedata

KEPT = "\n\t\u200c\u200d"
"""Of the characters that have no glyph: line ends, tabs, and the joiners of some scripts."""
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of Unicode without a glyph: control, format (writing direction), line ends …"""


def visible(text: str) -> str:
    r"""Return a text with what cannot be seen written out, as ``\x1b`` or ``\u202e``.

    Printable text is returned as it is.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c in KEPT or unicodedata.category(c) not in UNSEEN else _written_out(c) for c in text
    )


def visible_code(text: str) -> str:
    """Return source code in which every character can be seen, spaces, tabs and line ends aside.

    Joiners and spaces of other scripts are written out as well: code needs none.
    """
    lines = text.replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c in "\n\t" else _written_out(c) for c in lines)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
