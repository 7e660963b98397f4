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
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in KEPT or unicodedata.category(character) not in UNSEEN:
        return character
    return character.encode("unicode_escape").decode("ascii")
